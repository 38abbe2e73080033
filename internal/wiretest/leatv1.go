package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"google.golang.org/grpc"
)

// messages is a connection of leat.v1 messages.
type messages interface {
	send(ctx context.Context, text []byte) error
	receive(ctx context.Context) ([]byte, error)
	close()
}

func (s Subscription) subscribe() []byte {
	m := map[string]any{"op": "subscribe", "ref": "s", "stream": s.Stream}
	if s.Key != "" {
		m["key"] = s.Key
	}
	if s.AllKeys {
		m["allKeys"] = true
	}
	if len(s.EventTypes) > 0 {
		m["eventTypes"] = s.EventTypes
	}
	if s.After != "" {
		m["after"] = s.After
	}
	if !s.Since.IsZero() {
		m["since"] = s.Since.Format(time.RFC3339Nano)
	}
	if s.Last > 0 {
		m["last"] = s.Last
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return text
}

// v1Reader reads one subscription of a leat.v1 connection, and what is pushed to it.
type v1Reader struct {
	messages

	start, lastID string
	heartbeats    bool
}

func openV1(ctx context.Context, m messages, sub Subscription) (Reader, error) {
	if err := m.send(ctx, sub.subscribe()); err != nil {
		m.close()
		return nil, err
	}
	return subscribedV1(ctx, m, sub, `"s"`)
}

// subscribedV1 awaits that a subscription stands.
func subscribedV1(ctx context.Context, m messages, sub Subscription, ref string) (Reader, error) {
	text, err := m.receive(ctx)
	if err != nil {
		m.close()
		return nil, err
	}
	answer, err := parseAnswer(text, "subscribed", ref)
	if err != nil {
		m.close()
		return nil, err
	}
	return &v1Reader{m, answer.ID, answer.ID, sub.Heartbeats}, nil
}

type v1Answer struct {
	Op, ID     string
	Ref, Error json.RawMessage
}

// parseAnswer reads the answer to the message with a ref; an error is the *Problem in it.
func parseAnswer(text []byte, op, ref string) (a v1Answer, err error) {
	if err := json.Unmarshal(text, &a); err != nil || string(a.Ref) != ref || a.Op != op && a.Op != "error" {
		return a, fmt.Errorf("the answer to %s: %s (%w)", ref, text, err)
	}
	if a.Op == "error" {
		p, err := parseProblem(a.Error)
		if err != nil {
			return a, err
		}
		return a, p
	}
	return a, nil
}

func (r *v1Reader) Next(ctx context.Context) (Event, error) {
	for {
		text, err := r.receive(ctx)
		if err != nil {
			return Event{}, err
		}
		if bytes.HasPrefix(text, []byte(`{"op":"reply","stream":`)) {
			return parsePushed(text)
		}
		if !bytes.HasPrefix(text, []byte(`{"op":"event","stream":`)) {
			return Event{}, fmt.Errorf("not an event: %s", text)
		}
		e, err := parseEnvelope(text)
		if err != nil {
			return Event{}, err
		}
		if e.ID != "" {
			r.lastID = e.ID
		}
		if e.Type != "leat.heartbeat" || r.heartbeats {
			return e, nil
		}
	}
}

// parsePushed reads a reply that answers nothing: no ref, and no id.
func parsePushed(text []byte) (Event, error) {
	head, data, ok := bytes.Cut(text, []byte(`,"data":`))
	var e struct{ Op, Stream, Key, Type string }
	d := json.NewDecoder(bytes.NewReader(append(bytes.Clone(head), '}')))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || !ok || !json.Valid(bytes.TrimSuffix(data, []byte("}"))) {
		return Event{}, fmt.Errorf("not an event that was pushed: %s (%w)", text, err)
	}
	return Event{Stream: e.Stream, Key: e.Key, Type: e.Type, Data: string(bytes.TrimSuffix(data, []byte("}")))}, nil
}

func (r *v1Reader) Start() string  { return r.start }
func (*v1Reader) ShowsStart() bool { return true }
func (r *v1Reader) LastID() string { return r.lastID }
func (r *v1Reader) Close()         { r.close() }

// publishV1 publishes over a connection of its own.
func publishV1(ctx context.Context, m messages, e Event) (string, error) {
	defer m.close()
	if err := m.send(ctx, []byte(e.object("key", `"op":"publish","ref":8`, `"stream":`+quote(e.Stream)))); err != nil {
		return "", err
	}
	for {
		text, err := m.receive(ctx)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(string(text), `{"op":"event",`) { // where the address subscribes
			continue
		}
		answer, err := parseAnswer(text, "ack", "8")
		return answer.ID, err
	}
}

// Sockets.

const leatV1 = "leat.v1"

type socket struct {
	conn      *websocket.Conn
	transport *http.Transport
}

func dialSocket(ctx context.Context, s *Server, path, subprotocol string, dial Dial) (messages, error) {
	transport := &http.Transport{DialContext: dial}
	conn, response, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{subprotocol}})
	if err != nil {
		transport.CloseIdleConnections()
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return nil, HTTPProblem(response)
		}
		return nil, err
	}
	if response.Body != nil {
		response.Body.Close()
	}
	if got := conn.Subprotocol(); got != subprotocol {
		_ = conn.CloseNow()
		return nil, fmt.Errorf("offered %s, and got %q", subprotocol, got)
	}
	conn.SetReadLimit(4 << 20)
	return &socket{conn, transport}, nil
}

