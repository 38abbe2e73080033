// Package sse serves streams over plain HTTP: Server-Sent Events, live NDJSON, and JSON pages with long polling.
package sse

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// A Handler answers GET and HEAD of /events/{stream} and /events/{stream}/{key}, by the path values "stream" and
// "key". A response that it has taken over from the HTTP server outlives ServeHTTP; hub.Drain ends it and waits.
type Handler struct {
	hub    *hub.Hub
	logger *slog.Logger
}

// New makes the handler of all streams of a hub.
func New(h *hub.Hub, logger *slog.Logger) *Handler {
	return &Handler{hub: h, logger: logger}
}

// ServeHTTP answers in the form that Accept asks for.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	a := parseAccept(r.Header.Values("Accept"))
	req, err := h.read(r, a)
	if err == nil {
		err = h.serve(w, r, req)
	}
	if err != nil {
		h.refuse(w, r, a, req.subscription, err)
	}
}

// read checks the request but for its position, which the hub looks up.
func (h *Handler) read(r *http.Request, a accept) (request, error) {
	media, err := a.choose()
	if err != nil {
		return request{}, err
	}
	return h.decode(r, media)
}

// serve gives an error as long as nothing has been answered.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, req request) error {
	if req.media == jsonPage {
		return h.page(w, r, req)
	}
	return h.live(w, r, req)
}

// refuse answers with the problem. A browser's EventSource never comes back from anything but 200, so what passes by
// itself, which is never what was wrong with reading the request, is told to it within a stream that ends at once.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, a accept, sub hub.Subscription, err error) {
	if cause := context.Cause(r.Context()); cause != nil && errors.Is(err, cause) {
		err = problem.New(problem.Unavailable, "the request was given up before it could be answered: %w", cause)
	}
	p := problem.From(err)
	if p.Kind == problem.Internal {
		h.logger.Error("cannot answer", "method", r.Method, "path", r.URL.Path, "error", p)
	}
	if !p.Retryable() || !a.names(eventStream) {
		problem.Write(w, p)
		return
	}
	reason := event.EndUnavailable
	if p.Kind == problem.Draining {
		reason = event.EndDrain
	}
	wait := p.Wait() + rand.N(2*time.Second) // so that those refused together do not return together
	at := h.startPosition(r, sub, p)
	body := appendFirst(nil, wait, at.String())
	body = appendControl(body, event.NewEnd(r.PathValue("stream"), at, reason, wait, time.Now()))
	setLiveHeader(w.Header(), r, eventStream)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client is gone, and there is nobody to tell
}

// startPosition is where the refused subscription would have started: a client of latest that comes back without it
// would skip what is stored meanwhile. It is zero where there is none, and where only a log that does not answer
// could tell.
func (h *Handler) startPosition(r *http.Request, sub hub.Subscription, refusal *problem.Error) event.Position {
	if refusal.Kind == problem.Unavailable && sub.Start.Kind != hub.StartAfter {
		return event.Position{}
	}
	ctx, cancel := finishing(r)
	defer cancel()
	at, err := h.hub.StartPosition(ctx, sub)
	if err != nil {
		h.logger.Warn("a client is sent away without the position where it would have started", "path", r.URL.Path, "error", err)
	}
	return at
}

// finishTime is how long an answer is worked on when its client may have gone.
const finishTime = 5 * time.Second

// finishing is for what is due to a client that reads, be it that it has closed its own side, as nc -N and some load
// balancers do: HTTP/1 allows that, and net/http cannot tell it from a client that is gone, so it ends the request's
// context. HTTP/2 can tell.
func finishing(r *http.Request) (context.Context, context.CancelFunc) {
	client := r.Context()
	if r.ProtoMajor > 1 {
		return context.WithCancel(client)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(client))
	stop := context.AfterFunc(client, func() {
		time.AfterFunc(finishTime, func() { cancel(context.Cause(client)) }) // too late where all is done: nothing to end
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// setLiveHeader sets the headers of a live response. Nothing on the way may keep, change or hold it back.
func setLiveHeader(header http.Header, r *http.Request, media mediaType) {
	header.Set("Content-Type", string(media))
	header.Set("Cache-Control", "no-cache, no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		header.Set("Connection", "close")
	}
}
