package sse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/leatstream/leat/internal/hub"
)

// page answers with a stretch of history and is done, or waits a while for the first event.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, req request) error {
	controller := http.NewResponseController(w)
	outlive(controller)
	ctx, cancel := finishing(r)
	defer cancel()
	waiting, stop := context.WithTimeout(r.Context(), req.wait)
	defer stop()
	page, err := h.hub.Page(ctx, waiting, req.subscription, req.limit)
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
	select {
	case <-h.hub.Draining():
		if r.ProtoMajor == 1 {
			header.Set("Connection", "close") // so that the next request goes to another node
		}
	default:
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		out := newChunkWriter(w, controller)
		out.flush = flushIfPossible(controller)
		_ = out.Write(hub.Batch{Frames: [][]byte{body}}) // the client is gone: nobody to tell
	}
	return nil
}

// flushIfPossible lets a page through a middleware's writer that cannot flush: that it comes late is no harm.
func flushIfPossible(controller *http.ResponseController) func() error {
	return func() error {
		err := controller.Flush()
		if errors.Is(err, http.ErrNotSupported) {
			return nil
		}
		return err
	}
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
