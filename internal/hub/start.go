package hub

import (
	"context"
	"fmt"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// StartPosition is where a subscription would start, for a client that is refused and comes back later: so it skips
// nothing that is stored meanwhile. It is the newest position for latest, the one just before the first event for
// earliest, since and last, and the asked one for a client that resumes, which the log need not know; zero where it
// asked with something that is no position, and on streams of durability none.
func (h *Hub) StartPosition(ctx context.Context, sub Subscription) (event.Position, error) {
	if sub.Start.Kind == StartAfter {
		return sub.Start.After, nil
	}
	st, err := h.stream(sub.Stream.Name)
	if err != nil {
		return event.Position{}, err
	}
	s := &Subscriber{cursor: cursor{filter: filter{sub.Key, sub.Types}}, stream: st}
	if err := s.start(ctx, sub.Start); err != nil {
		return event.Position{}, fmt.Errorf("stream %s: %w", st.name, err)
	}
	return s.told, nil
}

// start finds where a subscription begins in what the log holds, and sets what the subscriber is told first.
func (s *Subscriber) start(ctx context.Context, start Start) error {
	if s.stream.live {
		return nil // it stands at the tail's end once the follower listens
	}
	state, err := s.stream.asker.state(ctx)
	if err != nil {
		return unavailable(ctx, err)
	}
	s.stream.lineage.Store(&state.Lineage)
	s.liveAt, s.liveDue = state.Last, start.Kind != StartLatest
	s.at = state.Last
	switch start.Kind {
	case StartEarliest:
		s.at = state.First - 1
	case StartSince:
		first, err := s.stream.log.Since(ctx, start.Since)
		if err != nil {
			return unavailable(ctx, err)
		}
		s.at = max(first, state.First) - 1
	case StartLast:
		if s.at, err = s.lastMatching(ctx, state, start.Last); err != nil {
			return unavailable(ctx, err)
		}
	case StartAfter:
		s.resume(state, start)
		return nil
	}
	s.told = state.Position(s.at)
	return nil
}

// resume starts behind a position that the client gives back.
func (s *Subscriber) resume(state eventlog.State, start Start) {
	s.told = start.After
	missing := func(to uint64, reason event.GapReason) {
		s.at = to
		s.gap = &gap{start.Asked, state.Position(to), reason}
	}
	if start.After.IsZero() {
		missing(state.Last, event.GapUnknown)
		return
	}
	sequence, reason := state.Locate(start.After)
	switch oldest := state.First - 1; {
	case reason != "":
		missing(max(sequence, oldest), reason)
	case sequence > state.Last:
		missing(state.Last, event.GapUnknown)
	case sequence < oldest:
		missing(oldest, event.GapExpired)
	default:
		s.at = sequence
	}
}

// lastMatching finds the sequence behind which the last n events that match are.
func (s *Subscriber) lastMatching(ctx context.Context, state eventlog.State, n int) (uint64, error) {
	oldest := state.First - 1
	switch {
	case s.all():
		return max(oldest, state.Last-min(uint64(n), state.Last)), nil
	case !s.key.IsZero():
		return s.lastOfKey(ctx, state, n)
	}
	for end := state.Last; end > oldest; {
		begin := max((end-1)/chunkEvents*chunkEvents, oldest)
		matches, err := s.scan(ctx, begin, end)
		if err != nil {
			return 0, err
		}
		if len(matches) >= n {
			return matches[len(matches)-n] - 1, nil
		}
		n -= len(matches)
		end = begin
	}
	return oldest, nil
}

// scan gives the sequences in (begin, end] that match.
func (s *Subscriber) scan(ctx context.Context, begin, end uint64) ([]uint64, error) {
	var matches []uint64
	for at := begin; at < end; {
		v, err := s.stream.history.read(ctx, event.Key{}, at, true)
		if err != nil {
			return nil, err
		}
		if v == nil {
			break // removed meanwhile
		}
		for i := v.index(at); i < len(v.items) && v.items[i].sequence <= end; i++ {
			if s.match(&v.items[i].Event) {
				matches = append(matches, v.items[i].sequence)
			}
		}
		at = v.last
	}
	return matches, nil
}

// lastOfKey reads the key's events alone, and keeps the places of the last n that match.
func (s *Subscriber) lastOfKey(ctx context.Context, state eventlog.State, n int) (uint64, error) {
	var matches []uint64
	for at := state.First - 1; at < state.Last; {
		v, err := s.stream.history.read(ctx, s.key, at, true)
		if err != nil {
			return 0, err
		}
		if v == nil {
			break
		}
		for i := range v.items {
			if v.items[i].sequence <= state.Last && s.match(&v.items[i].Event) {
				matches = append(matches, v.items[i].sequence)
			}
		}
		if len(matches) > n {
			matches = append(matches[:0], matches[len(matches)-n:]...)
		}
		at = v.last
	}
	if len(matches) == 0 {
		return state.Last, nil
	}
	return matches[0] - 1, nil
}

// unavailable is what a client is told when the log does not answer.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return problem.New(problem.Unavailable, "the event log does not answer now; try again: %w", err)
}
