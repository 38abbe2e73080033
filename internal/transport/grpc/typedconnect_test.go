package grpc_test

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// volatile is what no test can know: ids, times, and the texts of problems.
var volatile = regexp.MustCompile(`[0-9a-z]{4,}-[0-9]+"|"[0-9T:.-]+Z"|"problem":"[^"]*"`)

// told is a message without what no test can know.
func (c *typedCall) told(t testing.TB) string {
	t.Helper()
	return volatile.ReplaceAllStringFunc(c.hear(t), func(found string) string {
		switch {
		case strings.HasPrefix(found, `"problem"`):
			return `"problem":…`
		case strings.HasSuffix(found, `Z"`):
			return "…"
		}
		return `…"`
	})
}

func (c *typedCall) wants(t testing.TB, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if got := c.told(t); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestATypedConnectSpeaksOfOneStream(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.call(within(t), t, "chat", "Connect")
		if _, err := talk.Header(); err != nil { // which come before anything is said
			t.Fatal(err)
		}
		for _, step := range []struct{ say, want string }{
			{`{"ref":"1","subscribe":{"key":"a"}}`, `{"ref":"1","subscribed":{"key":"a","id":"…"}}`},
			{`{"ref":"2","subscribe":{"key":"a"}}`, `{"ref":"2","error":{"problem":…}}`},
			{`{"ref":"3","publish":{"key":"b","said":{"text":"x"},"ifMatch":""}}`, `{"ref":"3","ack":{"id":"…"}}`},
			{`{"ref":"4","publish":{"key":"b","said":{"text":"x"},"ifMatch":""}}`, `{"ref":"4","error":{"problem":…}}`},
			{`{"ref":"5","publish":{"key":"b","said":{"text":"x"},"idempotencyKey":"k"}}`, `{"ref":"5","ack":{"id":"…"}}`},
			{`{"ref":"6","publish":{"key":"b","said":{"text":"x"},"idempotencyKey":"k"}}`, `{"ref":"6","ack":{"id":"…","duplicate":true}}`},
			{`{"ref":"7","publish":{"key":"b","said":{}}}`,
				`{"ref":"7","error":{"problem":…,"violations":[{"field":"said.text","description":"must have at least 1 character, has 0"}]}}`},
			{`{"ref":"8","command":{"key":"b","say":{}}}`, `{"ref":"8","error":{"problem":…,"violations":[{"field":"say.text","description":"is required"}]}}`},
			{`{"ref":"8","command":{"key":"b"}}`, `{"ref":"8","error":{"problem":…,"violations":[{"field":"command","description":"is required"}]}}`},
			{`{"ref":"8","publish":{"key":"b"}}`, `{"ref":"8","error":{"problem":…,"violations":[{"field":"event","description":"is required"}]}}`},
			{`{"ref":"9"}`, `{"ref":"9","error":{"problem":…}}`},
			{`{"unsubscribe":{"key":"b"}}`, `{"error":{"problem":…}}`},
			{`{"command":{"key":"b","say":{"text":"hi"}}}`, `{"reply":{"welcome":{"additionalProperties":{"source":"/chat.v1.ChatService/Connect"}}}}`},
			{``, `{"ack":{}}`},
			{`{"ref":"10","subscribe":{"allKeys":true,"last":2,"eventTypes":["said"]}}`, `{"ref":"10","error":{"problem":…}}`}, // a is subscribed
			{`{"ref":"11","unsubscribe":{"key":"a"}}`, `{"ref":"11","unsubscribed":{"key":"a","id":"…"}}`},
			{`{"ref":"12","subscribe":{"allKeys":true,"last":2,"eventTypes":["said"]}}`, `{"ref":"12","subscribed":{"id":"…"}}`},
			{``, `{"event":{"id":"…","time":…,"key":"b","said":{"text":"x"}}}`},
			{``, `{"event":{"id":"…","time":…,"key":"b","said":{"text":"hi"}}}`},
			{``, `{"event":{"id":"…","time":…,"leatLive":{"position":"…"}}}`},
		} {
			if step.say != "" {
				talk.say(t, step.say)
			}
			talk.wants(t, step.want)
		}
		talk.say(t, `{"ref":"c","command":{"say":{"text":"all"}}}`) // of the room default
		got := []string{talk.told(t), talk.told(t), talk.told(t)}
		reply := slices.Index(got, `{"ref":"c","reply":{"welcome":{"additionalProperties":{"source":"/chat.v1.ChatService/Connect"}}}}`)
		ack := slices.Index(got, `{"ref":"c","ack":{}}`)
		if reply < 0 || ack < reply || !slices.Contains(got, `{"event":{"id":"…","time":…,"key":"default","said":{"text":"all"}}}`) {
			t.Errorf("got %q, want a reply and then an ack, and the event", got)
		}
		leat.node.server.SetDraining()
		if err := leat.node.hub.Drain(within(t), 0); err != nil {
			t.Fatal(err)
		}
		if got := talk.hear(t); !strings.Contains(got, `"leatEnd":{"reason":"drain"`) {
			t.Errorf("got %s, want leat_end", got)
		}
		wantComeBack(t, talk.end(t))
	})
}

func TestATypedConnectEndsWithItsClient(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.call(within(t), t, "chat", "Connect")
		talk.say(t, `{"command":{"say":{"text":"hi"}}}`)
		if err := talk.CloseSend(); err != nil {
			t.Fatal(err)
		}
		talk.told(t)
		talk.wants(t, `{"ack":{}}`)
		if err := talk.end(t); !errors.Is(err, io.EOF) {
			t.Errorf("who has said all got %v, want the end", err)
		}
	})
}

func TestAStreamWithoutCommandsHasNoTypedConnect(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		err := leat.conn.Invoke(within(t), "/orders.v1.OrdersService/Connect", shipped("x"), shipped("y"))
		if told := status.Convert(err); told.Code() != codes.Unimplemented || !strings.Contains(told.Message(), "methods: Publish, Subscribe") {
			t.Errorf("got %v, want UNIMPLEMENTED that lists the methods", err)
		}
	})
}

func TestATypedConnectIsPushedEventsOfItsStreamAlone(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.call(within(t), t, "chat", "Connect")
		if _, err := talk.Header(); err != nil {
			t.Fatal(err)
		}
		leat.wantConnections(t, 1)
		talk.say(t, `{"unsubscribe":{}}`)
		talk.wants(t, `{"error":{"problem":…}}`) // so that it takes pushes
		all, err := leat.node.hub.Connections("")
		if err != nil {
			t.Fatal(err)
		}
		push := func(stream string) error {
			return all[0].Push([]*event.Event{{Stream: stream, Key: event.MustKey("a"), Type: event.MustType("said"), Data: []byte(`{"text":"x"}`)}})
		}
		if err := push("rooms"); err == nil {
			t.Error("an event of another stream was pushed")
		}
		if err := push("chat"); err != nil {
			t.Fatal(err)
		}
		talk.wants(t, `{"reply":{"key":"a","said":{"text":"x"}}}`)
	})
}
