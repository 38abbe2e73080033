package backend_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	trustOurselves() // before Go reads which certificates the system trusts, which it does once
	goleak.VerifyTestMain(m)
}

const contractText = `
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  chat:
    key: path
    durability: memory
    commands:
      sendMessage: { schema: { type: object, required: [text], properties: { text: { type: string, maxLength: 20000 }, type: {} } } }
      leave: { schema: {} }
    events:
      messageReceived: { schema: { type: object, required: [user, text], properties: { user: { type: string }, text: { type: string } } } }
      welcome: { schema: { type: object } }
    backend: { url: "${URL}", timeout: "${TIMEOUT:-10s}", headers: { X-Team: blue, Host: "${HOST:-chat.example}" }, lifecycle: "${LIFECYCLE:-false}" }
  orders:
    key: /orderId
    durability: memory
    commands:
      place: { schema: { type: object, properties: { orderId: { type: string }, item: { type: string } } } }
    events: { placed: { schema: { type: object, required: [orderId], properties: { orderId: { type: string } } } } }
    backend: { url: "${URL}" }
  plain:
    durability: memory
    maxEventBytes: 1KiB
    commands: { do: { schema: { type: object } } }
    events: { done: { schema: { type: object } } }
    backend: { url: "${URL}" }
  quiet:
    durability: memory
    events: { note: { schema: { type: object } } }
  local:
    key: path
    durability: memory
    commands: { ping: { schema: { type: object } }, pong: { schema: {} } }
    events: { ponged: { schema: { type: object } } }
`

// A house is Backends over the real event log, with the backend that a test has made.
type house struct {
	*backend.Backends
	events   *eventlog.Log
	streams  map[string]*eventlog.Stream
	registry *prometheus.Registry
	lines    *lines
}

// newHouse has its commands sent to an address.
func newHouse(t *testing.T, address string, settings ...string) *house {
	t.Helper()
	t.Setenv("URL", address)
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{streams: map[string]*eventlog.Stream{}, registry: prometheus.NewRegistry(), lines: &lines{}}
	logger := slog.New(slog.NewTextHandler(h.lines, nil))
	if h.events, err = eventlog.Open(context.Background(), eventlog.Options{Logger: logger, Registry: h.registry}); err != nil {
		t.Fatal(err)
	}
	in := ingest.New(logger, h.registry)
	h.Backends = backend.New(backend.Options{Ingest: in, Logger: logger, Registry: h.registry})
	t.Cleanup(func() {
		if err := errors.Join(h.Close(), h.events.Close()); err != nil {
			t.Error(err)
		}
	})
	for _, s := range c.Streams {
		stream, err := h.events.Stream(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		h.streams[s.Name] = stream
		in.Add(s, stream, nil)
		h.Add(s, nil)
	}
	return h
}

// serve starts a backend, and a house that sends to it.
func serve(t *testing.T, handler http.HandlerFunc, settings ...string) *house {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close) // after the house's
	return newHouse(t, server.URL+"/path?a=b", settings...)
}

// answers is a backend that always says the same.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// says sends a message to the chat.
func (h *house) says(t *testing.T, text string) ([]backend.Reply, error) {
	t.Helper()
	return h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", Source: "/ws/chat", Data: []byte(`{"text":"` + text + `"}`)})
}

// stored reads all events of the chat, as type, key and data.
func (h *house) stored(t *testing.T) []string {
	t.Helper()
	entries, err := h.streams["chat"].Read(t.Context(), eventlog.ReadRequest{Events: 10_000, Bytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Type.String()+" "+e.Key.String()+" "+string(e.Data))
	}
	return all
}

// count is the value of a counter or gauge, or how many values a histogram has.
func (h *house) count(t *testing.T, name, stream, outcome string) float64 {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == name && labels["stream"] == stream && labels["outcome"] == outcome {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// wantProblem checks what a sender is told.
func wantProblem(t *testing.T, err error, status int, retryable bool, says string) *problem.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %d that says %q", status, says)
	}
	p := problem.From(err)
	if p.HTTP() != status || p.Retryable() != retryable || !strings.Contains(p.Detail, says) {
		t.Errorf("got %d, retryable %v, %q, want %d, %v, a text that says %q", p.HTTP(), p.Retryable(), p.Detail, status, retryable, says)
	}
	return p
}

// within fails where something does not come to its end.
func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("waited 20 s for " + what)
	}
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
