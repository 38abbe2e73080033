package grpc_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/leatstream/leat/contract"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/farewell"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contractText = `
leat: 1
info: { title: Orders, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    durability: memory
    events:
      order.shipped: { schema: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
      order.cancelled: { schema: { type: object, required: [orderId], properties: { orderId: { type: string, maxLength: 100 } } } }
  rooms:
    key: path
    durability: memory
    events: { said: { schema: { type: object } } }
  ticks:
    durability: none
    events: { tick: { schema: { type: object } } }
  browsers:
    transports: [sse]
    durability: memory
    events: { seen: { schema: { type: object } } }
  large:
    durability: memory
    maxEventBytes: 256KiB
    events: { blob: { schema: { type: string } } }
  chat:
    key: path
    durability: memory
    commands: { say: { schema: { type: object, required: [text], properties: { text: { type: string, minLength: 1 } } } } }
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string, minLength: 1 } } } }
      welcome: { schema: { type: object } }
    backend: { url: "http://127.0.0.1:1" } # a handler in this process is before it
`

// chat answers what is said, and tells it to everyone.
func chat(_ context.Context, c backend.Command) (backend.Answer, error) {
	return backend.Answer{Reply: []backend.Reply{{Type: "welcome", Data: []byte(`{"source":"` + c.Source + `"}`)}},
		Publish: []backend.Publication{{Type: "said", Data: c.Data}}}, nil
}

// A node is all that stands behind the gRPC server, and the server on both of its ways in.
type node struct {
	hub      *hub.Hub
	backends *backend.Backends
	server   *grpc.Server
	ended    *prometheus.Registry // with leat_connections_ended_total
	native   string               // addresses
	http     string
}

func start(t testing.TB) *node {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	log, err := eventlog.Open(t.Context(), eventlog.Options{Logger: logger, Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	h := hub.New(hub.Options{Logger: logger, Registry: registry})
	in := ingest.New(logger, prometheus.NewRegistry())
	backends := backend.New(backend.Options{Ingest: in, Logger: logger, Registry: prometheus.NewRegistry()})
	for _, s := range c.Streams {
		stored, err := log.Stream(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		h.Add(s, stored)
		in.Add(s, stored, nil)
		backends.Add(s, nil)
	}
	if err := backends.Handle("chat", "say", chat); err != nil {
		t.Fatal(err)
	}
	n := &node{hub: h, backends: backends, server: grpc.New(h, in, backends, c, api, logger), ended: registry}
	ctx, cancel := context.WithCancel(context.Background())
	running := make(chan error, 3)
	go func() { running <- h.Run(ctx) }()

	native := listen(t)
	n.native = native.Addr().String()
	go func() { running <- n.server.Serve(native) }()

	public := listen(t)
	n.http = public.Addr().String()
	// As in internal/node: a connection that takes no byte is net/http's to end.
	front := &http.Server{Handler: n.server, Protocols: new(http.Protocols), ConnContext: farewell.Context,
		HTTP2: &http.HTTP2Config{WriteByteTimeout: hub.SlowAfter}}
	front.Protocols.SetUnencryptedHTTP2(true)
	go func() { running <- front.Serve(farewell.Listen(public)) }()

	t.Cleanup(func() {
		stop, cancelStop := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancelStop()
		if err := h.Drain(stop, 0); err != nil {
			t.Errorf("drain: %v", err)
		}
		n.server.Stop(stop)
		_ = front.Close()
		_ = backends.Close()
		cancel()
		for range cap(running) {
			<-running
		}
		if err := log.Close(); err != nil {
			t.Errorf("close the log: %v", err)
		}
	})
	return n
}

// address is that of one of the ways in: native or http.
func (n *node) address(way string) string {
	if way == "http" {
		return n.http
	}
	return n.native
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A client is a generated client on one of the ways in.
type client struct {
	leatv1.StreamServiceClient
	conn *grpcgo.ClientConn
	node *node
}

// each runs a test over grpc-go's own transport and over net/http's.
func each(t *testing.T, test func(t *testing.T, leat *client)) {
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			n := start(t)
			test(t, dial(t, n, n.address(way)))
		})
	}
}

func dial(t testing.TB, n *node, address string, options ...grpcgo.DialOption) *client {
	t.Helper()
	conn, err := grpcgo.NewClient(address, append(options, grpcgo.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{leatv1.NewStreamServiceClient(conn), conn, n}
}

// within bounds a test's calls, so that a hang fails with a status rather than the whole run.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func shipped(order string) *leatv1.PublishRequest {
	return &leatv1.PublishRequest{Event: &leatv1.Event{
		Stream: "orders", Type: "order.shipped", Data: []byte(`{"orderId":"` + order + `"}`),
	}}
}

func (c *client) publish(t testing.TB, request *leatv1.PublishRequest) string {
	t.Helper()
	response, err := c.Publish(within(t), request)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return response.Id
}

// subscribe waits until the subscription stands.
func (c *client) subscribe(t testing.TB, request *leatv1.SubscribeRequest) *subscription {
	t.Helper()
	stream, err := c.Subscribe(within(t), request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatalf("header of a subscription: %v", err)
	}
	return &subscription{stream}
}

type subscription struct {
	grpcgo.ServerStreamingClient[leatv1.SubscribeResponse]
}

func (s *subscription) next(t testing.TB) *leatv1.Event {
	t.Helper()
	response, err := s.Recv()
	if err != nil {
		t.Fatalf("next event: %v", err)
	}
	return response.Event
}

// end gives the status after the last event.
func (s *subscription) end(t *testing.T) error {
	t.Helper()
	for {
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
}