func (s *socket) send(ctx context.Context, text []byte) error {
	return s.conn.Write(ctx, websocket.MessageText, text)
}

func (s *socket) receive(ctx context.Context) ([]byte, error) {
	kind, text, err := s.conn.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = errors.New("a binary message")
	}
	return text, err
}

func (s *socket) close() {
	_ = s.conn.CloseNow()
	s.transport.CloseIdleConnections()
}

func webSocketWire() Wire {
	return Wire{"websocket", func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		m, err := dialSocket(ctx, s, "/ws", leatV1, dial)
		if err != nil {
			return nil, err
		}
		return openV1(ctx, m, sub)
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		return publishSocket(ctx, s, Event{Stream: stream, Key: key, Type: eventType, Data: data})
	}}
}

// webSocketURLWire subscribes by the address alone.
func webSocketURLWire() Wire {
	return Wire{"websocket-url", func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		sub.Resume = false // there is no header for it
		m, err := dialSocket(ctx, s, sub.path("/ws/"), leatV1, dial)
		if err != nil {
			return nil, err
		}
		return subscribedV1(ctx, m, sub, "")
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		path := "/ws/" + stream
		if key != "" {
			path += "/" + url.PathEscape(key)
		}
		m, err := dialSocket(ctx, s, path, leatV1, Plain)
		if err != nil {
			return "", err
		}
		if _, err := subscribedV1(ctx, m, Subscription{}, ""); err != nil {
			return "", err
		}
		return publishV1(ctx, m, Event{Stream: stream, Type: eventType, Data: data})
	}}
}

func publishSocket(ctx context.Context, s *Server, e Event) (string, error) {
	m, err := dialSocket(ctx, s, "/ws", leatV1, Plain)
	if err != nil {
		return "", err
	}
	return publishV1(ctx, m, e)
}

// gRPC's Connect carries the same messages.

type connectStream struct {
	grpc.BidiStreamingClient[leatv1.ConnectRequest, leatv1.ConnectResponse]
	conn *grpc.ClientConn
}

func dialConnect(ctx context.Context, s *Server, dial Dial) (messages, error) {
	return dialConnectTo(ctx, s.GRPC, dial)
}

func dialConnectTo(ctx context.Context, address string, dial Dial) (messages, error) {
	conn, err := dialGRPC(address, dial)
	if err != nil {
		return nil, err
	}
	stream, err := leatv1.NewStreamServiceClient(conn).Connect(ctx)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &connectStream{stream, conn}, nil
}

func (c *connectStream) send(_ context.Context, text []byte) error {
	if err := c.Send(&leatv1.ConnectRequest{Json: text}); !errors.Is(err, io.EOF) { // then receive says why it is over
		return err
	}
	return nil
}

func (c *connectStream) receive(context.Context) ([]byte, error) {
	answer, err := c.Recv()
	return answer.GetJson(), grpcProblem(err)
}

func (c *connectStream) close() { c.conn.Close() }

func connectWire() Wire {
	return Wire{"grpc-connect", func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		m, err := dialConnect(ctx, s, dial)
		if err != nil {
			return nil, err
		}
		return openV1(ctx, m, sub)
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		return publishConnect(ctx, s, Event{Stream: stream, Key: key, Type: eventType, Data: data})
	}}
}

func publishConnect(ctx context.Context, s *Server, e Event) (string, error) {
	m, err := dialConnect(ctx, s, Plain)
	if err != nil {
		return "", err
	}
	return publishV1(ctx, m, e)
}

// Ops is a connection of leat.v1 on which tests ask for anything.
type Ops struct {
	m   messages
	ctx context.Context
}

// OpenOps connects over websocket or grpc-connect.
func OpenOps(ctx context.Context, s *Server, wire string) (*Ops, error) {
	if wire == "websocket" {
		m, err := dialSocket(ctx, s, "/ws", leatV1, Plain)
		return &Ops{m, ctx}, err
	}
	m, err := dialConnect(ctx, s, Plain)
	return &Ops{m, ctx}, err
}

// Op is the operation that asks for a subscription.
func (s Subscription) Op() string { return string(s.subscribe()) }

// Ask sends an operation with the ref "s", and gives the answer; the error is the *Problem in it.
func (o *Ops) Ask(op string) (string, error) {
	if err := o.m.send(o.ctx, []byte(op)); err != nil {
		return "", err
	}
	text, err := o.m.receive(o.ctx)
	if err == nil && strings.HasPrefix(string(text), `{"op":"error"`) {
		_, err = parseAnswer(text, "error", `"s"`)
	}
	return string(text), err
}

// Close ends the connection.
func (o *Ops) Close() { o.m.close() }
