package leatv1_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/leatv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contractText = `
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    durability: memory
    events:
      order.shipped: { schema: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
      order.cancelled: { schema: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
  chat:
    key: path
    durability: memory
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
  ticks:
    durability: none
    events:
      tick: { schema: { type: object } }
`

type server struct {
	hub      *hub.Hub
	ingest   *ingest.Ingest
	backends *backend.Backends
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
	s := server{hub: hub.New(hub.Options{Logger: logger, Registry: registry}), ingest: ingest.New(logger, registry)}
	s.backends = backend.New(backend.Options{Ingest: s.ingest, Logger: logger, Registry: registry})
	t.Cleanup(func() {
		if err := s.backends.Close(); err != nil {
			t.Errorf("close the backends: %v", err)
		}
	})
	for _, declared := range c.Streams {
		stream, err := log.Stream(t.Context(), declared)
		if err != nil {
			t.Fatal(err)
		}
		s.hub.Add(declared, stream)
		s.ingest.Add(declared, stream, nil)
		s.backends.Add(declared, nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- s.hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	return s
}

// A peer is a client of a session, which writes its messages to a channel.
type peer struct {
	t    testing.TB
	conn *hub.Connection
	*leatv1.Session
	messages chan string
}

func (p peer) Send(message []byte) error {
	p.messages <- string(message)
	return nil
}

func (p peer) Write(b hub.Batch) error {
	for _, f := range b.Frames {
		for line := range strings.SplitSeq(strings.TrimSuffix(string(f), "\n"), "\n") {
			p.messages <- line
		}
	}
	return nil
}

func line(dst, message []byte) []byte { return append(append(dst, message...), '\n') }

// connect opens a session; its address is /ws, or where home names a stream, that of a subscription.
func (s server) connect(t testing.TB, home *hub.Params) peer {
	t.Helper()
	conn, err := s.hub.Connect(contract.WebSocket)
	if err != nil {
		t.Fatal(err)
	}
	p := peer{t, conn, nil, make(chan string, 10_000)}
	p.Session = leatv1.New(s.hub, s.ingest, s.backends, conn, leatv1.Framing{Transport: contract.WebSocket, Name: "lines", Frame: line, Dialect: leatv1.JSON{}}, p, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		p.Close()
		conn.Close("client")
	})
	if home == nil {
		return p
	}
	sub, err := s.hub.Parse(contract.WebSocket, *home)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := p.Open(ctx, sub, home.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p peer) send(message string) {
	p.t.Helper()
	if err := p.Handle(context.Background(), []byte(message)); err != nil {
		p.t.Fatal(err)
	}
}

// wants takes messages and compares; "…" in a wanted one stands for anything.
func (p peer) wants(messages ...string) {
	p.t.Helper()
	for _, want := range messages {
		select {
		case got := <-p.messages:
			if !like(got, want) {
				p.t.Fatalf("got  %s\nwant %s", got, want)
			}
		case <-time.After(30 * time.Second):
			p.t.Fatalf("nothing came; want %s", want)
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
