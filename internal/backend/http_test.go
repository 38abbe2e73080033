package backend_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/problem"
)

const message = `{"user":"Alice","text":"Hello!"}`

func TestACommandIsACloudEventInBinaryMode(t *testing.T) {
	var got *http.Request
	var body string
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.WriteHeader(http.StatusNoContent)
	})
	room := `a b/"é%`
	parent := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	replies, err := h.Send(t.Context(), backend.Command{
		Stream: "chat", Type: "sendMessage", PathKey: &room, Data: []byte(`{ "text": "Hello!" }`),
		Connection: "c 1", Source: "/ws/chat", Principal: "alice", Traceparent: parent, Tracestate: "a=1",
	})
	if err != nil || len(replies) != 0 {
		t.Fatalf("got %v, %v", replies, err)
	}
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": "sendMessage", "Ce-Source": "/ws/chat", "Ce-Subject": "a%20b/%22%C3%A9%25",
		"Content-Type": "application/json", "Leat-Connection": "c%201", "Leat-Principal": "alice",
		"Traceparent": parent, "Tracestate": "a=1", "X-Team": "blue",
	} {
		if values := got.Header.Values(name); len(values) != 1 || values[0] != want {
			t.Errorf("%s is %q, want %q", name, values, want)
		}
	}
	if got.Method != http.MethodPost || got.URL.String() != "/path?a=b" || got.Host != "chat.example" || body != `{"text":"Hello!"}` {
		t.Errorf("got %s %s of %s, %s", got.Method, got.URL, got.Host, body)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", got.Header.Get("Ce-Time")); err != nil {
		t.Error(err)
	}
	first := got.Header.Get("Ce-Id")
	if _, err := h.Send(t.Context(), backend.Command{Stream: "plain", Type: "do", Data: []byte(`{}`), Source: "/commands/plain"}); err != nil {
		t.Fatal(err)
	}
	if id := got.Header.Get("Ce-Id"); id == "" || id == first {
		t.Errorf("ce-id is %q after %q", id, first)
	}
	for _, name := range []string{"Ce-Subject", "Leat-Connection", "Leat-Principal", "Tracestate", "X-Team"} {
		if values := got.Header.Values(name); len(values) != 0 {
			t.Errorf("%s is %q, want none", name, values)
		}
	}
}

func TestATraceIsPassedOnOrBegun(t *testing.T) {
	var parent, state string
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		parent, state = r.Header.Get("Traceparent"), r.Header.Get("Tracestate")
		w.WriteHeader(http.StatusNoContent)
	})
	trace, span := strings.Repeat("a1", 16), strings.Repeat("b2", 8)
	for given, passes := range map[string]bool{
		"00-" + trace + "-" + span + "-00":      true,
		"cc-" + trace + "-" + span + "-01-more": true,
		"":                                      false,
		"00-" + trace + "-" + span + "-01-more": false,
		"ff-" + trace + "-" + span + "-01":      false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": false,
		"00-" + trace + "-0000000000000000-01":               false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":  false,
		"cc-" + trace + "-" + span + "-01-a\nb":              false,
	} {
		if _, err := h.Send(t.Context(), backend.Command{
			Stream: "plain", Type: "do", Data: []byte(`{}`), Traceparent: given, Tracestate: "a=1",
		}); err != nil {
			t.Fatal(err)
		}
		fresh := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(parent) && state == "" && !strings.Contains(parent, trace)
		if passed := parent == given && state == "a=1"; passed != passes || fresh == passes {
			t.Errorf("%q became %q with %q", given, parent, state)
		}
	}
}

func TestRepliesComeBackAndPublicationsAreStored(t *testing.T) {
	h := serve(t, answers(200, "application/json", ` {"reply":[{"type":"welcome","data":{ "n": 1.0 }}],
		"publish":[{"type":"messageReceived","data":`+message+`},{"type":"welcome","key":"hall","data":{}}]} `))
	replies, err := h.says(t, "Hello!")
	if err != nil || len(replies) != 1 || replies[0].Type != "welcome" || string(replies[0].Data) != `{"n":1.0}` {
		t.Errorf("got %v, %v", replies, err)
	}
	room := "kitchen"
	if _, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "leave", Key: &room, Data: []byte("null")}); err != nil {
		t.Fatal(err)
	}
	want := []string{"messageReceived default " + message, "welcome hall {}", "messageReceived kitchen " + message, "welcome hall {}"}
	if got := h.stored(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	if answered := h.count(t, "leat_commands_total", "chat", "answered"); answered != 2 || h.count(t, "leat_command_seconds", "chat", "") != 2 {
		t.Errorf("%v are counted as answered, want 2", answered)
	}
}

func TestAnAnswerWithoutContentIsGood(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"204": answers(204, "", ""), "empty": answers(200, "", ""), "white space": answers(200, "text/plain", "\n"),
		"empty object": answers(200, "", "{}"), "nulls": answers(200, "", `{"reply":null,"publish":null}`), "empty lists": answers(200, "", `{"reply":[],"publish":[]}`),
	} {
		h := serve(t, handler)
		if replies, err := h.says(t, "x"); err != nil || len(replies) != 0 {
			t.Errorf("%s: %v, %v", name, replies, err)
		}
	}
}

