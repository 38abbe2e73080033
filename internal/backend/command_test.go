package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/problem"
)

func TestWhatIsWrongWithACommandIsToldWithItsPlaceAndNotSent(t *testing.T) {
	h := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the backend was asked") })
	text := []byte(`{"text":"x"}`)
	for name, tt := range map[string]struct {
		command backend.Command
		status  int
		at      string
		says    string
	}{
		"stream unknown":       {backend.Command{Stream: "chta", Type: "sendMessage", Data: text}, 404, "", `did you mean "chat"?`},
		"stream of no command": {backend.Command{Stream: "quiet", Type: "note", Data: text}, 404, "", "takes no commands; it has the event types note"},
		"type missing":         {backend.Command{Stream: "chat", Data: text}, 422, "/type", "one of: sendMessage, leave"},
		"type unknown":         {backend.Command{Stream: "chat", Type: "sendMesage", Data: text}, 422, "/type", `did you mean "sendMessage"? (its commands: sendMessage, leave)`},
		"type of an event":     {backend.Command{Stream: "chat", Type: "welcome", Data: text}, 422, "/type", "but an event type: publish it instead"},
		"type of leat's":       {backend.Command{Stream: "chat", Type: "leat.connected", Data: text}, 422, "/type", "leat's own"},
		"data missing":         {backend.Command{Stream: "chat", Type: "sendMessage"}, 422, "/data", "is required"},
		"schema":               {backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":7}`)}, 422, "/data/text", "sendMessage: /data/text must be string"},
		"not JSON":             {backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":}`)}, 400, "", "byte 8"},
		"duplicate name":       {backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":"","text":""}`)}, 400, "", "duplicate"},
		"too large":            {backend.Command{Stream: "plain", Type: "do", Data: []byte(`{"a":"` + strings.Repeat("x", 1024) + `"}`)}, 413, "", "at most 1024"},
		"key without keys":     {backend.Command{Stream: "plain", Type: "do", Key: new("a"), Data: text}, 422, "/key", "no keys"},
		"path without keys":    {backend.Command{Stream: "plain", Type: "do", PathKey: new("a"), Data: text}, 404, "", "send commands to /commands/plain, without a key"},
		"path no key":          {backend.Command{Stream: "chat", Type: "sendMessage", PathKey: new(".."), Data: text}, 400, "", "key in the path"},
		"key no key":           {backend.Command{Stream: "chat", Type: "sendMessage", Key: new("a\n"), Data: text}, 422, "/key", "is not valid"},
		"keys differ":          {backend.Command{Stream: "chat", Type: "sendMessage", PathKey: new("a"), Key: new("b"), Data: text}, 422, "/key", `"a" in the path, but "b"`},
		"key not the data's":   {backend.Command{Stream: "orders", Type: "place", PathKey: new("a"), Data: []byte(`{"orderId":"b"}`)}, 422, "/key", "/data/orderId"},
	} {
		_, err := h.Send(t.Context(), tt.command)
		p := wantProblem(t, err, tt.status, false, tt.says)
		if at := fmt.Sprint(p.Violations); tt.at != "" && (len(p.Violations) != 1 || p.Violations[0].Pointer != tt.at) || tt.at == "" && len(p.Violations) > 0 {
			t.Errorf("%s: at %s, want %s", name, at, tt.at)
		}
	}
	if n := h.count(t, "leat_commands_total", "chat", "invalid"); n != 11 {
		t.Errorf("%v are counted as invalid, want the 11 that name chat", n)
	}
}

func TestTheKeyOfACommandIsWhereTheContractSays(t *testing.T) {
	subjects := make(chan []string, 1)
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		subjects <- r.Header.Values("Ce-Subject")
		w.WriteHeader(http.StatusNoContent)
	})
	for _, tt := range []struct {
		command backend.Command
		want    string
	}{
		{backend.Command{Stream: "chat", Type: "leave", Data: []byte(`7`)}, "[default]"},
		{backend.Command{Stream: "chat", Type: "leave", Data: []byte(`7`), PathKey: new("a")}, "[a]"},
		{backend.Command{Stream: "chat", Type: "leave", Data: []byte(`7`), Key: new("b")}, "[b]"},
		{backend.Command{Stream: "orders", Type: "place", Data: []byte(`{"orderId":"or_1"}`)}, "[or_1]"},
		{backend.Command{Stream: "orders", Type: "place", Data: []byte(`{"item":"hat"}`)}, "[]"},
		{backend.Command{Stream: "orders", Type: "place", Data: []byte(`{"item":"hat"}`), PathKey: new("or_2")}, "[or_2]"},
		{backend.Command{Stream: "plain", Type: "do", Data: []byte(`{}`)}, "[]"},
		{backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"type":"hidden by nothing","text":""}`)}, "[default]"},
	} {
		if _, err := h.Send(t.Context(), tt.command); err != nil {
			t.Errorf("%+v: %v", tt.command, err)
			continue
		}
		if got := fmt.Sprint(<-subjects); got != tt.want {
			t.Errorf("%+v has the subject %s, want %s", tt.command, got, tt.want)
		}
	}
}

func TestAHandlerReplacesTheBackend(t *testing.T) {
	h := serve(t, answers(500, "", ""))
	var got backend.Command
	if err := h.Handle("chat", "sendMessage", func(_ context.Context, c backend.Command) (backend.Answer, error) {
		got = c
		return backend.Answer{
			Reply:   []backend.Reply{{Type: "welcome", Data: []byte("{ }")}},
			Publish: []backend.Publication{{Type: "messageReceived", Data: []byte(message)}},
		}, nil
	}); err != nil {
		t.Fatal(err)
	}
	replies, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", PathKey: new("hall"), Data: []byte(`{ "text":"x" }`), Connection: "c"})
	if err != nil || len(replies) != 1 || string(replies[0].Data) != "{}" {
		t.Errorf("got %v, %v", replies, err)
	}
	if got.PathKey != nil || got.Key == nil || *got.Key != "hall" || string(got.Data) != `{"text":"x"}` || got.Connection != "c" {
		t.Errorf("the handler got %+v", got)
	}
	if stored := h.stored(t); len(stored) != 1 || stored[0] != "messageReceived hall "+message {
		t.Errorf("stored %q", stored)
	}
	_, err = h.Send(t.Context(), backend.Command{Stream: "chat", Type: "leave", Data: []byte(`7`)})
	wantProblem(t, err, 502, false, "500") // the other command still goes there
}

func TestHandlersAreOfCommandsThatThereAre(t *testing.T) {
	h := newHouse(t, "http://127.0.0.1:1")
	none := func(context.Context, backend.Command) (backend.Answer, error) { return backend.Answer{}, nil }
	for _, tt := range []struct {
		stream, command string
		handler         backend.Handler
		says            string
	}{
		{"chta", "sendMessage", none, `no stream "chta" in the contract; did you mean "chat"?`},
		{"chat", "sendMesage", none, `stream "chat" has no command "sendMesage"; did you mean "sendMessage"? (its commands: sendMessage, leave)`},
		{"chat", "sendMessage", nil, "is nil"},
	} {
		if err := h.Handle(tt.stream, tt.command, tt.handler); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("got %v, want an error that says %q", err, tt.says)
		}
	}
}

func TestWhatAHandlerGetsWrongIsTheBackendsFailure(t *testing.T) {
	h := newHouse(t, "http://127.0.0.1:1", "TIMEOUT=50ms")
	for name, tt := range map[string]struct {
		handler backend.Handler
		status  int
		says    string
		logs    string
	}{
		"an error": {func(context.Context, backend.Command) (backend.Answer, error) {
			return backend.Answer{}, errors.New("secret")
		},
			502, "under id", "secret"},
		"a panic": {func(context.Context, backend.Command) (backend.Answer, error) { panic("secret bug") },
			502, "under id", "command_test.go"},
		"a problem of its own": {func(context.Context, backend.Command) (backend.Answer, error) {
			return backend.Answer{}, fmt.Errorf("publish: %w", problem.New(problem.Invalid, "secret 422"))
		}, 502, "under id", "secret 422"},
		"a refusal": {func(context.Context, backend.Command) (backend.Answer, error) {
			return backend.Answer{}, fmt.Errorf("around it: %w", problem.Foreign(403, []byte(`{"detail":"not you"}`)))
		}, 403, "not you", ""},
		"too late": {func(ctx context.Context, _ backend.Command) (backend.Answer, error) {
			<-ctx.Done()
			return backend.Answer{}, ctx.Err()
		}, 504, "within 50ms", ""},
		"not JSON": {func(context.Context, backend.Command) (backend.Answer, error) {
			return backend.Answer{Reply: []backend.Reply{{Type: "welcome", Data: []byte("{")}}}, nil
		}, 502, "/reply/0 is not taken", ""},
	} {
		if err := h.Handle("chat", "sendMessage", tt.handler); err != nil {
			t.Fatal(err)
		}
		_, err := h.says(t, "x")
		p := wantProblem(t, err, tt.status, false, tt.says)
		if strings.Contains(string(p.JSON()), "secret") || !strings.Contains(h.lines.String(), tt.logs) {
			t.Errorf("%s: the sender is told %s, the log %s", name, p.JSON(), h.lines)
		}
	}
}

func TestACommandThatNobodyHandlesIsABadGateway(t *testing.T) {
	h := newHouse(t, "http://127.0.0.1:1")
	if err := h.Handle("local", "ping", func(context.Context, backend.Command) (backend.Answer, error) { return backend.Answer{}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Send(t.Context(), backend.Command{Stream: "local", Type: "ping", Data: []byte("{}")}); err != nil {
		t.Error(err)
	}
	_, err := h.Send(t.Context(), backend.Command{Stream: "local", Type: "pong", Data: []byte("{}")})
	wantProblem(t, err, 502, false, `nobody handles the command "pong"`)
}

func TestTheSenderLearnsThatPublishingFailed(t *testing.T) {
	h := serve(t, answers(200, "", `{"publish":[{"type":"messageReceived","data":`+message+`}]}`))
	if err := h.events.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := h.says(t, "x")
	if p := problem.From(err); p.HTTP() < 500 || !strings.HasPrefix(p.Detail, "the backend has handled the command, but what it published may not have been stored") {
		t.Errorf("got %d %s", p.HTTP(), p.Detail)
	}
}

func TestPostingACommandGivesItsReplies(t *testing.T) {
	var source string
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		source = r.Header.Get("Ce-Source") + " " + r.Header.Get("Ce-Subject") + " " + r.Header.Get("Leat-Connection") + " " + r.Header.Get("Traceparent")
		body, _ := io.ReadAll(r.Body)
		if string(body) == `{"text":"quiet"}` {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, `{"reply":[{"type":"messageReceived","data":{"user":"<b>","text":"é"}},{"type":"welcome","data":{}}]}`)
	})
	mux := http.NewServeMux()
	mux.Handle("POST /commands/{stream}", h)
	mux.Handle("POST /commands/{stream}/{key}", h)
	front := httptest.NewServer(mux)
	defer front.Close()
	parent := "00-" + strings.Repeat("a1", 16) + "-" + strings.Repeat("b2", 8) + "-00"
	for _, tt := range []struct {
		path, contentType, body string
		status                  int
		want                    string
	}{
		{"/commands/chat/hall", "application/json", `{"type":"sendMessage","data":{"text":"x"}}`, 200,
			`{"reply":[{"type":"messageReceived","data":{"user":"<b>","text":"é"}},{"type":"welcome","data":{}}]}` + "\n"},
		{"/commands/chat", "application/json; charset=utf-8", `{"type":"sendMessage","key":"hall","data":{"text":"quiet"}}`, 200, `{"reply":[]}` + "\n"},
		{"/commands/chat", "application/json", `{"type":"sendMessage","data":{}}`, 422, `"pointer":"/data/text"`},
		{"/commands/chat", "application/json", `{"type":"sendMessage","data":{},"time":"2024-05-01T10:00:00Z"}`, 400, `a command has no member \"time\"`},
		{"/commands/chat", "application/json", `[]`, 400, `a command is an object`},
		{"/commands/chat", "application/json", `{`, 400, `ends too early`},
		{"/commands/chat", "text/plain", `{}`, 415, `application/json`},
		{"/commands/chat", "", `{}`, 415, `no Content-Type`},
		{"/commands/chat", "application/json", `{"type":"sendMessage","data":{"text":"` + strings.Repeat("x", 9<<20) + `"}}`, 413, `8388608 bytes`},
		{"/commands/quiet", "application/json", `{`, 404, `takes no commands`},
		{"/commands/plain/a", "application/json", `{`, 404, `has no keys`},
		{"/commands/chat/%0A", "application/json", `{`, 400, `control character`},
		{"/commands/chta", "application/json", `{`, 404, `did you mean`},
		{"/commands/chat/hall?_=1", "application/json", `{"type":"sendMessage","data":{"text":"quiet"}}`, 200, `{"reply":[]}` + "\n"},
		{"/commands/chat?key=hall", "application/json", `{"type":"sendMessage","data":{"text":"quiet"}}`, 400, `no parameter is named \"key\"`},
		{"/commands/chat?a=%zz", "application/json", `{"type":"sendMessage","data":{"text":"quiet"}}`, 400, `the query`},
	} {
		request, _ := http.NewRequest(http.MethodPost, front.URL+tt.path, strings.NewReader(tt.body))
		request.Header.Set("Content-Type", tt.contentType)
		request.Header.Set("Traceparent", parent)
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != tt.status || !strings.Contains(string(body), tt.want) || tt.status == 200 && string(body) != tt.want {
			t.Errorf("%s %.100s: %d %s, want %d %s", tt.path, tt.body, response.StatusCode, body, tt.status, tt.want)
		}
		if tt.status == 200 && source != "/commands/chat hall  "+parent {
			t.Errorf("the backend saw %s", source)
		}
	}
}

func TestACommandTakesNothingThatIsForPublishing(t *testing.T) {
	h := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the backend was asked") })
	for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match"} {
		request := httptest.NewRequest(http.MethodPost, "/commands/plain", strings.NewReader(`{"type":"do","data":{}}`))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(name, "*")
		request.SetPathValue("stream", "plain")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), name+" is for publishing") {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
}
