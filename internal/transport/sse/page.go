package sse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

// page answers with a stretch of history and is done, or waits a while for the first event.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, req request) error {
	page, err := h.find(r.Context(), req)
	if err != nil {
		return err
	}
	body, err := encodePage(page)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", string(jsonPage))
	header.Set("Cache-Control", "no-store") // the same request has another answer once something happens
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if req.prefersWait {
		header.Set("Preference-Applied", fmt.Sprintf("wait=%d", req.wait/time.Second))
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client is gone, and there is nobody to tell
	return nil
}

// find looks once and, where there is nothing, waits from the very position where it looked: so the empty page is at
// hand when the node drains meanwhile, and no event falls between the two.
func (h *Handler) find(ctx context.Context, req request) (*hub.Page, error) {
	if req.wait == 0 {
		return h.hub.Page(ctx, req.subscription, req.limit, 0)
	}
	c, err := h.hub.Connect(contract.SSE)
	if err != nil {
		return nil, err
	}
	page, err := h.await(ctx, c, req)
	switch {
	case ctx.Err() != nil:
		c.Close("client")
	case err != nil:
		c.Close("error")
	case c.Reason() == event.EndDrain:
		c.Close("drain")
	default:
		c.Close("client")
	}
	return page, err
}

func (h *Handler) await(ctx context.Context, c *hub.Connection, req request) (*hub.Page, error) {
	now, err := h.hub.Page(ctx, req.subscription, req.limit, 0)
	if err != nil || len(now.Events) > 0 || now.Gap != nil {
		return now, err
	}
	from := req.subscription
	from.Start = hub.Start{Kind: hub.StartAfter, After: now.Next, Asked: now.Next.String()}
	ctx, release := until(ctx, c.Ended())
	defer release()
	later, err := h.hub.Page(ctx, from, req.limit, req.wait)
	if err != nil && c.Reason() != "" {
		return now, nil
	}
	return later, err
}

// until gives a context that ends with ctx or when the channel closes; release waits for what watches them.
func until(ctx context.Context, closed <-chan struct{}) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

func encodePage(p *hub.Page) ([]byte, error) {
	body := []byte(`{"events":[`)
	for i, e := range p.Events {
		if i > 0 {
			body = append(body, ',')
		}
		body = e.AppendEnvelope(body)
	}
	body = append(body, `],"next":"`...)
	body = append(p.Next.Append(body), '"')
	if p.Gap != nil {
		gap, err := json.Marshal(p.Gap)
		if err != nil {
			return nil, fmt.Errorf("gap of a page: %w", err)
		}
		body = append(append(body, `,"gap":`...), gap...)
	}
	return append(body, "}\n"...), nil
}
