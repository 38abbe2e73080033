package hub

import (
	"context"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
)

// where a cursor is in its stream. Live, resuming and slow are the same state at different distances.
type where int

const (
	atEnd   where = iota // nothing is behind it yet
	inTail               // what it needs is in the tail
	inPast               // what it needs is in the log
	skipped              // it has been moved on over what is missing; s.gap tells of it
)

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
		missing := func() uint64 {
			defer st.mu.Unlock() // also if the format has a bug
			return take(t.block(s.at))
		}()
		if missing > 0 {
			s.skip(missing, event.GapExpired)
		}
		return inTail, nil
	}
	last := t.last
	st.mu.Unlock()
	if st.live || s.met && st.contract.Load().Slow == contract.SlowSkip {
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
	return event.NewGap(s.stream.name, g.asked, g.to, g.reason, time.Now())
}

// behind is how many events the tail holds, or has held, behind what was written.
func (s *Subscriber) behind() uint64 {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	s.sent = s.at
	return st.tail.last - min(s.at, st.tail.last)
}
