package leat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat"
)

const salonText = `
leat: 1
info: { title: Salon, version: 1.0.0 }
streams:
  chat:
    key: path
    durability: memory
    commands: { sendMessage: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
    events: { messageReceived: { schema: { type: object, required: [user, text] } } }
  log: { durability: memory, events: { noted: { schema: { type: object } } } }
`

// newSalon serves a chat whose commands this program handles.
func newSalon(t *testing.T, handle leat.CommandHandler) (*leat.Server, *httptest.Server) {
	t.Helper()
	server, front := open(t, salonText)
	if handle != nil {
		if err := server.HandleCommand("chat", "sendMessage", handle); err != nil {
			t.Fatal(err)
		}
	}
	return server, front
}

// command posts hello to a path; headers are "Name: value".
func command(t *testing.T, front *httptest.Server, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	x := dial(t, front)
	lines := append([]string{"POST " + path + " HTTP/1.1", "Host: " + front.Listener.Addr().String(), "Connection: close",
		"Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(hello))}, headers...)
	x.say(append(lines, "", hello)...)
	return x.hear(http.MethodPost)
}

const hello = `{"type":"sendMessage","data":{"text":"Hello!"}}`

func TestAProgramHandlesCommandsItself(t *testing.T) {
	_, front := newSalon(t, func(_ context.Context, c leat.Command) (leat.Answer, error) {
		var message struct{ Text string }
		if err := json.Unmarshal(c.Data, &message); err != nil {
			return leat.Answer{}, err
		}
		said := map[string]string{"user": "Alice", "text": message.Text + " in " + c.Key}
		return leat.Answer{
			Reply:   []leat.Message{{Type: "messageReceived", Data: said}},
			Publish: []leat.Message{{Type: "messageReceived", Data: said}, {Type: "messageReceived", Key: "hall", Data: json.RawMessage(`{"user":"B","text":"c"}`)}},
		}, nil
	})
	response, body := command(t, front, "/commands/chat/a%2Fb")
	if want := `{"reply":[{"type":"messageReceived","data":{"text":"Hello! in a/b","user":"Alice"}}]}` + "\n"; response.StatusCode != http.StatusOK || body != want {
		t.Errorf("got %d %s, want %s", response.StatusCode, body, want)
	}
	for path, want := range map[string]string{"/events/chat/a%2Fb": `"text":"Hello! in a/b"`, "/events/chat/hall": `{"user":"B","text":"c"}`} {
		if _, page := ask(t, front, http.MethodGet, path, "Accept: application/json"); !strings.Contains(page, want) || strings.Count(page, `"id"`) != 1 {
			t.Errorf("%s: %s", path, page)
		}
	}
}

func TestAProblemOfAHandlerReachesTheSender(t *testing.T) {
	var fails error
	_, front := newSalon(t, func(context.Context, leat.Command) (leat.Answer, error) { return leat.Answer{}, fails })
	for _, tt := range []struct {
		fails error
		want  string
	}{
		{&leat.Problem{Status: 403, Detail: "you are banned"},
			`{"type":"about:blank","title":"Forbidden","status":403,"detail":"you are banned","retryable":false}`},
		{fmt.Errorf("around it: %w", &leat.Problem{Type: "https://chat.example/rude", Title: "Rude", Detail: "mind your words",
			Violations: []leat.Violation{{Pointer: "/data/text", Detail: "is rude"}}, Status: 422}),
			`{"type":"https://chat.example/rude","title":"Rude","status":422,"detail":"mind your words","errors":[{"pointer":"/data/text","detail":"is rude"}],"retryable":false}`},
		{&leat.Problem{Status: 200, Detail: "odd"}, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"odd","retryable":false}`},
	} {
		fails = tt.fails
		if _, body := command(t, front, "/commands/chat"); body != tt.want+"\n" {
			t.Errorf("got  %swant %s", body, tt.want)
		}
	}
	fails = io.ErrUnexpectedEOF
	response, body := command(t, front, "/commands/chat")
	wantProblem(t, response, body, http.StatusBadGateway, "under id")
	if strings.Contains(body, "EOF") {
		t.Errorf("the sender is told %s", body)
	}
}

func TestDataThatIsNoJSONIsTheHandlersFailure(t *testing.T) {
	var answer leat.Answer
	_, front := newSalon(t, func(context.Context, leat.Command) (leat.Answer, error) { return answer, nil })
	for _, answer = range []leat.Answer{
		{Reply: []leat.Message{{Type: "messageReceived", Data: func() {}}}}, {Publish: []leat.Message{{Type: "messageReceived", Data: func() {}}}},
	} {
		response, body := command(t, front, "/commands/chat")
		wantProblem(t, response, body, http.StatusBadGateway, "under id")
	}
}

func TestACommandThatTheProgramDoesNotHandleIsABadGateway(t *testing.T) {
	_, front := newSalon(t, nil)
	response, body := command(t, front, "/commands/chat")
	wantProblem(t, response, body, http.StatusBadGateway, "nobody handles the command")
}

func TestHandleCommandNamesWhatThereIs(t *testing.T) {
	server, _ := newSalon(t, nil)
	handle := func(context.Context, leat.Command) (leat.Answer, error) { return leat.Answer{}, nil }
	for _, tt := range []struct {
		stream, command string
		handle          leat.CommandHandler
		says            string
	}{
		{"chta", "sendMessage", handle, `did you mean "chat"?`}, {"chat", "sendMesage", handle, `did you mean "sendMessage"?`},
		{"log", "noted", handle, "no command"}, {"chat", "sendMessage", nil, "nil"},
	} {
		if err := server.HandleCommand(tt.stream, tt.command, tt.handle); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("got %v, want an error that says %q", err, tt.says)
		}
	}
}

func TestCommandsHaveTheRoutesOfPublishing(t *testing.T) {
	_, front := newSalon(t, func(context.Context, leat.Command) (leat.Answer, error) { return leat.Answer{}, nil })
	response, body := command(t, front, "/commands/chat", "Origin: https://evil.example")
	wantProblem(t, response, body, http.StatusForbidden, "may not do this")
	if response, body := command(t, front, "/commands/chat", "Origin: "+front.URL); response.StatusCode != http.StatusOK ||
		response.Header.Get("Access-Control-Allow-Origin") != front.URL || body != `{"reply":[]}`+"\n" {
		t.Errorf("of its own origin: %d %v %s", response.StatusCode, response.Header, body)
	}
	response, body = command(t, front, "/commands/chat/..")
	wantProblem(t, response, body, http.StatusBadRequest, `a key cannot be \"..\"`)
	response, body = command(t, front, "/commands/log")
	wantProblem(t, response, body, http.StatusNotFound, "takes no commands")
	response, body = ask(t, front, http.MethodGet, "/commands/chat")
	wantProblem(t, response, body, http.StatusMethodNotAllowed, "OPTIONS, POST")
	response, body = ask(t, front, http.MethodGet, "/command/chat")
	wantProblem(t, response, body, http.StatusNotFound, "/commands/{stream}/{key}")
}

func TestCloseWaitsForTheAnswersOfCommands(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	server, front := newSalon(t, func(context.Context, leat.Command) (leat.Answer, error) {
		close(arrived)
		<-release
		return leat.Answer{Publish: []leat.Message{{Type: "messageReceived", Data: json.RawMessage(`{"user":"a","text":"b"}`)}}}, nil
	})
	var all sync.WaitGroup
	all.Go(func() {
		if response, body := command(t, front, "/commands/chat"); response.StatusCode != http.StatusOK {
			t.Errorf("got %d %s", response.StatusCode, body)
		}
	})
	<-arrived
	all.Go(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for { // until Close has begun
		if response, _ := command(t, front, "/commands/log"); response.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	close(release)
	all.Wait()
}
