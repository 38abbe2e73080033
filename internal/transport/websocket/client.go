package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/leatv1"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A client is one open WebSocket. A goroutine reads what it says while it says something; where the Handler's watcher can
// tell when it goes on, there is none in between.
type client struct {
	handler *Handler
	hub     *hub.Connection
	session session
	conn    net.Conn
	in      reader
	out     writer

	watched bool                  // its reader's goroutine need not wait
	watch   socket.Watch          // where it is watched
	rests   atomic.Bool           // it has no goroutine; whoever turns that off starts one
	failure atomic.Pointer[error] // what broke it while nobody was reading, the first one

	pings ping
}

// A session is what is said in a framing.
type session interface {
	// Handle does what a message asks; an error means that the answer could not be sent.
	Handle(ctx context.Context, message []byte) error
	// Close waits for the goroutines that write events, after their leat.end where the server ends the connection.
	Close()
}

// closeSlow is the close code for a client that is too slow.
const closeSlow ws.StatusCode = 4408

var leatV1Framing = leatv1.Framing{Transport: contract.WebSocket, Name: "websocket leat.v1", Frame: appendText, Dialect: leatv1.JSON{}}

// converse gives the connection its session, in the subprotocol's framing.
func (c *client) converse(ctx context.Context, subprotocol string, sub *hub.Subscription, key string) (begin func() error, err error) {
	h := c.handler
	var pathKey *string
	if key != "" {
		pathKey = &key
	}
	if subprotocol != leatV1 {
		s := newSingle(c, subprotocol, sub.Stream, pathKey)
		c.session = s
		return s.open(ctx, *sub)
	}
	s := leatv1.New(h.hub, h.ingest, h.backends, c.hub, leatV1Framing, &c.out, h.logger)
	c.session = s
	if sub == nil {
		return func() error { return nil }, nil
	}
	return s.Open(ctx, *sub, pathKey)
}

// take gives the client its connection; early is what was read of it before.
func (c *client) take(conn net.Conn, encrypted bool, early []byte) {
	c.conn, c.out.conn, c.out.socket, c.out.encrypted = conn, conn, socket.New(conn), encrypted
	c.in = reader{client: c, early: early}
	c.watch, c.watched = c.handler.watcher.Reader(conn, c.ready)
}

// begin lets the events flow of what the address subscribes to.
func (c *client) begin(flow func() error) (err error) {
	defer problem.Caught(&err)
	return flow()
}

// end says goodbye as the reason for the end has it, and tells the metrics which one it was.
func (c *client) end(err error) (how string) {
	var closed *closeError
	bug, _ := errors.AsType[*problem.Error](err)
	switch {
	case bug != nil && bug.Kind == problem.Internal:
		c.handler.logger.Error("a WebSocket broke off", "connection", c.hub.ID(), "error", bug)
		c.out.hurry()
		c.session.Close()
		c.sayClose(ws.StatusCode(bug.Close()), bug.Detail)
		c.discard()
		return "error"
	case errors.As(err, &closed):
		c.out.hurry()
		c.session.Close()
		c.sayClose(closed.code, closed.reason)
		c.discard()
		if closed.byClient {
			return "client"
		}
		c.handler.logger.Debug("a WebSocket client broke the protocol", "connection", c.hub.ID(), "error", err)
		return "error"
	case c.hub.Reason() != "":
		return c.endByServer()
	default:
		_ = c.conn.Close() // frees who waits to write
		c.session.Close()
		c.handler.logger.Debug("a WebSocket client is gone", "connection", c.hub.ID(), "error", err)
		return "client"
	}
}

// endByServer lets each subscription tell its leat.end, closes, and gives the client a moment to answer.
func (c *client) endByServer() (how string) {
	c.session.Close()
	switch c.hub.Reason() {
	case event.EndDrain:
		c.sayClose(ws.StatusCode(1012), "the server restarts: reconnect")
		how = "drain"
	case event.EndSlow:
		c.sayClose(closeSlow, "the client takes nothing, or does not answer")
		how = "slow"
	case event.EndDisconnected:
		c.sayClose(ws.StatusPolicyViolation, "disconnected: do not come back by yourself")
		how = "disconnected"
	default:
		c.sayClose(ws.StatusCode(1013), "try again later")
		how = "error"
	}
	c.awaitClose()
	return how
}

// sayClose writes the last frame.
func (c *client) sayClose(code ws.StatusCode, reason string) {
	c.out.close(appendClose(nil, code, reason))
}

// discard takes what the client still sends until it closes its side: a socket closed with bytes unread is reset,
// and the reset can overtake the close frame.
func (c *client) discard() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(goodbye))
	_, _ = io.Copy(io.Discard, c.conn)
}

// awaitClose reads on until the client's close frame has come.
func (c *client) awaitClose() {
	c.in.closing = true
	_ = c.conn.SetReadDeadline(time.Now().Add(goodbye))
	for {
		if _, err := c.in.message(); err != nil {
			return
		}
	}
}
