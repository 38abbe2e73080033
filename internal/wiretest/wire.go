package wiretest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A Subscription is what a test asks for, with the parameters as they go over the wire.
type Subscription struct {
	Stream     string
	Key        string // empty: none
	AllKeys    bool
	EventTypes []string
	After      string // empty: not given
	Resume     bool   // After goes as Last-Event-ID where the wire has it
	Since      time.Time
	Last       int
	Heartbeats bool // Next gives them too; over SSE they are asked for
}

// An Event is what a client saw.
type Event struct {
	Stream, ID, Type, Key, Time string
	Data                        string
}

// String shows no more of the data than a reader wants to see.
func (e Event) String() string {
	return fmt.Sprintf("%s %s %s key %q at %s: %.300s", e.Stream, e.ID, e.Type, e.Key, e.Time, e.Data)
}

// A Reader reads one subscription.
type Reader interface {
	// Start is the id that the wire showed as the start.
	Start() string
	// ShowsStart tells whether the wire shows one at all.
	ShowsStart() bool
	// Next gives the next event, control events too, and heartbeats where the Subscription says so.
	Next(ctx context.Context) (Event, error)
	// LastID is what the client would resume from.
	LastID() string
	Close()
}

// A Wire is a way to subscribe.
type Wire struct {
	Name string
	// Subscribe opens a subscription through dial, which a test may use to cut or slow the connection.
	Subscribe func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error)
	// Publish stores one event and gives its id.
	Publish func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error)
}

// SSE tells whether the wire is an event stream, which has no envelope.
func (w Wire) SSE() bool { return strings.HasPrefix(w.Name, "sse") }

// HTTP tells whether it is a streaming response.
func (w Wire) HTTP() bool { return w.SSE() || w.Name == "ndjson" }

// GRPC tells whether it is gRPC with calls of their own for each request, whose errors have a status of their own.
func (w Wire) GRPC() bool { return w.Name == "grpc" || w.Name == "grpc-public" || w.Typed() }

// Typed tells whether it is typed gRPC, which keeps values and not how a publisher spelled them.
func (w Wire) Typed() bool { return strings.HasPrefix(w.Name, "grpc-typed") }

// WebSocket tells whether it is one.
func (w Wire) WebSocket() bool { return strings.HasPrefix(w.Name, "websocket") }

// CloudEvents tells whether each message is one, which must have an id also where there are no positions.
func (w Wire) CloudEvents() bool { return w.Name == "websocket-cloudevents" }

// Dial opens a connection to a server.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Plain dials with nothing in between.
func Plain(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

// CutAfter dials one connection, which breaks when the client has read so many bytes. A second one is refused: gRPC
// would make them behind the test's back.
func CutAfter(n int64) Dial {
	var dialed atomic.Bool
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed.Swap(true) {
			return nil, net.ErrClosed
		}
		conn, err := Plain(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &cutConn{Conn: conn}
		c.left.Store(n)
		return c, nil
	}
}

// A cutConn gives its reader so many bytes, and then breaks with a reset.
type cutConn struct {
	net.Conn
	left atomic.Int64
}

func (c *cutConn) Read(p []byte) (int, error) {
	left := c.left.Load()
	if left <= 0 {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := c.Conn.Read(p)
	c.left.Add(-int64(n))
	return n, err
}

// Wires are all ways to subscribe.
func Wires() []Wire {
	return []Wire{
		sseWire("sse", http1), sseWire("sse-http2", h2c), ndjsonWire(), webSocketWire(), webSocketURLWire(), cloudEventsWire(),
		grpcWire("grpc", false), grpcWire("grpc-public", true), connectWire(),
		typedWire("grpc-typed", false), typedWire("grpc-typed-public", true),
	}
}

// Each runs a test over every wire.
func Each(t *testing.T, test func(t *testing.T, w Wire)) {
	for _, w := range Wires() {
		t.Run(w.Name, func(t *testing.T) { test(t, w) })
	}
}

// Timeout bounds how long a test waits for anything.
const Timeout = 20 * time.Second

// Context ends with the test, or after Timeout.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	t.Cleanup(cancel)
	return ctx
}
