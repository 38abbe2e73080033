package websocket_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/websocket"
)

const contractText = `
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    durability: memory
    events:
      order.shipped:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, note: { type: string } } }
      order.cancelled:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string } } }
  readings:
    durability: memory
    heartbeat: 1s
    events:
      level: { schema: { type: integer } }
      typed: { schema: { type: object, properties: { type: { type: string } } } }
      nothing: { schema: { type: object } }
  chat:
    key: path
    durability: memory
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
  ticks:
    durability: none
    events:
      tick: { schema: { type: object } }
  hidden:
    durability: memory
    transports: [sse]
    events:
      tick: { schema: { type: object } }
`

// A server is leat's straight line with WebSocket at its end.
type server struct {
	*httptest.Server
	hub    *hub.Hub
	ingest *ingest.Ingest
}

func serve(t testing.TB) server {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	logger, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	log, err := eventlog.Open(t.Context(), eventlog.Options{Logger: logger, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("close the event log: %v", err)
		}
	})
	h := hub.New(hub.Options{Logger: logger, Registry: registry})
	in := ingest.New(logger, registry)
	for _, s := range c.Streams {
		stream, err := log.Stream(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		h.Add(s, stream)
		in.Add(s, stream, nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	return server{listen(t, h, websocket.New(c, h, in, nil, logger)), h, in}
}

// A peer is a client made with coder/websocket.
type peer struct {
	t testing.TB
	*coder.Conn
}

func (s server) dial(t testing.TB, path string, subprotocols ...string) peer {
	t.Helper()
	conn, _, err := coder.Dial(t.Context(), strings.Replace(s.URL, "http", "ws", 1)+path,
		&coder.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatalf("dial %s: %v", path, err)
	}
	conn.SetReadLimit(2 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return peer{t, conn}
}

func (p peer) send(message string) {
	p.t.Helper()
	if err := p.Write(p.t.Context(), coder.MessageText, []byte(message)); err != nil {
		p.t.Fatal(err)
	}
}

func (p peer) read() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, message, err := p.Read(ctx)
	return string(message), err
}

// next reads a message.
func (p peer) next() string {
	p.t.Helper()
	message, err := p.read()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return message
}

// wants reads messages and compares; "…" in a wanted one stands for anything.
func (p peer) wants(messages ...string) {
	p.t.Helper()
	for _, want := range messages {
		if got := p.next(); !like(got, want) {
			p.t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func like(got, want string) bool {
	first, rest, more := strings.Cut(want, "…")
	if !more {
		return got == want
	}
	if got, ok := strings.CutPrefix(got, first); ok {
		for i := range len(got) + 1 {
			if like(got[i:], rest) {
				return true
			}
		}
	}
	return false
}

// wantsClose reads the close frame.
func (p peer) wantsClose(code int) {
	p.t.Helper()
	message, err := p.read()
	if got := coder.CloseStatus(err); int(got) != code {
		p.t.Fatalf("got %q, %v; want close code %d", message, err, code)
	}
}

// publish stores an event past the wire.
func (s server) publish(t testing.TB, stream, eventType, key, data string) string {
	t.Helper()
	e := ingest.Event{Type: eventType, Data: []byte(data)}
	if key != "" {
		e.Key = &key
	}
	result, err := s.ingest.Publish(t.Context(), stream, e, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return result.ID.String()
}
