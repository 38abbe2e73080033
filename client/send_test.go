package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/contract"
)

const chat = `
leat: 1
info: { title: Chat, version: 1.0.0 }
streams:
  chat:
    key: path
    commands:
      sendMessage: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
      shout: { schema: {} }
    events: { said: { schema: {} } }
    backend: { url: "http://127.0.0.1:1/" }
`

// chatting starts a real server that replies with the room, and twice with what was sent.
func chatting(t *testing.T) *client.Client {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(chat))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	err = server.HandleCommand("chat", "sendMessage", func(_ context.Context, c leat.Command) (leat.Answer, error) {
		if c.Key == "closed" {
			return leat.Answer{}, &leat.Problem{Status: 403, Detail: "the room is closed", Violations: []leat.Violation{{Pointer: "/key", Detail: "is closed"}}}
		}
		said := leat.Message{Type: "said", Data: c.Data}
		return leat.Answer{Reply: []leat.Message{{Type: "said", Data: c.Key}, said, said}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	return newClient(t, web.URL)
}

func TestACommandGivesTheRepliesOfTheBackendInOrder(t *testing.T) {
	got, err := chatting(t).Send(t.Context(), "chat", client.Command{
		Type: "sendMessage", Key: "room/1 é", Data: map[string]string{"text": "<Hello!>"},
	})
	said := client.Reply{Type: "said", Data: json.RawMessage(`{"text":"<Hello!>"}`)}
	want := []client.Reply{{Type: "said", Data: json.RawMessage(`"room/1 é"`)}, said, said}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, replies (-want +got):\n%s", err, diff)
	}
}

func TestARefusedCommandSaysByWhomAndWhy(t *testing.T) {
	c := chatting(t)
	hello := json.RawMessage(`{"text":"Hello!"}`)
	for _, test := range []struct {
		stream  string
		command client.Command
		want    client.Error
	}{
		{"chat", client.Command{Type: "sendMessage", Key: "closed", Data: hello}, client.Error{Status: 403, Violations: []client.Violation{{Pointer: "/key", Detail: "is closed"}}}},
		{"chat", client.Command{Type: "sendMessage", Data: json.RawMessage(`{}`)}, client.Error{Status: 422, Violations: []client.Violation{{Pointer: "/data/text", Detail: "is required"}}}},
		{"chat", client.Command{Type: "shout", Data: hello}, client.Error{Status: 502}},
		{"chatt", client.Command{Type: "sendMessage", Data: hello}, client.Error{Status: 404}},
	} {
		_, err := c.Send(t.Context(), test.stream, test.command)
		var got *client.Error
		if !errors.As(err, &got) || got.Status != test.want.Status || !cmp.Equal(got.Violations, test.want.Violations) {
			t.Errorf("%s to %s: got %#v, want %d with %v", test.command.Type, test.stream, err, test.want.Status, test.want.Violations)
		}
	}
}

// What has no answer may have been handled: a second try could order twice.
func TestACommandIsNeverSentTwice(t *testing.T) {
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"reply":`)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, server.URL).Send(t.Context(), "chat", client.Command{Type: "sendMessage", Data: json.RawMessage(`{}`)})
	var unreachable *client.UnreachableError
	if !errors.As(err, &unreachable) || seen.Load() != 1 {
		t.Errorf("got %v after %d requests, want an UnreachableError after 1", err, seen.Load())
	}
}

func TestWhatCannotBeACommandIsNotSent(t *testing.T) {
	c := chatting(t)
	for _, command := range []client.Command{
		{Type: "sendMessage", Data: json.RawMessage(nil)}, {Type: "sendMessage", Data: make(chan int)},
		{Type: "sendMessage", Data: json.RawMessage(`{"text":}`)}, {Type: "sendMessage", Data: json.RawMessage(`{"text":"a"}`), Key: ".."},
	} {
		_, err := c.Send(t.Context(), "chat", command)
		var refused *client.Error
		if err == nil || errors.As(err, &refused) {
			t.Errorf("%q was sent: %v", command.Data, err)
		}
	}
}
