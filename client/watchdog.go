package client

import (
	"context"
	"errors"
	"time"
)

// A watchdog notices a dead link: one on which nothing arrives, though a server that lives says something at least at
// every heartbeat. It runs only while something is waited for, so that a slow reader is not taken for a dead link.
type watchdog struct {
	timer   *time.Timer
	running time.Duration // the limit it runs with; zero: it does not run
	promise time.Duration // the longest silence that the transport allows; zero: the heartbeat's alone

	arrived time.Time     // when the last message came
	waited  time.Duration // from the message before it
	silence time.Duration // the longest that a heartbeat ended; zero: not known yet
}

const (
	connectLimit = 20 * time.Second // from the first packet to the answer

	// A contract's heartbeat is at most 5 minutes, with 10 % of jitter.
	longestSilence = 6 * time.Minute

	// Where heartbeats are near to each other, this much silence still proves nothing.
	shortestSilence = 20 * time.Second
)

// errSilent is why the watchdog ends a connection.
var errSilent = errors.New("the connection went silent: not even heartbeats came")

// guard makes the watchdog end the connection that cancel belongs to.
func (w *watchdog) guard(cancel context.CancelCauseFunc) {
	w.timer = time.AfterFunc(longestSilence, func() { cancel(errSilent) })
	w.timer.Stop()
	w.promise = 0
}

// limit is how long a silence may last: two and a half heartbeats, once one was seen.
func (w *watchdog) limit() time.Duration {
	limit := longestSilence
	if w.silence > 0 {
		limit = min(limit, max(shortestSilence, w.silence*5/2))
	}
	if w.promise > 0 {
		limit = min(limit, w.promise)
	}
	return limit
}

// start begins to wait.
func (w *watchdog) start(limit time.Duration) {
	w.running = limit
	w.timer.Reset(limit)
}

// touch tells that something arrived, if not yet what is waited for.
func (w *watchdog) touch() {
	if w.running > 0 {
		w.timer.Reset(w.running)
	}
}

// stop tells that what was waited for is there.
func (w *watchdog) stop() {
	w.timer.Stop()
	w.running = 0
	now := time.Now()
	w.waited, w.arrived = now.Sub(w.arrived), now
}

// heartbeat tells that what came last was a heartbeat, so that the silence before it was one heartbeat long.
func (w *watchdog) heartbeat() { w.silence = max(w.silence, w.waited) }

// reason is why a connection ended with err: what ended it, where that was the watchdog.
func (w *watchdog) reason(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		w.silence = 0 // it may have been learned wrong, from heartbeats that were late
		return errSilent
	}
	return err
}
