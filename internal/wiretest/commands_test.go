package wiretest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/wiretest"
)

const chatContract = `
leat: 1
info: { title: Chat, version: 1.0.0 }
streams:
  chat:
    key: path
    durability: memory
    commands:
      sendMessage: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
      leave: { schema: { type: object } }
    events:
      messageReceived: { schema: { type: object, required: [user, text], properties: { user: { type: string }, text: { type: string } } } }
      welcome: { schema: { type: object } }
    backend: { url: "%[1]s", timeout: 5s, lifecycle: %[2]v }
  plain:
    durability: memory
    commands: { do: { schema: { type: object } } }
    events: { done: { schema: { type: object } } }
    backend: { url: "%[1]s", timeout: 1s }
  ssewire:
    transports: [sse]
    durability: memory
    commands: { do: { schema: { type: object } } }
    events: { done: { schema: { type: object } } }
    backend: { url: "%[1]s" }
  quiet:
    durability: memory
    events: { note: { schema: { type: object } } }
`

// chat serves the chat with a backend until the test ends.
func chat(t *testing.T, backend http.HandlerFunc) *wiretest.Server {
	t.Helper()
	return chatWith(t, false, backend)
}

func chatWith(t *testing.T, lifecycle bool, backend http.HandlerFunc) *wiretest.Server {
	t.Helper()
	server := httptest.NewServer(backend)
	t.Cleanup(server.Close) // after leat's
	return wiretest.Start(t, fmt.Sprintf(chatContract, server.URL, lifecycle))
}

// says is a command to the chat.
func says(text string) wiretest.Command {
	return wiretest.Command{Type: "sendMessage", Data: fmt.Sprintf(`{"text":%q}`, text)}
}

// answer sends a command, and gives the replies to it.
func answer(t *testing.T, talk wiretest.Talk, c wiretest.Command) ([]wiretest.Event, error) {
	t.Helper()
	ctx := wiretest.Context(t)
	if err := talk.Send(ctx, c); err != nil {
		t.Fatal(err)
	}
	return talk.Answer(ctx)
}

// refused gives the problem that a command is refused with.
func refused(t *testing.T, talk wiretest.Talk, c wiretest.Command) *wiretest.Problem {
	t.Helper()
	replies, err := answer(t, talk, c)
	if err == nil || len(replies) > 0 {
		t.Fatalf("%+v got %v, %v, and was to be refused", c, replies, err)
	}
	return wiretest.AsProblem(t, err)
}

// text is what a command says.
func text(r *http.Request) string {
	var message struct{ Text string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &message)
	return message.Text
}

// publishes answers a command as the chat does.
func publishes(w http.ResponseWriter, text string) {
	_, _ = fmt.Fprintf(w, `{"publish":[{"type":"messageReceived","data":{"user":"Alice","text":%q}}]}`, text)
}

func TestTheExchangeOnABareWebSocket(t *testing.T) {
	t.Parallel()
	s := chat(t, func(w http.ResponseWriter, r *http.Request) { publishes(w, text(r)) })
	ctx := wiretest.Context(t)
	conn, _, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+"/ws/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"sendMessage","text":"Hello!"}`)); err != nil {
		t.Fatal(err)
	}
	kind, got, err := conn.Read(ctx)
	if want := `{"type":"messageReceived","user":"Alice","text":"Hello!"}`; err != nil || kind != websocket.MessageText || string(got) != want {
		t.Errorf("got %v %s (%v), want %s", kind, got, err, want)
	}
}

