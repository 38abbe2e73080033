package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/event"
)

// A webSocketConnection reads leat.v1 messages.
type webSocketConnection struct {
	ctx    context.Context // of the connection: a read ends with it
	conn   *websocket.Conn
	begins bool // where the subscription begins is news
}

// The server pings every 25 s: silence for more than two of them is a dead link.
const webSocketSilence = 60 * time.Second

func (f *follower) dialWebSocket(ctx context.Context) (connection, error) {
	url := f.client.url("ws", f.subscription.Stream, f.key, f.subscription.query(f.from))
	conn, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:   f.client.http,
		Subprotocols: []string{"leat.v1"},
		OnPingReceived: func(context.Context, []byte) bool {
			f.watch.touch()
			return true
		},
	})
	switch {
	case err != nil && answer == nil:
		return nil, &UnreachableError{f.client.server, err}
	case err != nil && answer.StatusCode/100 != 1 && answer.StatusCode/100 != 2:
		return nil, refusal(answer)
	case err != nil:
		return nil, protocolErrorf("%s: %w", url, err)
	case conn.Subprotocol() != "leat.v1":
		conn.CloseNow()
		return nil, protocolErrorf("%s opens a WebSocket without the subprotocol leat.v1", url)
	}
	conn.SetReadLimit(maxMessage)
	f.watch.promise = webSocketSilence
	return &webSocketConnection{ctx, conn, !f.asksPosition()}, nil
}

// asksPosition tells whether the connection begins after a position that the client named.
func (f *follower) asksPosition() bool {
	_, err := event.ParsePosition(f.from.after)
	return !f.from.resume.IsZero() || err == nil
}

func (c *webSocketConnection) close() {
	// The server may be deaf: nobody waits for its answer to the goodbye.
	c.conn.CloseNow()
}

func (c *webSocketConnection) next() (message, error) {
	for {
		_, text, err := c.conn.Read(c.ctx)
		if err != nil {
			return message{}, closed(err)
		}
		var head struct {
			Op    string          `json:"op"`
			ID    string          `json:"id"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return message{}, protocolErrorf("a message: %w", err)
		}
		switch head.Op {
		case "event":
			return envelope(text)
		case "error":
			return message{}, problem(head.Error, 0)
		case "subscribed":
			return c.subscribed(head.ID)
		}
	}
}

// subscribed takes where delivery begins. Not if the client asked for a position: the server may begin further on, and
// if the connection is lost before the leat.gap that says so, asking again for the same position brings it again.
func (c *webSocketConnection) subscribed(id string) (message, error) {
	if id == "" || !c.begins {
		return message{}, nil
	}
	at, err := event.ParsePosition(id)
	if err != nil {
		return message{}, protocolErrorf("id of subscribed: %w", err)
	}
	return message{at: at}, nil
}

// closed tells a close that is the client's own doing (RFC 6455, section 7.4.1, and leat's 4401) from a lost connection.
func closed(err error) error {
	var reason websocket.CloseError
	if !errors.As(err, &reason) {
		return err
	}
	text := reason.Reason
	if text == "" {
		text = "the server closed the WebSocket: " + reason.Code.String()
	}
	switch reason.Code {
	case websocket.StatusPolicyViolation:
		return &Error{Status: 403, Detail: text}
	case 4401:
		return &Error{Status: 401, Detail: text}
	case websocket.StatusUnsupportedData, websocket.StatusInvalidFramePayloadData, websocket.StatusMessageTooBig:
		return &Error{Status: 400, Detail: text}
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		return io.EOF
	}
	return errors.New(text)
}
