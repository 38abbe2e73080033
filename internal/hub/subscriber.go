package hub

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/wheel"
)

// A Subscriber is a cursor on a stream's tail, with a filter, a format and a connection. A goroutine runs it, or a
// pump moves it along with many others: see Run and Start.
type Subscriber struct {
	cursor
	stream     *stream
	format     *Format
	connection *Connection
	counters   *counters

	told    event.Position // the last position that the client was given, or where delivery starts
	gap     *gap           // to be told before anything else
	liveAt  uint64         // what was the newest event when the subscription began
	resets  uint64         // the stream's, when at was last known to be good
	liveDue bool           // leat.live is to be told at liveAt
	met     bool           // it has been at the tail's end: from now on falling behind is slowness
	read    bool           // it has read history before
	volume  *volume        // what it has taken history from that is not written yet

	wake    chan struct{} // of size 1; filled by who sets waiting to false for it; nil with a pump
	waiting bool          // guarded by the stream's lock
	place   int           // in stream.all; guarded by the stream's lock

	// What follows is for Start.
	try     TryWriter          // set once
	done    func(error)        // set once
	pump    *pump              // nil where its connection cannot be written to without blocking
	unsent  *unsent            // what the pump could not write
	stopped atomic.Bool        // the client is gone
	cancel  context.CancelFunc // ends what its goroutine waits for, nil while it has none; guarded by the stream's lock
	sent    uint64             // where it was when it was woken, or had last written in a goroutine; guarded by the stream's lock
	beatAt  int64              // the Unix nanoseconds at which a heartbeat is due; guarded by the stream's lock
	inWheel bool               // guarded by the stream's lock
	seat    wheel.Seat         // guarded by the pump's lock
}

// An unsent is what is left of a write that the socket did not take whole.
type unsent struct {
	batch  Batch
	newest event.Position // the last event's
	failed error
}

// StartID is what the wire shows as the start (SSE's first block, subscribed): the newest position for a live
// subscriber, the one just before the first event for earliest, since and last, the asked one for a client that
// resumes; empty where it asked with something that is no position, and on streams of durability none. It is for
// before the subscriber runs.
func (s *Subscriber) StartID() string { return s.told.String() }

// Position is the last position that the client was given, or where delivery would have started; empty where there is
// none. It is not for while the subscriber runs.
func (s *Subscriber) Position() string { return s.told.String() }

// Close forgets a subscriber; the caller calls it when Run has returned or done was called, or when it will not run.
func (s *Subscriber) Close() {
	s.connection.forget(s)
	s.stream.leave(s)
}

// Run writes what the subscriber gets, until ctx ends, the connection is ended (nil, after leat.end), or a write
// fails.
func (s *Subscriber) Run(ctx context.Context, w Writer) error {
	s.joined()
	s.wake = make(chan struct{}, 1)
	return s.loop(ctx, w, s.connection.Ended(), nil)
}