func TestRepliesGoToTheSenderAndPublicationsToEveryone(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		told := make(chan http.Header, 2)
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			told <- r.Header
			if text(r) == "nothing" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			_, _ = io.WriteString(w, `{"reply":[{"type":"welcome","data":{"n":1}},{"type":"welcome","data":{ "n":2 }}],`+
				`"publish":[{"type":"messageReceived","data":{"user":"Alice","text":"Hi"}}]}`)
		})
		var everyone []*wiretest.Client
		for _, w := range wiretest.Wires() {
			if w.Typed() {
				continue // an event is known by its field there, message_received, which can be of other names too
			}
			everyone = append(everyone, w.Open(t, s, wiretest.Subscription{Stream: "chat", Key: "hall"}))
		}
		talk := c.Open(t, s, "chat", "hall")
		replies, err := answer(t, talk, says("Hi"))
		if err != nil || len(replies) != 2 || replies[0] != (wiretest.Event{Type: "welcome", Data: `{"n":1}`}) || replies[1].Data != `{"n":2}` {
			t.Errorf("the replies are %v, %v", replies, err)
		}
		for _, other := range everyone {
			if e := other.Take(); e.Type != "messageReceived" || e.Data != `{"user":"Alice","text":"Hi"}` {
				t.Errorf("another one got %v", e)
			}
		}
		header := within(t, told)
		if header.Get("Ce-Source") != c.Source || header.Get("Ce-Subject") != "hall" || header.Get("Ce-Type") != "sendMessage" ||
			(header.Get("Leat-Connection") != "") != c.HasConnection() || header.Get("Traceparent") == "" {
			t.Errorf("the backend was told %v", header)
		}
		if c.HasConnection() && header.Get("Leat-Connection") != s.Newest().ID {
			t.Errorf("the connection is %s, want %s", header.Get("Leat-Connection"), s.Newest().ID)
		}
		if replies, err := answer(t, talk, says("nothing")); err != nil || len(replies) != 0 {
			t.Errorf("an empty answer gives %v, %v", replies, err)
		}
	})
}

func TestCommandsOfTwoRooms(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		s := chat(t, func(w http.ResponseWriter, r *http.Request) { publishes(w, r.Header.Get("Ce-Subject")) })
		everyone := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "chat", AllKeys: true})
		for _, key := range []string{"", "a/b", "ü"} {
			if _, err := answer(t, c.Open(t, s, "chat", key), says("x")); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"": "default", "a/b": "a/b", "ü": "%C3%BC"}[key]
			if e := everyone.Take(); e.Data != `{"user":"Alice","text":"`+want+`"}` {
				t.Errorf("room %q: got %v, want %s", key, e, want)
			}
		}
		if c.Name == "flat" {
			return // its messages have no key
		}
		command := says("x")
		command.Key = "r2"
		if _, err := answer(t, c.Open(t, s, "chat", ""), command); err != nil {
			t.Fatalf("a room that the message names alone: %v", err)
		}
		if e := everyone.Take(); e.Data != `{"user":"Alice","text":"r2"}` {
			t.Errorf("a room that the message names alone: got %v", e)
		}
	})
}