func TestWhatTheBackendGotWrongIsNeverPublished(t *testing.T) {
	good := `{"type":"messageReceived","data":` + message + `}`
	for name, tt := range map[string]struct{ body, at, says string }{
		"reply of the wrong form":       {`{"reply":[{"type":"messageReceived","data":{"user":1,"text":"x"}}],"publish":[` + good + `]}`, "/reply/0/data/user", "/reply/0/data/user"},
		"reply of a command":            {`{"reply":[{"type":"sendMessage","data":{"text":"x"}}],"publish":[` + good + `]}`, "/reply/0/type", "a command"},
		"reply of no type":              {`{"reply":[{"data":{}}],"publish":[` + good + `]}`, "/reply/0/type", "is required"},
		"reply without data":            {`{"reply":[{"type":"welcome"}],"publish":[` + good + `]}`, "/reply/0/data", "is required"},
		"reply too large":               {`{"reply":[{"type":"welcome","data":{"a":"` + strings.Repeat("x", 65<<10) + `"}}],"publish":[` + good + `]}`, "/reply/0", "at most 65536"},
		"event of the wrong form":       {`{"publish":[` + good + `,{"type":"messageReceived","data":{"user":"a"}}]}`, "/publish/1/data/text", "is required"},
		"single event of a wrong form":  {`{"publish":[{"type":"messageReceived","data":{"user":"a"}}]}`, "/publish/0/data/text", "is required"},
		"event too large":               {`{"publish":[{"type":"welcome","data":{"a":"` + strings.Repeat("x", 65<<10) + `"}}]}`, "/publish/0", "/publish/0 is not taken: the data has "},
		"second event too large":        {`{"publish":[` + good + `,{"type":"welcome","data":{"a":"` + strings.Repeat("x", 65<<10) + `"}}]}`, "/publish/1", "at most 65536"},
		"1,001 events":                  {`{"publish":[` + strings.Repeat(good+",", 1000) + good + `]}`, "/publish", "/publish has 1001 events, and an answer has at most 1000"},
		"event of an unknown type":      {`{"publish":[` + good + `,{"type":"messageRecieved","data":{}}]}`, "/publish/1/type", `did you mean "messageReceived"`},
		"event of leat's":               {`{"publish":[` + good + `,{"type":"leat.end","data":{}}]}`, "/publish/1/type", "leat's own"},
		"event with a key that is none": {`{"publish":[` + good + `,{"type":"welcome","key":"..","data":{}}]}`, "/publish/1/key", ".."},
		"both":                          {`{"reply":[{"type":"x","data":{}}],"publish":[{"type":"welcome","data":7}]}`, "/reply/0/type /publish/0/data", "one of 2 places"},
	} {
		h := serve(t, answers(200, "application/json", tt.body))
		_, err := h.says(t, "x")
		p := wantProblem(t, err, 502, false, tt.says)
		var at []string
		for _, v := range p.Violations {
			at = append(at, v.Pointer)
		}
		if strings.Join(at, " ") != tt.at {
			t.Errorf("%s: at %s, want %s", name, at, tt.at)
		}
		if stored := h.stored(t); len(stored) != 0 {
			t.Errorf("%s: stored %q", name, stored)
		}
		if h.count(t, "leat_commands_total", "chat", "failed") != 1 || !strings.Contains(h.lines.String(), "sendMessage") {
			t.Errorf("%s: neither counted nor logged: %s", name, h.lines)
		}
	}
}

func TestWhatIsListedOfAWrongAnswerIsBounded(t *testing.T) {
	h := serve(t, answers(200, "", `{"publish":[`+strings.Repeat(`{},`, 199)+`{}]}`))
	_, err := h.says(t, "x")
	if p := wantProblem(t, err, 502, false, "/publish/0/type is required, one of: messageReceived, welcome (one of 200 places)"); len(p.Violations) != 100 {
		t.Errorf("%d places are listed, want 100", len(p.Violations))
	}
}

func TestAThousandEventsOfAnAnswerAreStored(t *testing.T) {
	const event = `{"type":"welcome","data":{}}`
	h := serve(t, answers(200, "", `{"publish":[`+strings.Repeat(event+",", 999)+event+`]}`))
	if _, err := h.says(t, "x"); err != nil || len(h.stored(t)) != 1000 {
		t.Errorf("%d are stored, %v", len(h.stored(t)), err)
	}
}

