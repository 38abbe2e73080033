package sse_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// wrapped makes what the world's client asks go through a middleware's ResponseWriter.
func (w *world) wrapped(wrap func(http.ResponseWriter) http.ResponseWriter) {
	w.t.Helper()
	inner := w.server
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.ServeHTTP(wrap(rw), r)
	}))
	w.server.Config.Protocols = inner.Config.Protocols
	w.server.Start()
	w.t.Cleanup(inner.Close)
}

// plainWriter is what a middleware makes of a ResponseWriter: Flush is left, Hijack is not.
type plainWriter struct{ http.ResponseWriter }

func (p plainWriter) Flush() { _ = http.NewResponseController(p.ResponseWriter).Flush() }

// bareWriter is what a careless one makes of it.
type bareWriter struct{ http.ResponseWriter }

// vainWriter has a Hijack that cannot work, as those have that pass it on in any case.
type vainWriter struct{ http.ResponseWriter }

func (vainWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("no connection to be had")
}

// outerWriter is a wrapper as it should be.
type outerWriter struct{ http.ResponseWriter }

func (o outerWriter) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func TestAWriterThatCanFlushStreams(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"without Hijack":    func(rw http.ResponseWriter) http.ResponseWriter { return plainWriter{rw} },
		"with Unwrap":       func(rw http.ResponseWriter) http.ResponseWriter { return outerWriter{rw} },
		"Unwrap, no Hijack": func(rw http.ResponseWriter) http.ResponseWriter { return outerWriter{plainWriter{rw}} },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				at := w.publish("orders", "order.shipped", "or_1", `{}`)
				w.wrapped(wrap)
				response, b := w.get("/events/orders?last=1")
				b.next()
				want(t, "event", b.next(), block("order.shipped", `{}`, at))
				response.Body.Close()
				w.becomes("leat_connections_ended_total", "client", 1)
			})
		})
	}
}

// A stream behind a writer that keeps what is written would be an answer of 200 with nothing in it, and an EventSource
// would come back to it for ever.
func TestAWriterThatCannotFlushIsAnErrorOfTheServer(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"bare":           func(rw http.ResponseWriter) http.ResponseWriter { return bareWriter{rw} },
		"bare within":    func(rw http.ResponseWriter) http.ResponseWriter { return outerWriter{bareWriter{rw}} },
		"Hijack in vain": func(rw http.ResponseWriter) http.ResponseWriter { return vainWriter{rw} },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				long := `"` + strings.Repeat("x", 60_000) + `"`
				w.publish("orders", "order.shipped", "or_1", long)
				w.wrapped(wrap)
				for _, media := range []string{"text/event-stream", "application/x-ndjson"} {
					response, body := w.body("/events/orders?last=1", "Accept", media)
					if response.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "Unwrap() http.ResponseWriter") ||
						!strings.Contains(body, "Flush and Hijack") {
						t.Errorf("%s: got %s %q, want 500 and what is lacking", media, response.Status, body)
					}
					want(t, "Content-Type", response.Header.Get("Content-Type"), "application/problem+json")
					want(t, "X-Accel-Buffering", response.Header.Get("X-Accel-Buffering"), "")
				}
				w.becomes("leat_connections", "", 0)
				w.becomes("leat_subscribers", "", 0)
				if p := w.page("/events/orders"); len(p.Events) != 1 || string(p.Events[0].Data) != long {
					t.Errorf("a page needs no flush, and has %d events", len(p.Events))
				}
			})
		})
	}
}

func TestHEADOfAStreamBehindAWriterThatCannotFlushIsWhatGETIs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wrapped(func(rw http.ResponseWriter) http.ResponseWriter { return bareWriter{rw} })
		response := w.request("HEAD", "/events/orders")
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusInternalServerError {
			t.Errorf("got %s, %v; want 500", response.Status, err)
		}
	})
}
