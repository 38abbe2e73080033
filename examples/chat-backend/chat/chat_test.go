package chat_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat/examples/chat-backend/chat"
)

func TestWhoSpeaksFirstIsAliceThenBob(t *testing.T) {
	c := chat.New()
	for _, step := range []struct{ connection, want string }{
		{"c1", "Alice"}, {"c2", "Bob"}, {"c1", "Alice"}, {"c%203", "Carol"}, {"", "Guest"},
	} {
		want(t, c, "sendMessage", step.connection, `{"text":"Hello!"}`,
			200, `{"publish":[{"type":"messageReceived","data":{"user":"`+step.want+`","text":"Hello!"}}]}`)
	}
}

func TestAMessageThatWishesForANameIsToldWhichItHas(t *testing.T) {
	c := chat.New()
	for _, step := range []struct{ connection, wish, want string }{
		{"c1", "", "Alice"}, {"c2", "Zoe", "Zoe"}, {"c3", "zoe", "Bob"}, {"c2", "Yan", "Zoe"}, {"c4", "guest", "Carol"}, {"c5", " Xi", "Dave"},
	} {
		want(t, c, "sendMessage", step.connection, `{"text":"x","name":"`+step.wish+`"}`,
			200, `{"reply":[{"type":"named","data":{"user":"`+step.want+`"}}],"publish":[{"type":"messageReceived","data":{"user":"`+step.want+`","text":"x"}}]}`)
	}
}

func TestARenameIsToldToTheSenderAndTheRoom(t *testing.T) {
	c := chat.New()
	want(t, c, "rename", "c1", `{"name":"Zoe"}`, 200, `{"reply":[{"type":"named","data":{"user":"Zoe"}}]}`)
	want(t, c, "rename", "c1", `{"name":"zoe"}`,
		200, `{"reply":[{"type":"named","data":{"user":"zoe"}}],"publish":[{"type":"renamed","data":{"user":"zoe","was":"Zoe"}}]}`)
	want(t, c, "rename", "c2", `{"name":"Zoe"}`, 409, `{"status":409,"title":"Conflict","detail":"Zoe is somebody else's name"}`)
	want(t, c, "rename", "c1", `{"name":"Yan"}`,
		200, `{"reply":[{"type":"named","data":{"user":"Yan"}}],"publish":[{"type":"renamed","data":{"user":"Yan","was":"zoe"}}]}`)
	want(t, c, "rename", "c2", `{"name":"Zoe"}`, 200, `{"reply":[{"type":"named","data":{"user":"Zoe"}}]}`)
	for _, bad := range []string{`{}`, `{"name":""}`, `{"name":" x"}`, `{"name":"` + strings.Repeat("x", 161) + `"}`} {
		want(t, c, "rename", "c2", bad, 400, `{"status":400,"title":"Bad Request","detail":"a name has 1 to 160 bytes, with no white space around it"}`)
	}
	want(t, c, "rename", "", `{"name":"Xi"}`, 400,
		`{"status":400,"title":"Bad Request","detail":"a name belongs to a connection: rename over a WebSocket or gRPC"}`)
}

func TestTheNameOfOneThatIsGoneIsFree(t *testing.T) {
	c := chat.New()
	want(t, c, "leat.connected", "c1", `{}`, 204, "")
	want(t, c, "leat.connected", "c2", `{}`, 204, "")
	speaks(t, c, "c2", "Alice")
	speaks(t, c, "c1", "Bob")
	want(t, c, "leat.disconnected", "c2", `{}`, 204, "")
	want(t, c, "leat.disconnected", "never spoke", `{}`, 204, "")
	speaks(t, c, "c3", "Alice")
}

func TestOfTooManyConnectionsTheLongestSilentIsForgotten(t *testing.T) {
	c := chat.New()
	speaks(t, c, "first", "Alice")
	speaks(t, c, "second", "Bob")
	for i := range 998 {
		post(c, http.MethodPost, "sendMessage", fmt.Sprint(i), `{"text":"x"}`)
	}
	speaks(t, c, "first", "Alice")
	speaks(t, c, "one more", "Bob")
	speaks(t, c, "first", "Alice")
}

func TestWhatIsNoCommandIsRefused(t *testing.T) {
	c := chat.New()
	want(t, c, "dance", "c1", `{}`, 400, `{"status":400,"title":"Bad Request","detail":"there is no command \"dance\": there are sendMessage and rename"}`)
	for _, bad := range []struct{ method, command, connection, body string }{
		{"POST", "sendMessage", "c1", `{"text":`}, {"POST", "sendMessage", "%", `{}`}, {"GET", "sendMessage", "c1", ""},
	} {
		got := post(c, bad.method, bad.command, bad.connection, bad.body)
		if got.Code < 400 || got.Code > 499 || got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: status %d, %s, want a problem", bad, got.Code, got.Header().Get("Content-Type"))
		}
	}
}

func speaks(t *testing.T, c *chat.Chat, connection, as string) {
	t.Helper()
	want(t, c, "sendMessage", connection, `{"text":"x"}`, 200, `{"publish":[{"type":"messageReceived","data":{"user":"`+as+`","text":"x"}}]}`)
}

func want(t *testing.T, c *chat.Chat, command, connection, body string, status int, text string) {
	t.Helper()
	got := post(c, http.MethodPost, command, connection, body)
	if got.Code != status || strings.TrimSpace(got.Body.String()) != text {
		t.Errorf("%s of %q with %s: %d %s, want %d %s", command, connection, body, got.Code, got.Body, status, text)
	}
}

// post sends a command as leat does.
func post(c *chat.Chat, method, command, connection, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/chat", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Ce-Specversion", "1.0")
	r.Header.Set("Ce-Type", command)
	if connection != "" {
		r.Header.Set("Leat-Connection", connection)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}