func TestWhatIsNoAnswerIsABadGateway(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"500":             {answers(500, "text/plain", "secret"), "500 Internal Server Error"},
		"501":             {answers(501, "", ""), "501"},
		"202":             {answers(202, "", ""), "202 Accepted"},
		"garbage":         {answers(200, "text/html", "<html>"), "is not of the form"},
		"an array":        {answers(200, "", "[]"), "it is an array, not an object"},
		"null":            {answers(200, "", " null "), "it is null, not an object"},
		"a string":        {answers(200, "", `""`), "it is a string, not an object"},
		"unknown member":  {answers(200, "", `{"replies":[]}`), `"/replies" is no member`},
		"within":          {answers(200, "", `{"reply":[{"type":"welcome","data":{},"key":"a"}]}`), `"/reply/0/key" is no member`},
		"type no string":  {answers(200, "", `{"reply":[{"type":7,"data":{}}]}`), `"/reply/0/type" cannot be a number`},
		"reply no array":  {answers(200, "", `{"reply":{}}`), `"/reply" cannot be an object`},
		"twice":           {answers(200, "", `{"reply":[],"reply":[]}`), "duplicate"},
		"goes on":         {answers(200, "", `{} {}`), "is not of the form"},
		"10 MB":           {answers(200, "", `{"reply":"`+strings.Repeat("x", 10<<20)), "more than 2097152 bytes"},
		"redirect":        {http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, "redirect"},
		"closed half way": {cutHalfWay, "broke off"},
		"no response":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "broke off"},
	} {
		h := serve(t, tt.handler)
		_, err := h.says(t, "x")
		p := wantProblem(t, err, 502, false, tt.says)
		if strings.Contains(string(p.JSON()), "secret") || strings.Contains(string(p.JSON()), "127.0.0.1") {
			t.Errorf("%s: the sender is told %s", name, p.JSON())
		}
		if n := h.count(t, "leat_commands_total", "chat", "failed"); n != 1 || !strings.Contains(h.lines.String(), "a command has failed") {
			t.Errorf("%s: %v counted, logged %s", name, n, h.lines)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func cutHalfWay(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"publish":[`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestARefusalReachesTheSenderAsItIs(t *testing.T) {
	h := serve(t, answers(409, "application/problem+json; charset=utf-8", `{"type":"https://chat.example/banned","title":"Banned","status":400,"detail":"you are banned",
		"until":"2030","errors":[{"pointer":"/data/text","detail":"is rude"}]}`))
	_, err := h.says(t, "x")
	p := wantProblem(t, err, 409, false, "you are banned")
	want := `{"type":"https://chat.example/banned","title":"Banned","status":409,"detail":"you are banned","until":"2030",` +
		`"errors":[{"pointer":"/data/text","detail":"is rude"}],"retryable":false}`
	if string(p.JSON()) != want || len(p.Violations) != 1 {
		t.Errorf("got  %s\nwant %s", p.JSON(), want)
	}
	if h.count(t, "leat_commands_total", "chat", "refused") != 1 || h.lines.String() != "" {
		t.Errorf("logged %s", h.lines)
	}
}

func TestARefusalThatIsNoProblemHasItsStatus(t *testing.T) {
	for _, handler := range []http.HandlerFunc{
		answers(400, "text/plain", "secret"), answers(400, "application/problem+json", "secret"), answers(400, "application/json", `{"detail":"secret"}`),
		answers(400, "application/problem+json", `["secret"]`), answers(400, "application/problem+json", `{"detail":"`+strings.Repeat("secret", 20<<10)+`"}`),
		answers(400, "", strings.Repeat("secret", 1<<20)),
	} {
		h := serve(t, handler)
		_, err := h.says(t, "x")
		p := wantProblem(t, err, 400, false, "400 Bad Request")
		if text := string(p.JSON()); strings.Contains(text, "secret") || !strings.Contains(text, `"title":"Bad Request","status":400`) {
			t.Errorf("got %.300s", text)
		}
	}
}

func TestABackendThatIsBusySaysWhen(t *testing.T) {
	for status, want := range map[int]int{429: 429, 503: 502} {
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		_, err := h.says(t, "x")
		if p := wantProblem(t, err, want, true, ""); p.Wait() != 7*time.Second {
			t.Errorf("%d: wait %s, want 7s", status, p.Wait())
		}
	}
}

func TestABackendThatIsNotThereHasHandledNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	h := newHouse(t, "http://"+l.Addr().String())
	_, err = h.says(t, "x")
	p := wantProblem(t, err, 502, true, "the command was not sent")
	if strings.Contains(string(p.JSON()), "127.0.0.1") || !strings.Contains(h.lines.String(), "connection refused") {
		t.Errorf("the sender is told %s, the log %s", p.JSON(), h.lines)
	}
	if h.count(t, "leat_commands_total", "chat", "unreachable") != 1 {
		t.Error("it is not counted")
	}
}

func TestATLSThatFailsHasSentNothing(t *testing.T) {
	server := httptest.NewUnstartedServer(answers(204, "", ""))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	h := newHouse(t, server.URL) // whose certificate nobody trusts
	_, err := h.says(t, "x")
	wantProblem(t, err, 502, true, "the command was not sent")
}

func TestATooLateAnswerIsAGatewayTimeout(t *testing.T) {
	release := make(chan struct{})
	h := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release }, "TIMEOUT=50ms")
	defer close(release)
	_, err := h.says(t, "x")
	p := wantProblem(t, err, 504, false, "within 50ms; it may have handled the command")
	if p.Kind != problem.BackendLate || h.count(t, "leat_commands_total", "chat", "late") != 1 {
		t.Errorf("got kind %d", p.Kind)
	}
}
