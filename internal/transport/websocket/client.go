package websocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/leatv1"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A client is one open WebSocket, and the goroutine that reads what it says.
type client struct {
	hub        *hub.Connection
	session    session
	maxMessage int
	logger     *slog.Logger
	conn       net.Conn
	in         *reader
	out        writer
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

// converse gives the connection its session, in the subprotocol's framing.
func (c *client) converse(ctx context.Context, h *Handler, subprotocol string, sub *hub.Subscription, key string) (begin func() error, err error) {
	if subprotocol != leatV1 {
		s := newSingle(h, c, subprotocol, *sub, key)
		c.session = s
		return s.open(ctx)
	}
	s := leatv1.New(h.hub, h.ingest, c.hub, contract.WebSocket, leatv1.Framing{Name: "websocket leat.v1", Frame: appendText}, &c.out, h.logger)
	c.session = s
	if sub == nil {
		return func() error { return nil }, nil
	}
	return s.Open(ctx, *sub)
}

// take gives the client its connection; early is what was read of it before.
func (c *client) take(conn net.Conn, encrypted bool, early []byte) {
	c.conn, c.out.conn, c.out.socket, c.out.encrypted = conn, conn, socket.New(conn), encrypted
	c.in = newReader(conn, c.hub, &c.out, c.maxMessage, early)
}

// run talks until one side ends it; err tells what has already.
func (c *client) run(err error) {
	c.hub.WhenEnded(c.in.wake)
	if err == nil {
		err = c.read()
	}
	how := c.end(err)
	_ = c.conn.Close() // nobody is left to care
	c.hub.Close(how)
}

// begin lets the events flow of what the address subscribes to.
func (c *client) begin(flow func() error) (err error) {
	defer problem.Caught(&err)
	return flow()
}

// read handles message after message.
func (c *client) read() (err error) {
	defer problem.Caught(&err)
	ctx := context.Background() // nobody could end it meanwhile; the request's would be kept for as long as the connection
	for {
		if err := c.in.await(); err != nil {
			return err
		}
		message, err := c.in.message()
		if err != nil {
			return err
		}
		if err := c.session.Handle(ctx, message); err != nil {
			return err
		}
	}
}

// end says goodbye as the reason for the end has it, and tells the metrics which one it was.
func (c *client) end(err error) (how string) {
	var closed *closeError
	bug, _ := errors.AsType[*problem.Error](err)
	switch {
	case bug != nil && bug.Kind == problem.Internal:
		c.logger.Error("a WebSocket broke off", "connection", c.hub.ID(), "error", bug)
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
		c.logger.Debug("a WebSocket client broke the protocol", "connection", c.hub.ID(), "error", err)
		return "error"
	case c.hub.Reason() != "":
		return c.endByServer()
	default:
		_ = c.conn.Close() // frees who waits to write
		c.session.Close()
		c.logger.Debug("a WebSocket client is gone", "connection", c.hub.ID(), "error", err)
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
	default:
		c.sayClose(ws.StatusCode(1013), "try again later")
		how = "error"
	}
	c.awaitClose()
	return how
}

// sayClose writes the last frame.
func (c *client) sayClose(code ws.StatusCode, reason string) {
	c.out.hurry()
	_ = c.out.write([][]byte{appendClose(nil, code, reason)}) // the client may be gone
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
