package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A Command is what a client sends to a backend.
type Command struct {
	Type, Data string
	Stream     string // where the way to send it names one; empty: that of the connection
	Key        string // in the message; empty: none
}

// A Commander is a way to send commands.
type Commander struct {
	Name string
	// Source is what a backend is told of it.
	Source string
	// Dial opens a connection that is about a stream, and a key where there is one.
	Dial func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error)
}

// A Talk is a connection on which one command goes after the other.
type Talk interface {
	// Send sends a command and does not wait.
	Send(ctx context.Context, c Command) error
	// Answer gives the replies to the next command that was sent; the error is the *Problem of one that was refused.
	// What comes in between, of the stream's own events, is left out: Said has it.
	Answer(ctx context.Context) ([]Event, error)
	Close()
}

// Commanders are all ways to send commands.
func Commanders() []Commander {
	return []Commander{
		{"post", "/commands/chat", dialPost},
		{"flat", "/ws/chat", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialSocket(ctx, s, Subscription{Stream: stream, Key: key}.path("/ws/"), "leat.flat", dial)
			return &flatTalk{m}, err
		}},
		{"cloudevents", "/ws/chat", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialSocket(ctx, s, Subscription{Stream: stream, Key: key}.path("/ws/"), cloudEventsJSON, dial)
			return &cloudTalk{messages: m}, err
		}},
		{"leat.v1", "/ws/chat", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialSocket(ctx, s, "/ws", leatV1, dial)
			return &v1Talk{messages: m, stream: stream, key: key}, err
		}},
		{"leat.v1-url", "/ws/chat", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialSocket(ctx, s, Subscription{Stream: stream, Key: key}.path("/ws/"), leatV1, dial)
			return &v1Talk{messages: m}, err
		}},
		{"grpc-connect", "/leat.v1.StreamService/Connect", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialConnect(ctx, s, dial)
			return &v1Talk{messages: m, stream: stream, key: key}, err
		}},
		{"grpc-connect-public", "/leat.v1.StreamService/Connect", func(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
			m, err := dialConnectTo(ctx, strings.TrimPrefix(s.URL, "http://"), dial)
			return &v1Talk{messages: m, stream: stream, key: key}, err
		}},
		{"grpc-typed-connect", "/chat.v1.ChatService/Connect", dialTyped},
	}
}

// EachCommander runs a test over every way to send a command.
func EachCommander(t *testing.T, test func(t *testing.T, c Commander)) {
	for _, c := range Commanders() {
		t.Run(c.Name, func(t *testing.T) { test(t, c) })
	}
}

// Open opens a connection until the test ends.
func (c Commander) Open(t testing.TB, s *Server, stream, key string) Talk {
	t.Helper()
	talk, err := c.Dial(Context(t), s, stream, key, Plain)
	if err != nil {
		t.Fatalf("%s to %s %s: %v", c.Name, stream, key, err)
	}
	t.Cleanup(talk.Close)
	return talk
}

// HasConnection tells whether there is a connection that lasts.
func (c Commander) HasConnection() bool { return c.Name != "post" }

// Envelope tells whether a message names the stream.
func (c Commander) Envelope() bool { return c.Name == "leat.v1" || strings.HasPrefix(c.Name, "grpc") }

// Typed tells whether it has no way to say what the contract has no field for.
func (c Commander) Typed() bool { return strings.HasPrefix(c.Name, "grpc-typed") }

// isPublished tells events that the tests' backends publish from those they reply.
func isPublished(eventType string) bool {
	return eventType == "messageReceived" || strings.HasPrefix(eventType, "leat.")
}

// post.

type postTalk struct {
	s       *Server
	path    string
	answers chan func() ([]Event, error)
}

func dialPost(_ context.Context, s *Server, stream, key string, _ Dial) (Talk, error) {
	return &postTalk{s, Subscription{Stream: stream, Key: key}.path("/commands/"), make(chan func() ([]Event, error), 1)}, nil
}

// Send waits for the answer: each command is a request of its own.
func (p *postTalk) Send(ctx context.Context, c Command) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.s.URL+p.path, strings.NewReader(c.object("", "")))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var replies []Event
	if response.StatusCode != http.StatusOK {
		err = HTTPProblem(response)
	} else {
		replies, err = parseReplies(response.Body)
	}
	p.answers <- func() ([]Event, error) { return replies, err }
	return nil
}

func parseReplies(body io.Reader) ([]Event, error) {
	var answer struct {
		Reply []struct {
			Type string
			Data json.RawMessage
		}
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&answer); err != nil || answer.Reply == nil {
		return nil, fmt.Errorf("not the answer to a command (%w)", err)
	}
	replies := make([]Event, len(answer.Reply))
	for i, r := range answer.Reply {
		replies[i] = Event{Type: r.Type, Data: string(r.Data)}
	}
	return replies, nil
}

