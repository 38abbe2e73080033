package sse_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/sse"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// A world is a hub of four streams behind the handler, on a real socket.
type world struct {
	t        *testing.T
	hub      *hub.Hub
	logs     map[string]*memlog.Log
	registry *prometheus.Registry
	handler  http.Handler
	server   *httptest.Server
	client   *http.Client
}

// each runs a test over HTTP/1.1 and over h2c.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, newWorld(t, false)) })
	t.Run("h2c", func(t *testing.T) { test(t, newWorld(t, true)) })
}

func newWorld(t *testing.T, h2c bool) *world {
	t.Helper()
	w := &world{t: t, logs: map[string]*memlog.Log{}, registry: prometheus.NewRegistry()}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	w.hub = hub.New(hub.Options{Logger: logger, Registry: w.registry})
	for _, s := range []*contract.Stream{
		{Name: "orders", Key: contract.KeySource{Pointer: "/orderId"}, Heartbeat: time.Minute, Durability: contract.Memory},
		{Name: "rooms", Key: contract.KeySource{Path: true}, Heartbeat: time.Minute, Durability: contract.Memory},
		{Name: "ticks", Heartbeat: 20 * time.Millisecond, Durability: contract.Memory},
		{Name: "passing", Heartbeat: time.Minute, Durability: contract.None},
	} {
		s.Mode, s.Slow = contract.ModeEvents, contract.SlowReplay
		s.Transports = []contract.Transport{contract.SSE}
		s.Events = []*contract.EventType{{Name: "order.shipped"}, {Name: "order.cancelled"}}
		w.logs[s.Name] = memlog.New(s)
		w.hub.Add(s, w.logs[s.Name])
	}
	ctx, cancel := context.WithCancel(context.Background())
	running := make(chan error, 1)
	go func() { running <- w.hub.Run(ctx) }()
	w.serve(sse.New(w.hub, logger), h2c)
	t.Cleanup(func() {
		w.drain()
		w.client.CloseIdleConnections()
		w.server.Close()
		cancel()
		if err := <-running; err != nil && ctx.Err() == nil {
			t.Errorf("hub: %v", err)
		}
	})
	return w
}

// serve routes as the root package does, with a middleware that has put in a header of its own.
func (w *world) serve(handler http.Handler, h2c bool) {
	mux := http.NewServeMux()
	mux.Handle("GET /events/{stream}", handler)
	mux.Handle("GET /events/{stream}/{key}", handler)
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", "http://localhost:3000")
		mux.ServeHTTP(rw, r)
	})
	w.server = httptest.NewUnstartedServer(w.handler)
	w.server.Config.Protocols = new(http.Protocols)
	w.server.Config.Protocols.SetHTTP1(true)
	w.server.Config.Protocols.SetUnencryptedHTTP2(true)
	w.server.Config.ReadTimeout, w.server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	w.server.Start()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!h2c)
	protocols.SetUnencryptedHTTP2(h2c)
	w.client = &http.Client{Transport: &http.Transport{Protocols: protocols, DisableCompression: true}}
}

func (w *world) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.hub.Drain(ctx, 0); err != nil {
		w.t.Errorf("drain: %v", err)
	}
}

// publish stores events of a type and gives the position of the last.
func (w *world) publish(stream, eventType, key string, data ...string) event.Position {
	w.t.Helper()
	var last event.Position
	for _, d := range data {
		r := eventlog.Record{Type: event.MustType(eventType), Time: when, Data: []byte(d)}
		if key != "" {
			r.Key = event.MustKey(key)
		}
		appended, err := w.logs[stream].Append(w.t.Context(), r, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		last = appended.Position
	}
	return last
}

// request asks, with headers as pairs, and is over with the test.
func (w *world) request(method, path string, headers ...string) *http.Response {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, w.server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	w.t.Cleanup(func() { response.Body.Close() })
	return response
}

func (w *world) get(path string, headers ...string) (*http.Response, *blocks) {
	w.t.Helper()
	response := w.request("GET", path, headers...)
	return response, &blocks{w.t, bufio.NewReader(response.Body)}
}

// body asks and reads the whole answer.
func (w *world) body(path string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	response := w.request("GET", path, headers...)
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
	return response, string(text)
}

// gauge gives the sum of a metric over its labels, as far as they hold the value.
func (w *world) gauge(name, label string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name && (label == "" || strings.Contains(m.String(), `"`+label+`"`)) {
				sum += m.Gauge.GetValue() + m.Counter.GetValue()
			}
		}
	}
	return sum
}

// becomes waits until a metric has the value.
func (w *world) becomes(name, label string, want float64) {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for w.gauge(name, label) != want {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s{%s} is %v, want %v", name, label, w.gauge(name, label), want)
		}
	}
}

// blocks reads an answer piece by piece.
type blocks struct {
	t *testing.T
	*bufio.Reader
}

// next gives the next block of an event stream, with its empty line.
func (b *blocks) next() string {
	b.t.Helper()
	var block strings.Builder
	for {
		line, err := b.ReadString('\n')
		block.WriteString(line)
		if err != nil {
			b.t.Fatalf("the stream broke off after %q: %v", block.String(), err)
		}
		if line == "\n" {
			return block.String()
		}
	}
}

// line gives the next line.
func (b *blocks) line() string {
	b.t.Helper()
	line, err := b.ReadString('\n')
	if err != nil {
		b.t.Fatalf("the stream broke off after %q: %v", line, err)
	}
	return line
}

// ends wants nothing more.
func (b *blocks) ends() {
	b.t.Helper()
	if rest, err := io.ReadAll(b); err != nil || len(rest) > 0 {
		b.t.Errorf("got %q, %v after the end", rest, err)
	}
}

func block(eventType, data string, id event.Position) string {
	return "event: " + eventType + "\ndata: " + data + "\nid: " + id.String() + "\n\n"
}