func TestCommandsThatTheContractDoesNotHave(t *testing.T) {
	t.Parallel()
	s := chat(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the backend was sent %s", r.Header.Get("Ce-Type"))
	})
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		for _, try := range []struct {
			stream, key string
			command     wiretest.Command
			status      int
			pointer     string
			says        string
			only        string // this commander alone; "-" and one: all others
		}{
			{"chat", "", wiretest.Command{Type: "sendMessage", Data: `{}`}, 422, "/data/text", "", ""},
			{"chat", "", wiretest.Command{Type: "sendMessage", Data: `{"text":7}`}, 422, "/data/text", "", ""},
			{"chat", "", wiretest.Command{Type: "sendMesage", Data: `{"text":"x"}`}, 422, "/type", "did you mean \"sendMessage\"", ""},
			{"chat", "room-1", wiretest.Command{Type: "sendMessage", Key: "room-2", Data: `{"text":"x"}`}, 422, "/key", "room-1", "keys"},
			{"chat", "default", wiretest.Command{Type: "sendMessage", Key: "room-2", Data: `{"text":"x"}`}, 422, "/key", "default", "keys"},
			{"plain", "", wiretest.Command{Type: "do", Key: "k", Data: `{}`}, 422, "/key", "", "members"},
			{"chat", "", wiretest.Command{Type: "messageReceived", Data: `{"user":"a","text":"x"}`}, 422, "/type", "", "commands"},
			{"quiet", "", wiretest.Command{Type: "note", Data: `{}`}, 404, "", "note", "commands"},
			{"quiet", "", wiretest.Command{Type: "sendMessage", Data: `{}`}, 404, "", "note", "commands"},
			{"quiet", "", wiretest.Command{Type: "sendMessage", Data: `{}`}, 422, "/type", "note", "framings"},
		} {
			framing := c.Name == "flat" || c.Name == "cloudevents"
			switch {
			case c.Typed() && (try.stream == "quiet" || try.pointer == "/type" || strings.Contains(try.command.Data, "7")),
				try.only == "keys" && (c.Name == "flat" || c.Envelope()), try.only == "members" && framing,
				try.only == "commands" && framing, try.only == "framings" && !framing:
				continue
			}
			p := refused(t, c.Open(t, s, try.stream, try.key), try.command)
			pointer := ""
			said := p.Detail
			if len(p.Errors) > 0 {
				pointer = p.Errors[0].Pointer
				said += p.Errors[0].Detail
			}
			if p.Status != try.status || p.Retryable || pointer != try.pointer || !strings.Contains(said, try.says) {
				t.Errorf("%s: %+v: refused with %v at %q (%s), want %d at %q that says %q", c.Name, try, p, pointer, said, try.status, try.pointer, try.says)
			}
		}
	})
}

