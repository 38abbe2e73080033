package wiretest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/leatstream/leat/internal/wiretest"
)

// told is a line of what a backend with lifecycle hears: type, connection and key.
func told(r *http.Request) string {
	return strings.Join([]string{r.Header.Get("Ce-Type"), r.Header.Get("Leat-Connection"), r.Header.Get("Ce-Subject")}, " ")
}

func TestABackendHearsOfEachSubscriptionOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"the client leaves", "drain"} {
		t.Run(how, func(t *testing.T) {
			wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
				heard := make(chan string, 10)
				s := chatWith(t, true, func(rw http.ResponseWriter, r *http.Request) {
					heard <- told(r) + " " + r.Header.Get("Ce-Source")
					if r.Header.Get("Ce-Type") == "leat.connected" {
						_, _ = io.WriteString(rw, `{"reply":[{"type":"welcome","data":{"a":1}}]}`)
					}
				})
				c := w.Open(t, s, wiretest.Subscription{Stream: "chat", Key: "hall"})
				id := s.Newest().ID
				source := "/events/chat"
				switch {
				case w.WebSocket():
					source = "/ws/chat"
				case w.Typed():
					source = "/chat.v1.ChatService/Subscribe"
				case w.GRPC():
					source = "/leat.v1.StreamService/Subscribe"
				case !w.HTTP():
					source = "/leat.v1.StreamService/Connect"
				}
				if got, want := within(t, heard), "leat.connected "+id+" hall "+source; got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
				if e := c.Take(); e.Type != "welcome" || e.Data != `{"a":1}` {
					t.Errorf("the client is greeted with %v", e)
				}
				if how == "drain" {
					if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
						t.Fatal(err)
					}
				}
				c.Close()
				if got, want := within(t, heard), "leat.disconnected "+id+" hall "+source; got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
				s.Stop()
				if len(heard) > 0 {
					t.Errorf("heard %q too", <-heard)
				}
			})
		})
	}
}

func TestCommandsComeBetweenConnectedAndDisconnected(t *testing.T) {
	t.Parallel()
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if c.Name == "post" || c.Envelope() {
			t.Skip("its address subscribes to nothing")
		}
		heard := make(chan string, 10)
		slow := make(chan struct{})
		s := chatWith(t, true, func(_ http.ResponseWriter, r *http.Request) {
			heard <- told(r)
			<-slow
		})
		talk := c.Open(t, s, "chat", "hall")
		id := s.Newest().ID
		ctx := wiretest.Context(t)
		if err := talk.Send(ctx, says("x")); err != nil {
			t.Fatal(err)
		}
		if got := within(t, heard); got != "leat.connected "+id+" hall" {
			t.Errorf("first is %q", got)
		}
		talk.Close() // with its command waiting
		close(slow)
		for _, want := range []string{"sendMessage", "leat.disconnected"} {
			if got := within(t, heard); got != want+" "+id+" hall" {
				t.Errorf("heard %q, want %s", got, want)
			}
		}
	})
}

func TestKeysOfOneConnectionComeAndGoEach(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"websocket", "grpc-connect"} {
		t.Run(wire, func(t *testing.T) {
			heard := make(chan string, 10)
			s := chatWith(t, true, func(_ http.ResponseWriter, r *http.Request) { heard <- told(r) })
			ops, err := wiretest.OpenOps(wiretest.Context(t), s, wire)
			if err != nil {
				t.Fatal(err)
			}
			defer ops.Close()
			for _, step := range []struct{ op, key, want string }{
				{"subscribe", "a", "leat.connected"}, {"subscribe", "b", "leat.connected"},
				{"unsubscribe", "a", "leat.disconnected"}, {"command", "b", "leave"},
				{"subscribe", "a", "leat.connected"}, {"unsubscribe", "b", "leat.disconnected"},
			} {
				op := `{"op":"` + step.op + `","ref":"s","stream":"chat","key":"` + step.key + `"`
				if step.op == "command" {
					op += `,"type":"leave","data":{}`
				}
				if _, err := ops.Ask(op + "}"); err != nil {
					t.Fatal(err)
				}
				if got := within(t, heard); got != step.want+" "+s.Newest().ID+" "+step.key {
					t.Errorf("%s %s: heard %q", step.op, step.key, got)
				}
			}
			id := s.Newest().ID
			ops.Close()
			if got := within(t, heard); got != "leat.disconnected "+id+" a" {
				t.Errorf("at the end heard %q", got)
			}
		})
	}
}

// A client need not wait for the answer to its handshake: what it says at once is about a subscription that stands.
func TestACommandWithTheHandshakeComesBehindTheSubscription(t *testing.T) {
	t.Parallel()
	const tries = 25 // what would come first is chance
	for framing, c := range map[string]struct {
		command string
		want    []string // of each message; the others are published
	}{
		"leat.flat": {`{"type":"sendMessage","text":"x"}`, []string{`{"type":"welcome","n":0}`, `{"type":"welcome","n":1}`}},
		"cloudevents.json": {`{"specversion":"1.0","id":"1","source":"/me","type":"sendMessage","data":{"text":"x"}}`,
			[]string{`"data":{"n":0}`, `"data":{"n":1}`}},
		"leat.v1": {`{"op":"command","ref":7,"type":"sendMessage","data":{"text":"x"}}`, []string{
			`{"op":"subscribed","stream":"chat","key":"hall"`, `{"op":"reply","stream":"chat","key":"hall","type":"welcome","data":{"n":0}}`,
			`{"op":"reply","ref":7,"type":"welcome","data":{"n":1}}`, `{"op":"ack","ref":7}`}},
	} {
		t.Run(framing, func(t *testing.T) {
			heard := make(chan string, 3*tries)
			s := chatWith(t, true, func(w http.ResponseWriter, r *http.Request) {
				heard <- r.Header.Get("Ce-Type")
				n := 0
				if r.Header.Get("Ce-Type") == "sendMessage" {
					n = 1
				}
				_, _ = fmt.Fprintf(w, `{"reply":[{"type":"welcome","data":{"n":%d}}]}`, n)
			})
			for range tries {
				conn, in := dialEarly(t, s, "/ws/chat/hall", framing, ws.NewTextFrame([]byte(c.command)))
				for _, want := range c.want {
					frame, err := ws.ReadFrame(in)
					if err != nil || !strings.Contains(string(frame.Payload), want) {
						t.Fatalf("got %s, %v, want %s", frame.Payload, err, want)
					}
				}
				_ = conn.Close()
				for _, want := range []string{"leat.connected", "sendMessage", "leat.disconnected"} {
					if got := within(t, heard); got != want {
						t.Fatalf("the backend heard %s, want %s", got, want)
					}
				}
			}
		})
	}
}