// loop moves the subscriber until its end, or, where rest is not nil, until there is nothing to do: it then calls rest,
// and has nothing to do with the subscriber any more. sent tells rest whether anything was written. A wait ends with
// ctx, or when ended is closed.
func (s *Subscriber) loop(ctx context.Context, w Writer, ended <-chan struct{}, rest func(sent bool)) error {
	silence := time.NewTimer(s.heartbeat())
	defer silence.Stop()
	written := false
	for {
		switch {
		case s.stopped.Load():
			return context.Canceled
		case s.connection.over.Load():
			return s.end(w)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		sent, idle, err := s.step(ctx, w)
		switch {
		case err != nil:
			return err
		case idle && rest != nil:
			rest(written)
			return errRests
		case idle && s.wait(ctx, silence.C, ended), !idle && !sent && fired(silence):
			sent, err = true, s.beat(w)
		}
		if err != nil {
			return err
		}
		if sent {
			written = true
			silence.Reset(s.heartbeat())
		}
	}
}

// end writes the last there is to write on a connection that the server ends.
func (s *Subscriber) end(w Writer) error {
	if s.connection.pushed.Load() {
		if err := s.connection.FlushPushes(w); err != nil {
			return err
		}
	}
	return s.control(w, event.NewEnd(s.stream.name, s.told, s.connection.Reason(), s.connection.ReconnectAfter(), time.Now()))
}

// errRests says that a loop's subscriber rests.
var errRests = errors.New("nothing to do")

func fired(t *time.Timer) bool {
	select {
	case <-t.C:
		return true
	default:
		return false
	}
}

// step does the next thing due; idle says that there is none.
func (s *Subscriber) step(ctx context.Context, w Writer) (sent, idle bool, err error) {
	switch {
	case s.connection.pushed.Load():
		return true, false, s.connection.FlushPushes(w)
	case s.gap != nil:
		return true, false, s.control(w, s.takeGap())
	}
	var batch Batch
	var newest *item
	before := s.at
	where, err := s.advance(ctx, func(b *block) (missing uint64) {
		newest, missing = s.collect(b, s.format, &batch)
		return missing
	})
	switch {
	case err != nil:
		s.connection.End(event.EndUnavailable)
		return false, false, nil
	case batch.Events > 0 && where == inPast:
		return true, false, s.writePast(w, batch, newest, before)
	case batch.Events > 0:
		return true, false, s.write(w, batch, newest, where == inTail && s.met)
	case where != atEnd:
		return false, false, nil
	case s.takeLive():
		return true, false, s.control(w, event.NewLive(s.stream.name, s.stream.position(s.at), time.Now()))
	}
	return false, true, nil
}

// takeLive tells whether leat.live is to be told now, once.
func (s *Subscriber) takeLive() bool {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	now := s.liveNow()
	s.liveDue = s.liveDue && !now
	return now
}

// liveNow tells whether the newest event of when the subscription began, and the tail, are reached, and nobody has told
// so. The caller has the stream's lock.
func (s *Subscriber) liveNow() bool {
	return s.liveDue && s.at >= s.liveAt && s.at <= s.stream.tail.last
}

// beat tells that there is nothing to tell.
func (s *Subscriber) beat(w Writer) error { return s.control(w, s.heartbeatNow(time.Now())) }

func (s *Subscriber) heartbeatNow(now time.Time) *event.Event {
	return event.NewHeartbeat(s.stream.name, s.reached(), now)
}

// write sends the batch; newest is the last event in it. live tells that the subscriber waited for it.
func (s *Subscriber) write(w Writer, batch Batch, newest *item, live bool) error {
	told, storedAt := newest.Position, newest.storedAt
	if err := w.Write(batch); err != nil {
		return err
	}
	if live {
		s.counters.seconds.Observe(time.Since(storedAt).Seconds())
	}
	s.wrote(batch.Events, batch.Bytes, told)
	return nil
}

// wrote takes note of events that are with the kernel, the last one at the position told.
func (s *Subscriber) wrote(events, bytes int, told event.Position) {
	s.told = told
	s.counters.delivered.Add(float64(events))
	s.counters.bytes.Add(float64(bytes))
	s.counters.lag.Observe(float64(s.behind()))
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
	if st.reset != s.resets || !s.idle() || s.liveNow() || s.hasPushes() {
		st.mu.Unlock()
		return false
	}
	s.rest()
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
	s.claim(st.woken)
	return due
}

// rest leaves the subscriber to who wakes it. The caller has the stream's lock.
func (s *Subscriber) rest() {
	s.waiting = true
	if st := s.stream; s.liveDue || s.at > st.tail.last || !st.tail.started {
		st.eager[s] = struct{}{}
	}
}

// idle tells whether nothing that was announced is behind the cursor. The caller has the stream's lock.
func (s *Subscriber) idle() bool { return !s.stream.tail.started || s.at >= s.stream.woken }

// heartbeat draws the longest silence: the contract's, and 10 % more or less, so that not all beat at once.
func (s *Subscriber) heartbeat() time.Duration {
	d := s.stream.contract.Load().Heartbeat
	return d - d/10 + rand.N(max(d/5-wheel.Tick, 1))
}

// reconnectAfter spreads those who come back; leat.end counts in milliseconds.
func reconnectAfter() time.Duration {
	return time.Second + rand.N(2*time.Second).Truncate(time.Millisecond)
}