// The contract's transports are those to subscribe on; commands go every way that does not subscribe.
func TestACommandToAStreamThatIsSubscribedOverSSEAlone(t *testing.T) {
	t.Parallel()
	s := chat(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"reply":[{"type":"done","data":{"a":1}}],"publish":[{"type":"done","data":{"b":2}}]}`)
	})
	everyone := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "ssewire"})
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if c.Name == "grpc-typed-connect" {
			return // a stream that is not offered over gRPC has no typed service
		}
		if c.Name != "post" && !c.Envelope() {
			if _, err := c.Dial(wiretest.Context(t), s, "ssewire", "", wiretest.Plain); err == nil || !strings.Contains(err.Error(), "sse") {
				t.Errorf("its address subscribes, and is refused with %v", err)
			}
			return
		}
		replies, err := answer(t, c.Open(t, s, "ssewire", ""), wiretest.Command{Type: "do", Data: `{}`})
		if err != nil || len(replies) != 1 || replies[0].Data != `{"a":1}` {
			t.Errorf("the answer is %v, %v", replies, err)
		}
		if e := everyone.Take(); e.Data != `{"b":2}` {
			t.Errorf("got %v", e)
		}
	})
}

func TestWhatABackendSaysReachesTheSender(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			switch what := text(r); what {
			case "problem":
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusConflict)
				_, _ = io.WriteString(w, `{"type":"https://chat.example/muted","title":"Conflict","status":409,"detail":"you are muted","until":"noon"}`)
			case "violations":
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, `{"title":"Unprocessable Entity","detail":"rude","errors":[{"pointer":"/data/text","detail":"is rude"}]}`)
			case "400":
				w.WriteHeader(http.StatusBadRequest)
			case "500":
				w.WriteHeader(http.StatusInternalServerError)
			case "garbage":
				_, _ = io.WriteString(w, `<html>`)
			case "large":
				_, _ = io.WriteString(w, strings.Repeat(" ", 10<<20))
			case "contract":
				_, _ = io.WriteString(w, `{"publish":[{"type":"messageReceived","data":{"user":"Alice","text":"x"}},{"type":"messageReceived","data":{"user":7}}]}`)
			case "busy":
				w.WriteHeader(http.StatusServiceUnavailable)
			case "redirect":
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			case "half":
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, `{"reply":[`)
			default:
				<-r.Context().Done()
			}
		})
		everyone := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "chat"})
		talk := c.Open(t, s, "chat", "")
		p := refused(t, talk, says("problem"))
		if p.Status != 409 || p.Type != "https://chat.example/muted" || p.Detail != "you are muted" || p.Retryable {
			t.Errorf("a problem of the backend: %+v", p)
		}
		p = refused(t, talk, says("violations"))
		if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0] != (wiretest.Violation{Pointer: "/data/text", Detail: "is rude"}) {
			t.Errorf("violations of the backend: %+v", p)
		}
		if p = refused(t, talk, says("400")); p.Status != 400 {
			t.Errorf("400: %+v", p)
		}
		for _, what := range []string{"500", "garbage", "large", "contract", "redirect", "half"} {
			if p := refused(t, talk, says(what)); p.Status != 502 || p.Retryable {
				t.Errorf("%s: %+v", what, p)
			}
		}
		other := c.Open(t, s, "plain", "")
		if p := refused(t, other, wiretest.Command{Type: "do", Data: `{"a":1}`}); p.Status != 504 || p.Retryable {
			t.Errorf("too late: %+v", p)
		}
		for i := range 10 {
			want := http.StatusBadGateway
			if i == 9 { // the late one counts too
				want = http.StatusServiceUnavailable
			}
			if p := refused(t, other, wiretest.Command{Type: "do", Data: `{"text":"busy"}`}); p.Status != want || !p.Retryable {
				t.Errorf("number %d: %+v, want %d", i, p, want)
			}
		}
		s.Publish("chat", "messageReceived", `{"user":"Bob","text":"last"}`)
		if e := everyone.Take(); !strings.Contains(e.Data, "last") {
			t.Errorf("%v was published", e)
		}
	})
}

func TestABackendThatIsDownAndComesBack(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { publishes(w, text(r)) }))
		address := server.Listener.Addr().String()
		_ = server.Listener.Close()
		s := wiretest.Start(t, fmt.Sprintf(chatContract, "http://"+address, false))
		talk := c.Open(t, s, "chat", "")
		if p := refused(t, talk, says("x")); p.Status != 502 || !p.Retryable || !strings.Contains(p.Detail, "not sent") {
			t.Errorf("a backend that is down: %+v", p)
		}
	})
}

// The client does not wait; the backend's answers take random times, and come in the order of the commands all the same.
func TestPipelinedCommandsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	const commands = 200
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !c.HasConnection() {
			t.Skip("a request has one command")
		}
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			<-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond)
			said := text(r)
			_, _ = fmt.Fprintf(w, `{"reply":[{"type":"welcome","data":{"n":%q}}],"publish":[{"type":"messageReceived","data":{"user":"A","text":%q}}]}`, said, said)
		})
		everyone := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "chat"})
		talk := c.Open(t, s, "chat", "")
		ctx := wiretest.Context(t)
		sent := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < commands && err == nil; i++ {
				err = talk.Send(ctx, says(fmt.Sprint(i)))
			}
			sent <- err
		}()
		for i := range commands {
			replies, err := talk.Answer(ctx)
			if want := fmt.Sprintf(`{"n":"%d"}`, i); err != nil || len(replies) != 1 || replies[0].Data != want {
				t.Fatalf("the answer to number %d is %v, %v", i, replies, err)
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		for i := range commands {
			if e := everyone.Take(); e.Data != fmt.Sprintf(`{"user":"A","text":"%d"}`, i) {
				t.Fatalf("number %d published is %v", i, e)
			}
		}
	})
}

func TestAClientThatLeavesHasItsCommandCarriedThrough(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !c.HasConnection() {
			t.Skip("its Send waits for the answer")
		}
		arrived, release := make(chan string, 2), make(chan struct{})
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			arrived <- r.Header.Get("Leat-Connection")
			<-release
			publishes(w, text(r))
		})
		everyone := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "chat"})
		talk := c.Open(t, s, "chat", "")
		if err := talk.Send(wiretest.Context(t), says("bye")); err != nil {
			t.Fatal(err)
		}
		id := within(t, arrived)
		if p := s.Push(id, `{"stream":"chat","type":"welcome","data":{}}`); p != nil && c.Name != "leat.v1" {
			t.Errorf("a push while the command runs is refused: %v", p)
		}
		talk.Close()
		close(release)
		if e := everyone.Take(); !strings.Contains(e.Data, "bye") {
			t.Errorf("got %v", e)
		}
		for ctx := wiretest.Context(t); len(must(s.Connections(""))) > 1; { // the connection is gone when its command is
			if err := ctx.Err(); err != nil {
				t.Fatal(err)
			}
		}
		if p := s.Push(id, `{"stream":"chat","type":"welcome","data":{}}`); p == nil || p.Status != 404 {
			t.Errorf("a push to a connection that is gone: %v", p)
		}
	})
}

func must(list []wiretest.Connection, _ string) []wiretest.Connection { return list }

// Each command under way gets its answer, behind leat.end where there is a subscription.
func TestADrainWaitsForCommandsUnderWay(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		arrived, release := make(chan struct{}), make(chan struct{})
		var handled atomic.Bool
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-release
			handled.Store(true)
			_, _ = io.WriteString(w, `{"reply":[{"type":"welcome","data":{"late":true}}]}`)
		})
		talk := c.Open(t, s, "chat", "")
		ctx := wiretest.Context(t)
		sent := make(chan error, 1)
		go func() { sent <- talk.Send(ctx, says("x")) }()
		within(t, arrived)
		drained := make(chan error, 1)
		go func() {
			err := s.Leat.Drain(ctx, 0)
			if !handled.Load() {
				t.Error("the drain is over before the command has its answer")
			}
			drained <- err
		}()
		for s.Leat.Ready(ctx) == nil {
		}
		close(release)
		replies, err := talk.Answer(ctx)
		silent := strings.HasPrefix(c.Name, "flat") || c.Name == "cloudevents" // nothing tells the end of its answer now
		if !silent && (len(replies) != 1 || err != nil) {
			t.Errorf("the answer is %v, %v", replies, err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// A node that has no time any more tells the senders to try again.
func TestCloseTellsWhoeverWaitsToSendAgain(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if c.Name == "flat" || c.Name == "cloudevents" {
			t.Skip("the talk of the test cannot tell the end of an answer")
		}
		arrived := make(chan struct{})
		s := chat(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		talk := c.Open(t, s, "chat", "")
		ctx := wiretest.Context(t)
		sent := make(chan error, 1)
		go func() { sent <- talk.Send(ctx, says("x")) }()
		within(t, arrived)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop()
		}()
		_, err := talk.Answer(ctx)
		if p := wiretest.AsProblem(t, err); p.Status != 503 || !p.Retryable {
			t.Errorf("refused with %+v", p)
		}
		<-stopped
		<-sent
	})
}

// So does a drain that has none.
func TestADrainThatIsOverTellsWhoeverWaitsToSendAgain(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if c.Name == "flat" || c.Name == "cloudevents" {
			t.Skip("the talk of the test cannot tell the end of an answer")
		}
		arrived, release := make(chan struct{}), make(chan struct{})
		s := chat(t, func(http.ResponseWriter, *http.Request) {
			close(arrived)
			<-release
		})
		defer close(release)
		talk := c.Open(t, s, "chat", "")
		ctx := wiretest.Context(t)
		sent := make(chan error, 1)
		go func() { sent <- talk.Send(ctx, says("x")) }()
		within(t, arrived)
		over, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Leat.Drain(over, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("the drain gives %v, which says nothing of those who got no answer", err)
		}
		_, err := talk.Answer(ctx)
		if p := wiretest.AsProblem(t, err); p.Status != 503 || !p.Retryable || !strings.Contains(p.Detail, "may have handled") {
			t.Errorf("refused with %+v", p)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// within takes what comes, or fails.
func within[T any](t *testing.T, what <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-what:
	case <-wiretest.Context(t).Done():
		t.Fatal("nothing came")
	}
	return got
}