func (p *postTalk) Answer(context.Context) ([]Event, error) { return (<-p.answers)() }
func (*postTalk) Close()                                    {}

// object is a command as JSON, with members before it.
func (c Command) object(before, stream string) string {
	text := "{" + before
	if before != "" {
		text += ","
	}
	if stream != "" {
		text += `"stream":` + quote(stream) + ","
	}
	if c.Key != "" {
		text += `"key":` + quote(c.Key) + ","
	}
	text += `"type":` + quote(c.Type)
	if c.Data != "" {
		text += `,"data":` + c.Data
	}
	return text + "}"
}

// flat.

// A flatTalk sends each command with a message behind it that is wrong: success is silent, and the error of that tells
// that all before is answered.
type flatTalk struct{ messages }

func (f *flatTalk) Send(ctx context.Context, c Command) error {
	text := `{"type":` + quote(c.Type)
	if members := strings.TrimPrefix(strings.TrimSpace(c.Data), "{"); members != c.Data && members != "}" {
		text += "," + members
	} else {
		text += "}"
	}
	return errors.Join(f.send(ctx, []byte(text)), f.send(ctx, []byte(`{"type":"end of the answer"}`)))
}

func (f *flatTalk) Answer(ctx context.Context) (replies []Event, refused error) {
	for {
		text, err := f.receive(ctx)
		if err != nil {
			return nil, err
		}
		var m struct {
			Type  string
			Error json.RawMessage
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, err
		}
		switch {
		case bytes.Contains(m.Error, []byte("end of the answer")):
			return replies, refused
		case m.Type == "leat.error":
			refused = asError(parseProblem(m.Error))
		case !isPublished(m.Type):
			head := `{"type":` + quote(m.Type)
			replies = append(replies, Event{Type: m.Type, Data: "{" + strings.TrimPrefix(strings.TrimPrefix(string(text), head), ",")})
		}
	}
}

func (f *flatTalk) Close() { f.close() }

// cloudevents.json.

type cloudTalk struct {
	messages

	sent int
}

func (c *cloudTalk) Send(ctx context.Context, command Command) error {
	c.sent++
	text := fmt.Sprintf(`{"specversion":"1.0","id":"command %d","source":"/wiretest","type":%s`, c.sent, quote(command.Type))
	if command.Key != "" {
		text += `,"subject":` + quote(command.Key)
	}
	if command.Data != "" {
		text += `,"data":` + command.Data
	}
	return errors.Join(c.send(ctx, []byte(text+"}")), c.send(ctx, []byte("{}")))
}

func (c *cloudTalk) Answer(ctx context.Context) (replies []Event, refused error) {
	for {
		text, err := c.receive(ctx)
		if err != nil {
			return nil, err
		}
		e, err := parseCloudEvent(text)
		if err != nil {
			return nil, err
		}
		if e.Type != "leat.error" {
			if !isPublished(e.Type) {
				replies = append(replies, Event{Type: e.Type, Data: e.Data})
			}
			continue
		}
		var data struct {
			ID    string
			Error json.RawMessage
		}
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return nil, err
		}
		if data.ID == "" {
			return replies, refused
		}
		refused = asError(parseProblem(data.Error))
	}
}

func (c *cloudTalk) Close() { c.close() }

// leat.v1.

type v1Talk struct {
	messages

	stream, key    string // where the address says nothing
	sent, answered int
}

func (v *v1Talk) Send(ctx context.Context, c Command) error {
	v.sent++
	stream := v.stream
	if c.Stream != "" {
		stream = c.Stream
	}
	if c.Key == "" {
		c.Key = v.key
	}
	return v.send(ctx, []byte(c.object(fmt.Sprintf(`"op":"command","ref":%d`, v.sent), stream)))
}

func (v *v1Talk) Answer(ctx context.Context) (replies []Event, refused error) {
	v.answered++
	ref := fmt.Sprint(v.answered)
	for {
		text, err := v.receive(ctx)
		if err != nil {
			return nil, err
		}
		var m struct {
			Op, Type         string
			Ref, Data, Error json.RawMessage
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, err
		}
		if m.Op == "event" || m.Op == "subscribed" {
			continue
		}
		if string(m.Ref) != ref {
			return nil, fmt.Errorf("the answer to %s: %s", ref, text)
		}
		switch m.Op {
		case "reply":
			replies = append(replies, Event{Type: m.Type, Data: string(m.Data)})
		case "ack":
			if want := `{"op":"ack","ref":` + ref + `}`; string(text) != want {
				return nil, fmt.Errorf("the end of the answer: %s, want %s", text, want)
			}
			return replies, nil
		case "error":
			return replies, asError(parseProblem(m.Error))
		}
	}
}

func (v *v1Talk) Close() { v.close() }
