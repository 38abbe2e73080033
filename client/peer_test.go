package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// A peer is a scripted server for the stream "orders": it speaks the wire as docs say, with nothing behind it but a
// slice, and does on demand what a real server does only in bad moments.
type peer struct {
	leatv1.UnimplementedStreamServiceServer

	url      string
	listener *cuttingListener

	mu      sync.Mutex // guards the fields below
	events  []*event.Event
	changed chan struct{} // closed at the next publish
	starts  []string      // what each connection asked for
}

func position(n int) event.Position { return event.NewPosition("b7k2", uint64(n)) }

// newPeer starts a peer whose connections break after a number of bytes that cut draws; nil: never.
func newPeer(t *testing.T, cut func() int) *peer {
	t.Helper()
	p := &peer{changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/orders", p.serveHTTP)
	mux.HandleFunc("GET /ws/orders", p.serveWebSocket)
	g := grpc.NewServer()
	leatv1.RegisterStreamServiceServer(g, p)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			g.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	if cut == nil {
		cut = func() int { return math.MaxInt }
	}
	p.listener = &cuttingListener{Listener: server.Listener, after: cut}
	server.Listener = p.listener
	server.Start()
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) publish(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		i := len(p.events) + 1
		p.events = append(p.events, &event.Event{
			Stream: "orders", Position: position(i), Type: event.MustType("order.shipped"), Key: event.MustKey(fmt.Sprint("or_", i)),
			Time: time.UnixMilli(1_700_000_000_000).UTC(), Data: fmt.Appendf(nil, `{"orderId":"or_%d"}`, i),
		})
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *peer) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.starts...)
}

// begin notes what a connection asked for, and gives the number of the event before its first.
func (p *peer) begin(after string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts = append(p.starts, after)
	if at, err := event.ParsePosition(after); err == nil {
		return int(at.Sequence())
	}
	if after == "earliest" {
		return 0
	}
	return len(p.events)
}

// follow sends every event after n until ctx or send ends it.
func (p *peer) follow(ctx context.Context, n int, send func(*event.Event) error) {
	for {
		p.mu.Lock()
		events, changed := p.events[n:], p.changed
		p.mu.Unlock()
		for _, e := range events {
			if send(e) != nil {
				return
			}
			n++
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (p *peer) serveHTTP(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	accept := r.Header.Get("Accept")
	w.Header().Set("Content-Type", accept)
	if accept == "application/json" {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintf(w, `{"events":[],"next":"%s"}`, position(len(p.events)))
		return
	}
	n := p.begin(after)
	if accept == "text/event-stream" {
		fmt.Fprintf(w, "retry: 1\nid: %s\n\n", position(n))
	}
	flush := http.NewResponseController(w).Flush
	flush()
	p.follow(r.Context(), n, func(e *event.Event) error {
		if accept == "text/event-stream" {
			fmt.Fprintf(w, "event: %s\ndata: %s\nid: %s\n\n", e.Type, e.Data, e.Position)
		} else {
			fmt.Fprintf(w, "%s\n", e.AppendEnvelope(nil))
		}
		return flush()
	})
}

func (p *peer) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"leat.v1"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())
	n := p.begin(r.URL.Query().Get("after"))
	send := func(text []byte) error { return conn.Write(ctx, websocket.MessageText, text) }
	send(fmt.Appendf(nil, `{"op":"subscribed","stream":"orders","id":"%s"}`, position(n)))
	p.follow(ctx, n, func(e *event.Event) error { return send(e.AppendMembers([]byte(`{"op":"event",`))) })
}

func (p *peer) Subscribe(r *leatv1.SubscribeRequest, out grpc.ServerStreamingServer[leatv1.SubscribeResponse]) error {
	if r.GetStream() != "orders" {
		s, err := status.New(codes.NotFound, "x").WithDetails(&leatv1.Problem{Json: unknownStream})
		if err != nil {
			return err
		}
		return s.Err()
	}
	n := p.begin(r.GetAfter())
	out.SendHeader(nil)
	p.follow(out.Context(), n, func(e *event.Event) error {
		return out.Send(&leatv1.SubscribeResponse{Event: &leatv1.Event{
			Stream: e.Stream, Id: e.Position.String(), Type: e.Type.String(), Key: new(e.Key.String()),
			Time: timestamppb.New(e.Time), Data: e.Data,
		}})
	})
	return nil
}

func (p *peer) ListStreams(context.Context, *leatv1.ListStreamsRequest) (*leatv1.ListStreamsResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &leatv1.ListStreamsResponse{Streams: []*leatv1.Stream{{Name: "orders", LastId: position(len(p.events)).String()}}}, nil
}

var unknownStream = mustJSON(map[string]any{
	"type": "about:blank", "title": "Not Found", "status": 404, "detail": `no stream "order"; did you mean "orders"?`, "retryable": false,
})

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// A cuttingListener's connections break in the middle of what they send.
type cuttingListener struct {
	net.Listener

	after func() int

	mu    sync.Mutex // guards the field below
	conns []net.Conn
}

// breakAll breaks every connection there is.
func (l *cuttingListener) breakAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
}

func (l *cuttingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return &cuttingConn{Conn: conn, left: l.after()}, nil
}

type cuttingConn struct {
	net.Conn

	left int // touched by one writer at a time
}

func (c *cuttingConn) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.left])
	c.left = 0
	c.Close()
	return n, net.ErrClosed
}

var everyTransport = []client.Transport{client.NDJSON, client.SSE, client.WebSocket, client.GRPC}

func newClient(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url)
	if err != nil {
		t.Fatal(err)
	}
	c.Hurry()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return c
}

func someBytes() int { return 400 + rand.IntN(2500) }
