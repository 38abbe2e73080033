package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/event"
)

// A webSocketConnection reads leat.v1 messages.
type webSocketConnection struct {
	conn  *websocket.Conn
	begin *message // where the subscription begins; nil once it is handed on
}

// The server pings every 25 s: silence for more than two of them is a dead link.
const webSocketSilence = 60 * time.Second

func (f *follower) dialWebSocket(ctx context.Context) (connection, error) {
	url := f.client.url("ws", f.subscription.Stream, f.key, f.subscription.query(f.from))
	conn, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{ //nolint:bodyclose // the library does
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
		_ = conn.CloseNow() // it is of no use either way
		return nil, protocolErrorf("%s opens a WebSocket without the subprotocol leat.v1", url)
	}
	conn.SetReadLimit(maxMessage)
	f.watch.promise = webSocketSilence
	c := &webSocketConnection{conn: conn}
	begin, err := c.subscribed(ctx)
	if err != nil {
		c.close()
		return nil, err
	}
	if !f.asksPosition() {
		c.begin = &begin
	}
	return c, nil
}

// asksPosition tells whether the connection begins after a position that the client named. Then "subscribed" is no
// news: the server may begin further on, and if the connection is lost before the leat.gap that says so, asking again
// for the same position brings the gap again.
func (f *follower) asksPosition() bool {
	_, err := event.ParsePosition(f.from.after)
	return !f.from.resume.IsZero() || err == nil
}

func (c *webSocketConnection) close() {
	// The server may be deaf: nobody waits for its answer to the goodbye.
	_ = c.conn.CloseNow() // nor does anybody care how that went
}

// subscribed waits for the message that says where the subscription begins.
func (c *webSocketConnection) subscribed(ctx context.Context) (message, error) {
	var answer struct {
		ID string `json:"id"`
	}
	text, err := c.read(ctx, "subscribed")
	if err != nil {
		return message{}, err
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return message{}, protocolErrorf("subscribed: %w", err)
	}
	if answer.ID == "" {
		return message{}, nil
	}
	at, err := event.ParsePosition(answer.ID)
	if err != nil {
		return message{}, protocolErrorf("subscribed: %w", err)
	}
	return message{at: at}, nil
}

func (c *webSocketConnection) next(ctx context.Context) (message, error) {
	if begin := c.begin; begin != nil {
		c.begin = nil
		return *begin, nil
	}
	text, err := c.read(ctx, "event")
	if err != nil {
		return message{}, err
	}
	return envelope(text)
}

// read waits for a message of the operation want; others of a newer server mean nothing here.
func (c *webSocketConnection) read(ctx context.Context, want string) ([]byte, error) {
	for {
		_, text, err := c.conn.Read(ctx)
		if err != nil {
			return nil, closed(err)
		}
		var head struct {
			Op    string          `json:"op"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(text, &head); err != nil {
			// The library takes the end of the connection for the end of the message, so this is one cut short.
			return nil, fmt.Errorf("the connection broke within a message: %w", err)
		}
		switch head.Op {
		case want:
			return text, nil
		case "error":
			return nil, problem(head.Error, 0)
		}
	}
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
