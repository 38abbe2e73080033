package hub

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
)

// A Subscriber is a cursor on a stream's tail, with a filter, a format and a connection. One goroutine runs it.
type Subscriber struct {
	cursor
	stream     *stream
	format     Format
	transport  contract.Transport
	connection *Connection
	counters   counters

	startID string         // see StartID
	told    event.Position // the last position that the client was given, or where delivery starts
	gap     *gap           // to be told before anything else
	liveAt  uint64         // what was the newest event when the subscription began
	liveDue bool           // leat.live is to be told at liveAt
	met     bool           // it has been at the tail's end: from now on falling behind is slowness
	read    bool           // it has read history before
	resets  uint64         // the stream's, when at was last known to be good
	batch   Batch

	wake    chan struct{} // of size 1; filled by who sets waiting to false for it
	waiting bool          // guarded by the stream's lock
}

// StartID is what the wire shows as the start (SSE's first block, subscribed): the newest position for a live
// subscriber, the one just before the first event for earliest, since and last, the asked one for a client that
// resumes; empty where it asked with something that is no position, and on streams of durability none.
func (s *Subscriber) StartID() string { return s.startID }

// Position is the last position that the client was given, or where delivery would have started; empty where there is
// none. It is not for while Run runs.
func (s *Subscriber) Position() string { return s.told.String() }

// Close forgets a subscriber; Run's caller calls it when Run has returned, or when Run will not be called.
func (s *Subscriber) Close() { s.stream.leave(s) }

// Run writes what the subscriber gets, until ctx ends, the connection is ended (nil, after leat.end), or a write
// fails.
func (s *Subscriber) Run(ctx context.Context, w Writer) error {
	heartbeat := time.NewTimer(s.heartbeat())
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.connection.ended:
			return s.control(w, event.NewEnd(s.stream.contract.Name, s.told, s.connection.Reason(), s.connection.ReconnectAfter(), time.Now()))
		default:
		}
		sent, err := s.step(ctx, w, heartbeat)
		if err != nil {
			return err
		}
		if sent {
			heartbeat.Reset(s.heartbeat())
		}
	}
}

// step does the next thing due, and waits where nothing is.
func (s *Subscriber) step(ctx context.Context, w Writer, heartbeat *time.Timer) (sent bool, err error) {
	if s.gap != nil {
		return true, s.control(w, s.takeGap())
	}
	s.batch.Frames, s.batch.Events, s.batch.Bytes = s.batch.Frames[:0], 0, 0
	var newest *item
	where, err := s.advance(ctx, func(b *block) (missing uint64) {
		newest, missing = s.collect(b, &s.format, &s.batch)
		return missing
	})
	if err != nil {
		s.connection.End(event.EndUnavailable)
		return false, nil
	}
	if s.batch.Events > 0 {
		return true, s.write(w, newest, where == inTail && s.met)
	}
	if where != atEnd {
		select {
		case <-heartbeat.C: // a long way with nothing that matches
			return true, s.control(w, event.NewHeartbeat(s.stream.contract.Name, s.reached(), time.Now()))
		default:
			return false, nil
		}
	}
	if s.liveDue && s.at >= s.liveAt && s.at <= s.stream.tailLast() {
		s.liveDue = false
		return true, s.control(w, event.NewLive(s.stream.contract.Name, s.stream.position(s.at), time.Now()))
	}
	if s.wait(ctx, heartbeat.C, s.connection.ended) {
		return true, s.control(w, event.NewHeartbeat(s.stream.contract.Name, s.reached(), time.Now()))
	}
	return false, nil
}

// write sends the batch; newest is the last event in it. live tells that the subscriber waited for it.
func (s *Subscriber) write(w Writer, newest *item, live bool) error {
	told, storedAt := newest.Position, newest.storedAt
	if err := w.Write(s.batch); err != nil {
		return err
	}
	s.told = told
	s.counters.delivered.Add(float64(s.batch.Events))
	s.counters.bytes.Add(float64(s.batch.Bytes))
	if live {
		s.counters.seconds.Observe(time.Since(storedAt).Seconds())
	}
	s.counters.lag.Observe(float64(s.stream.behind(s.at)))
	return nil
}

// control sends a control event, and takes note of the position that it tells.
func (s *Subscriber) control(w Writer, e *event.Event) error {
	frame := s.format.Control(nil, e)
	if len(frame) == 0 {
		return nil
	}
	if e.Type == event.TypeGap {
		s.counters.gaps(e)
	}
	s.told = e.Position
	return w.Write(Batch{Frames: [][]byte{frame}, Bytes: len(frame)})
}

// reached is the position that a heartbeat tells.
func (s *Subscriber) reached() event.Position {
	if s.at > s.stream.tailLast() {
		return s.told // ahead of the tail: nobody is told more than what is held without a hole
	}
	return s.stream.position(s.at)
}

// wait waits until there is something to do; true says that the time is over: the heartbeat is due.
func (s *Subscriber) wait(ctx context.Context, timeout <-chan time.Time, ended <-chan struct{}) bool {
	st := s.stream
	st.mu.Lock()
	if st.reset != s.resets || !s.idle() {
		st.mu.Unlock()
		return false
	}
	s.waiting = true
	if s.liveDue || s.at > st.tail.last || !st.tail.started {
		st.eager[s] = struct{}{}
	}
	st.mu.Unlock()
	due := false
	select {
	case <-s.wake:
		return false
	case <-timeout:
		due = true
	case <-ctx.Done():
	case <-ended:
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !s.waiting {
		<-s.wake // woken at the same moment
		return due
	}
	s.waiting = false
	// Nobody woke it, so nothing that it wants has gone by: it is where the tail is.
	s.at = max(s.at, st.tail.last)
	return due
}

// idle tells whether there is nothing behind the cursor in the tail. The caller has the stream's lock.
func (s *Subscriber) idle() bool { return !s.stream.tail.started || s.at >= s.stream.tail.last }

// heartbeat draws the longest silence: the contract's, and 10 % more or less, so that not all beat at once.
func (s *Subscriber) heartbeat() time.Duration {
	d := s.stream.contract.Heartbeat
	return d - d/10 + rand.N(d/5+1)
}

// reconnectAfter spreads those who come back; leat.end counts in milliseconds.
func reconnectAfter() time.Duration {
	return time.Second + rand.N(2*time.Second).Truncate(time.Millisecond)
}
