package hub

import (
	"context"
	"errors"
	"time"

	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"golang.org/x/sync/errgroup"
)

const (
	// linger is how long the log is followed after the last subscriber has left: most come back.
	linger = 30 * time.Second
	// compareEvery is how often the tail is compared with the log's last sequence.
	compareEvery = 500 * time.Millisecond
	// followRetry is the pause after the follower's connection broke twice in short order.
	followRetry = 200 * time.Millisecond
)

// run follows the log while the stream has subscribers, until ctx ends.
func (st *stream) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-st.joined:
		}
		for st.subscribed() && ctx.Err() == nil {
			started := time.Now()
			if err := st.followOnce(ctx); err != nil && ctx.Err() == nil {
				st.logger.Warn("the event log's follower broke, and begins again", "error", err)
			}
			if time.Since(started) < followRetry {
				pause(ctx, followRetry)
			}
		}
	}
}

// followOnce follows until the connection breaks, ctx ends, or nobody has subscribed for a while.
func (st *stream) followOnce(ctx context.Context) error {
	if st.live {
		st.beginLive()
		defer st.deaf()
	} else if err := st.meet(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		after := st.tailLast()
		return st.log.Follow(ctx, after, func(entries []eventlog.Entry) { st.deliver(ctx, entries) })
	})
	g.Go(func() error { return st.compare(ctx) })
	err := g.Wait()
	if errors.Is(err, errIdle) {
		st.history.sweep(time.Now().Add(historyUnused))
		return nil
	}
	return err
}

var (
	errIdle     = errors.New("nobody subscribes") // ends the group; nothing is wrong
	errWentBack = errors.New("the event log went back")
)

// meet asks the log where it is. A tail that is not far behind goes on from where it is.
func (st *stream) meet(ctx context.Context) error {
	known := st.tailLast()
	state, err := st.asker.state(ctx)
	if err != nil {
		return err
	}
	st.lineage.Store(&state.Lineage)
	if to, back := st.wentBack(&state, known); back {
		st.begin(to)
	} else if !st.tailStarted() || state.Last-known > uint64(st.tail.maxEvents) || state.First > known+1 {
		st.begin(state.Last)
	}
	return nil
}

// wentBack tells whether the log no longer has what the tail ends with, and where the two part. The numbers alone do
// not show it: a stream in memory that began anew may have grown beyond them since. The caller is run.
func (st *stream) wentBack(state *eventlog.State, known uint64) (to uint64, back bool) {
	to, back = state.Last, state.Last < known
	if st.met != nil {
		if at, reason := state.Locate(st.met.Position(known)); reason != "" {
			to, back = min(at, state.Last), true
		}
	}
	st.met = &state.Lineage
	return to, back
}

// deliver appends what the follower brought, and reads what it has missed.
func (st *stream) deliver(ctx context.Context, entries []eventlog.Entry) {
	st.follow <- struct{}{}
	defer func() { <-st.follow }()
	for len(entries) > 0 && !st.live {
		next := st.tailLast() + 1
		hole := len(entries) // the first entry before which events are missing
		for i := range entries {
			sequence := entries[i].Sequence()
			if sequence > next {
				hole = i
				break
			}
			next = max(next, sequence+1)
		}
		st.append(entries[:hole])
		if entries = entries[hole:]; len(entries) == 0 {
			return
		}
		if !st.fill(ctx, entries[0].Sequence()-1) {
			return // the comparison or the next follower brings it
		}
		if st.tailLast()+1 < entries[0].Sequence() {
			st.append(entries[:1]) // the log no longer has what is missing: subscribers are told of the hole
			entries = entries[1:]
		}
	}
	if st.live {
		st.listens() // the first batch is empty, and says so
		st.append(entries)
	}
}

// fill reads what the log has behind the tail, up to and including a sequence. It returns false where the log did
// not answer. The caller has st.follow.
func (st *stream) fill(ctx context.Context, upTo uint64) bool {
	for {
		last := st.tailLast()
		if last >= upTo {
			return true
		}
		request := eventlog.ReadRequest{After: last, Events: int(min(upTo-last, maxBlockEvents)), Bytes: chunkBytes}
		entries, err := st.log.Read(ctx, request)
		if err != nil {
			st.logger.Warn("reading what the follower has missed", "after", last, "error", err)
			return false
		}
		if len(entries) == 0 || entries[0].Sequence() > upTo {
			return true
		}
		st.append(entries)
	}
}

// compare holds the tail against the log: what the log had a while ago and the tail still lacks was missed.
func (st *stream) compare(ctx context.Context) error {
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	var before uint64
	empty := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			st.history.sweep(now)
		}
		if empty += compareEvery; st.subscribed() {
			empty = 0
		}
		if empty >= linger {
			return errIdle
		}
		if st.live {
			continue
		}
		known := st.tailLast()
		state, err := st.asker.state(ctx)
		if err != nil {
			continue // readers notice when they need the log; the follower's own error ends this
		}
		st.lineage.Store(&state.Lineage)
		if to, back := st.wentBack(&state, known); back {
			st.logger.Warn("the event log went back", "from", known, "to", to)
			st.begin(to)
			return errWentBack
		}
		if before > known {
			st.follow <- struct{}{}
			st.fill(ctx, before)
			<-st.follow
		}
		before = state.Last
	}
}

// beginLive makes the tail ready for the next event that comes by; numbering goes on. Whoever was there before is
// told that something may have gone by unheard.
func (st *stream) beginLive() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.tail.started {
		st.reset++
		st.to = st.tail.last
	}
	st.tail.started = true
	st.wakeAll(st.woken)
}

// listens notes that from now on nothing published is missed.
func (st *stream) listens() {
	st.mu.Lock()
	defer st.mu.Unlock()
	select {
	case <-st.listening:
	default:
		close(st.listening)
	}
}

func (st *stream) deaf() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.listening = make(chan struct{})
}

// awaitListening waits until the follower hears what is published: a subscriber of durability none stands only then.
func (st *stream) awaitListening(ctx context.Context) error {
	st.mu.Lock()
	listening := st.listening
	st.mu.Unlock()
	timer := time.NewTimer(stateTimeout)
	defer timer.Stop()
	select {
	case <-listening:
		return nil
	case <-timer.C:
		return problem.New(problem.Unavailable, "the event log does not answer now; try again")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (st *stream) tailLast() uint64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.tail.last
}

func (st *stream) tailStarted() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.tail.started
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
