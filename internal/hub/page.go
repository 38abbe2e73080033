package hub

import (
	"context"
	"encoding/json"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// A Page is a stretch of history.
type Page struct {
	Events []*event.Event
	Next   event.Position // what to ask after for the next page
	Gap    *event.Gap     // nil where nothing is missing
}

// Page gives at most limit matching events, and waits for the first one when there is none, until waiting ends. It is
// made whole, and needs ctx for that.
func (h *Hub) Page(ctx, waiting context.Context, sub Subscription, limit int) (*Page, error) {
	if h.isDraining() {
		return nil, errDraining()
	}
	s, err := h.subscriber(ctx, sub, &Format{}, contract.SSE)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ended := h.Draining()
	if waiting.Err() == nil { // who may wait has its place in a drain
		c, err := h.Connect(contract.SSE)
		if err != nil {
			return nil, err
		}
		defer func() { c.Close(c.how()) }()
		ended = c.Ended()
	}
	s.wake = make(chan struct{}, 1)
	p := &Page{Next: s.stream.position(s.at)}
	for len(p.Events) < limit {
		if s.gap != nil {
			if len(p.Events) > 0 {
				break // the next page begins with it
			}
			if err := p.tell(s); err != nil {
				return nil, err
			}
		}
		where, err := s.advance(ctx, func(b *block) (missing uint64) {
			p.Events, missing = s.take(b, limit, p.Events)
			return missing
		})
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, problem.New(problem.Unavailable, "the event log does not answer now; try again: %w", err)
		case where != atEnd && size(p.Events) < maxPageBytes:
			continue
		case where != atEnd:
			return p.end(s), nil
		}
		caughtUp := s.at >= s.liveAt && s.gap == nil
		if caughtUp && (len(p.Events) > 0 || p.Gap != nil || waiting.Err() != nil) || !awaitEvent(ctx, waiting, s, ended, caughtUp) {
			break
		}
	}
	return p.end(s), nil
}

// maxPageBytes is about how much data a page holds at most: one with fewer events than its limit is as good, since it
// says where the next one begins.
const maxPageBytes = 8 << 20

func size(events []*event.Event) int {
	total := 0
	for _, e := range events {
		total += len(e.Data)
	}
	return total
}

// end says where the next page begins.
func (p *Page) end(s *Subscriber) *Page {
	if len(p.Events) > 0 {
		p.Next = p.Events[len(p.Events)-1].Position
		s.counters.delivered.Add(float64(len(p.Events)))
	}
	return p
}

// awaitEvent waits for something new, until the time is over or ended is closed; false says that the page is done.
// A page that the tail has not reached yet waits for it in any case.
func awaitEvent(ctx, waiting context.Context, s *Subscriber, ended <-chan struct{}, caughtUp bool) bool {
	if !caughtUp {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, stateTimeout)
		defer cancel()
	}
	s.wait(waiting, nil, ended)
	select {
	case <-ended:
		return false
	default:
		return waiting.Err() == nil
	}
}

// tell takes the subscriber's gap into the page. Of two gaps in a row the page tells one that covers both.
func (p *Page) tell(s *Subscriber) error {
	e := s.takeGap()
	var gap event.Gap
	if err := json.Unmarshal(e.Data, &gap); err != nil {
		return err
	}
	if p.Gap != nil {
		gap.After = p.Gap.After
	}
	p.Gap, p.Next, s.told = &gap, e.Position, e.Position
	s.counters.gaps(e)
	return nil
}
