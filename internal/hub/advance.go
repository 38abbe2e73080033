package hub

import (
	"context"
	"errors"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// where a cursor is in its stream. Live, resuming and slow are the same state at different distances.
type where int

const (
	atEnd   where = iota // nothing is behind it yet
	inTail               // what it needs is in the tail
	inPast               // what it needs is in the log
	skipped              // it has been moved on over what is missing; s.gap tells of it
)

const (
	logRetry    = 250 * time.Millisecond // the pause before the log is asked again
	logPatience = 10 * time.Second       // how long a reader waits for it
	// emptyReads is how often a read may give nothing where the log's leader has events, before they count as
	// lost (a torn disk); the first time it can have been a replica that lags.
	emptyReads = 4
)

var errUnreadable = errors.New("the event log cannot be read")

// advance finds the block with what comes next and gives it to take, which moves the cursor over it and returns the
// last sequence that is missing where it met a hole. An error says that the log cannot be read.
func (s *Subscriber) advance(ctx context.Context, take func(*block) (missing uint64)) (where, error) {
	st := s.stream
	st.mu.Lock()
	t := &st.tail
	switch {
	case st.reset != s.resets:
		to := st.to
		s.resets = st.reset
		st.mu.Unlock()
		if st.live || s.at > to {
			s.skip(to, event.GapReset)
			return skipped, nil
		}
		return inPast, nil // no block was taken; the next call goes on
	case s.idle():
		s.met = s.met || t.started && s.at >= s.liveAt
		st.mu.Unlock()
		return atEnd, nil
	case s.at >= t.base:
		missing := take(t.block(s.at))
		st.mu.Unlock()
		if missing > 0 {
			s.skip(missing, event.GapExpired)
		}
		return inTail, nil
	}
	last := t.last
	st.mu.Unlock()
	if st.live || s.met && st.contract.Slow == contract.SlowSkip {
		s.skip(last, event.GapOverflow)
		return skipped, nil
	}
	return inPast, s.readPast(ctx, last, take)
}

// A gap is a leat.gap that is due. It leads from what was told last, but at the start from what the client asked.
type gap struct {
	asked  string
	to     event.Position
	reason event.GapReason
}

// skip moves the cursor over what will not come, and leaves the gap to be told.
func (s *Subscriber) skip(to uint64, reason event.GapReason) {
	s.at = to
	s.gap = &gap{to: s.stream.position(to), reason: reason}
}

// takeGap makes the event of the gap that is due.
func (s *Subscriber) takeGap() *event.Event {
	g := s.gap
	s.gap = nil
	if g.asked == "" {
		g.asked = s.told.String()
	}
	return event.NewGap(s.stream.contract.Name, g.asked, g.to, g.reason, time.Now())
}

// readPast gives take a block of history; last is where the tail ended before. It waits where the log gives nothing
// and has something; an error says that it has waited long enough.
func (s *Subscriber) readPast(ctx context.Context, last uint64, take func(*block) uint64) error {
	st := s.stream
	began, warned := time.Now(), false
	for reads := 1; ; reads++ {
		v, err := st.history.read(ctx, s.key, s.at, !s.read)
		done := false
		if err == nil && !s.over(ctx) {
			done, err = s.takePast(ctx, v, last, reads >= emptyReads, take)
		}
		switch {
		case done, s.over(ctx):
			return nil // the caller sees which
		case err != nil && !warned:
			warned = true
			st.logger.Warn("the event log does not answer a reader; trying again", "after", s.at, "error", err)
		case time.Since(began) > logPatience:
			return errUnreadable
		}
		pause(ctx, logRetry)
	}
}

// over tells whether nobody waits any more for what is read: the client has left, or the server ends the connection.
func (s *Subscriber) over(ctx context.Context) bool {
	return ctx.Err() != nil || s.connection != nil && s.connection.Reason() != ""
}

// takePast moves the cursor over what was read, nil where the log gave nothing; it returns false where that proves
// nothing yet. sure tells that the log has been asked often enough.
func (s *Subscriber) takePast(ctx context.Context, v *volume, last uint64, sure bool, take func(*block) uint64) (bool, error) {
	var holes []eventlog.Hole
	if v == nil || v.sparse { // such blocks do not show what is missing before them
		state, err := s.stream.asker.state(ctx)
		if err != nil {
			return false, err
		}
		if state.First > s.at+1 {
			s.skip(state.First-1, event.GapExpired)
			return true, nil
		}
		holes = state.Holes
	}
	switch {
	case v != nil:
		v.mu.Lock()
		v.holes = holes
		missing := take(&v.block)
		v.mu.Unlock()
		if missing > 0 {
			s.skip(missing, event.GapExpired)
		}
	case !s.key.IsZero(): // nothing of this key
		if missing := firstHole(holes, s.at, last); missing > 0 {
			s.skip(missing, event.GapExpired)
		} else {
			s.at = max(s.at, last)
		}
	case !sure:
		return false, nil
	default:
		s.stream.logger.Warn("the event log has lost events; who reads is told of a gap", "after", s.at, "to", last)
		s.skip(last, event.GapExpired)
	}
	s.read = true
	return true, nil
}

// behind is how many events the tail holds, or has held, behind what was written.
func (s *Subscriber) behind() uint64 {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	s.sent = s.at
	return st.tail.last - min(s.at, st.tail.last)
}
