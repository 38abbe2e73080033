package hub

import (
	"context"
	"errors"
	"time"

	"github.com/leatstream/leat/internal/problem"
)

// A TryWriter can also write without blocking, so that a pump can move its subscriber and no goroutine waits for it.
type TryWriter interface {
	Writer
	// TryWrite writes what the kernel takes at once. ErrFull says that this was not all, and that Write is to go on
	// after so many bytes of the batch, also where these were all; errors.ErrUnsupported that this connection can
	// only block.
	TryWrite(b Batch) (written int, err error)
}

// ErrFull says that a socket takes no more now.
var ErrFull = errors.New("the socket is full")

// Start writes what the subscriber gets, in the background. It calls done once, from another goroutine:
// with nil after leat.end where the connection was ended, else with the error of a write or what Stop caused.
func (s *Subscriber) Start(w Writer, done func(error)) {
	s.joined()
	s.done = done
	try, ok := w.(TryWriter)
	if !ok {
		s.wake = make(chan struct{}, 1)
		try = blocking{w}
	}
	s.try = try
	go s.spin()
}

// blocking is a Writer that can only block.
type blocking struct{ Writer }

func (blocking) TryWrite(Batch) (int, error) { return 0, errors.ErrUnsupported }

// Stop ends what Start began, because the client is gone: done is called soon. A write under way ends with its
// connection, which the caller closes before.
func (s *Subscriber) Stop() {
	s.stopped.Store(true)
	s.interrupt()
}

// interrupt makes a subscriber that was started see that it is over.
func (s *Subscriber) interrupt() {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case s.cancel != nil:
		s.cancel()
	case s.waiting && s.wake == nil:
		s.waiting = false
		go s.spin()
	}
}

// interrupted tells whether it is over.
func (s *Subscriber) interrupted() bool {
	return s.connection.over.Load() || s.stopped.Load()
}

// diverted tells whether what is due is no matter for a pump: it is over, or something was pushed.
func (s *Subscriber) diverted() bool { return s.interrupted() || s.hasPushes() }

// spin moves a subscriber that was started in a goroutine of its own, until a pump can do so, or to its end.
func (s *Subscriber) spin() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.engage(cancel)
	if err := s.turn(ctx); !errors.Is(err, errRests) {
		s.done(err)
	}
}

// turn flushes and loops. The error may be a bug of ours, which ends this subscriber alone.
func (s *Subscriber) turn(ctx context.Context) (err error) {
	defer problem.Caught(&err)
	flushed := s.unsent != nil
	if err := s.flush(); err != nil {
		return err
	}
	return s.loop(ctx, s.try, nil, s.pumped(flushed))
}

func (s *Subscriber) engage(cancel context.CancelFunc) {
	s.stream.mu.Lock()
	s.cancel = cancel
	s.stream.mu.Unlock()
	if s.interrupted() {
		cancel()
	}
}

// flush writes what a pump could not write.
func (s *Subscriber) flush() error {
	u := s.unsent
	if u == nil {
		return nil
	}
	s.unsent = nil
	if u.failed != nil {
		return u.failed
	}
	if err := s.try.Write(u.batch); err != nil {
		return err
	}
	s.told = u.newest
	s.counters.delivered.Add(float64(u.batch.Events))
	s.counters.bytes.Add(float64(u.batch.Bytes))
	return nil
}

// pumped gives what leaves the subscriber to its pump, nil where it must go on by itself. flushed tells that something
// was written already.
func (s *Subscriber) pumped(flushed bool) func(sent bool) {
	if s.wake != nil {
		return nil
	}
	return func(sent bool) {
		s.stream.mu.Lock()
		s.cancel = nil
		s.stream.mu.Unlock()
		s.pump.park(s, time.Now(), sent || flushed)
	}
}
