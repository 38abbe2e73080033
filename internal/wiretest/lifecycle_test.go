package wiretest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/leatstream/leat/internal/wiretest"
	"golang.org/x/sync/errgroup"
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
	for name, c := range map[string]struct {
		path, framing string
		commands      []string
		want          []string // of each message
	}{
		"flat": {"/ws/chat/hall", "leat.flat", []string{`{"type":"sendMessage","text":"x"}`}, []string{`{"type":"welcome","n":0}`, `{"type":"welcome","n":1}`}},
		"cloudevents": {"/ws/chat/hall", "cloudevents.json", []string{`{"specversion":"1.0","id":"1","source":"/me","type":"sendMessage","data":{"text":"x"}}`},
			[]string{`"data":{"n":0}`, `"data":{"n":1}`}},
		"leat.v1, by its address": {"/ws/chat/hall", "leat.v1", []string{`{"op":"command","ref":7,"type":"sendMessage","data":{"text":"x"}}`}, []string{
			`{"op":"subscribed","stream":"chat","key":"hall"`, `{"op":"reply","stream":"chat","key":"hall","type":"welcome","data":{"n":0}}`,
			`{"op":"reply","ref":7,"type":"welcome","data":{"n":1}}`, `{"op":"ack","ref":7}`}},
		"leat.v1": {"/ws", "leat.v1", []string{`{"op":"subscribe","ref":6,"stream":"chat","key":"hall"}`,
			`{"op":"command","ref":7,"stream":"chat","key":"hall","type":"sendMessage","data":{"text":"x"}}`}, []string{
			`{"op":"subscribed","ref":6`, `{"op":"reply","stream":"chat","key":"hall","type":"welcome","data":{"n":0}}`,
			`{"op":"reply","ref":7,"type":"welcome","data":{"n":1}}`, `{"op":"ack","ref":7}`}},
	} {
		t.Run(name, func(t *testing.T) {
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
				var frames []ws.Frame
				for _, command := range c.commands {
					frames = append(frames, ws.NewTextFrame([]byte(command)))
				}
				conn, in := dialEarly(t, s, c.path, c.framing, frames...)
				got, _ := sentTo(t, in, len(c.want))
				wantSaid(t, got, c.want...)
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

// Clients that come and go in every way, also before they have said anything: the backend hears of each once, and of its
// end once, behind that.
func TestABackendHearsOfAThousandThatComeAndGo(t *testing.T) {
	t.Parallel()
	const clients, atOnce = 1000, 100
	var mu sync.Mutex
	heard := map[string][]string{}
	s := chatWith(t, true, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("Leat-Connection")
		heard[id] = append(heard[id], r.Header.Get("Ce-Type"))
	})
	address := strings.TrimPrefix(s.URL, "http://")
	const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	var command bytes.Buffer
	if err := ws.WriteFrame(&command, ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"leave"}`)))); err != nil {
		t.Fatal(err)
	}
	visit := func(i int) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		path, headers := "/events/chat", "Accept: text/event-stream\r\n"
		if i%2 == 0 {
			path, headers = "/ws/chat", upgrade
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: leat\r\n%s\r\n", path, headers); err != nil {
			return err
		}
		if i/2%4 != 0 { // the others do not wait for the answer
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				return err
			}
		}
		if i%4 == 2 {
			if _, err := conn.Write(command.Bytes()); err != nil {
				return err
			}
		}
		if i%3 == 0 {
			return conn.(*net.TCPConn).SetLinger(0) // Close resets it then
		}
		return nil
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range clients {
		group.Go(func() error { return visit(i) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for ctx := wiretest.Context(t); len(must(s.Connections(""))) > 0; {
		if err := ctx.Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.Stop() // which waits for what the backend is yet to be told
	mu.Lock()
	defer mu.Unlock()
	told := 0
	for id, all := range heard {
		leaves := slices.DeleteFunc(slices.Clone(all), func(what string) bool { return what != "leave" })
		if n := len(all); n < 2 || all[0] != "leat.connected" || all[n-1] != "leat.disconnected" || len(leaves) != n-2 {
			t.Errorf("of %s the backend heard %q", id, all)
		}
		told += len(all) - len(leaves)
	}
	if least := 2 * clients * 3 / 4; told < least { // those that did not wait may have left before they came
		t.Errorf("the backend heard %d events of %d connections, want %d at least", told, len(heard), least)
	}
}
