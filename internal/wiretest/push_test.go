package wiretest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/wiretest"
	"google.golang.org/grpc/codes"
)

// wantPushed takes an event that has no id: what the client would resume from stays as it is.
func wantPushed(t *testing.T, w wiretest.Wire, c *wiretest.Client, eventType, key, data string) {
	t.Helper()
	before := c.LastID()
	e := c.Take()
	id, stream, keyShown := "", "orders", key
	if w.SSE() { // to a browser, a block without an id is as one with the id before it
		id, stream, keyShown = before, "", ""
	}
	if e.Type != eventType || e.Data != data || e.ID != id || e.Stream != stream || e.Key != keyShown || c.LastID() != before {
		t.Fatalf("got %v behind %q, want the %s %s of %q without an id", e, before, eventType, data, key)
	}
}

func TestAnEventIsPushedToOneConnectionAlone(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		first := storeAll(t, s, "orders", order("shipped", "a", 1))[0]
		one := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
		id := s.Newest().ID
		other := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
		for _, c := range []*wiretest.Client{one, other} {
			c.Wants(first)
			c.WantsLive(first)
		}
		// At rest, then between events, and one alone as an array of them.
		if p := s.Push(id, `{"type":"order.shipped","data":{"orderId":"b", "n":2}}`); p != nil {
			t.Fatal(p)
		}
		wantPushed(t, w, one, "order.shipped", "b", `{"orderId":"b","n":2}`)
		second := storeAll(t, s, "orders", order("shipped", "a", 3))[0]
		one.Wants(second)
		if p := s.Push(id, `[{"stream":"orders","type":"order.cancelled","key":"c","data":{"orderId":"c"}},{"type":"order.shipped","data":{"orderId":"d"}}]`); p != nil {
			t.Fatal(p)
		}
		wantPushed(t, w, one, "order.cancelled", "c", `{"orderId":"c"}`)
		wantPushed(t, w, one, "order.shipped", "d", `{"orderId":"d"}`)
		third := storeAll(t, s, "orders", order("shipped", "a", 4))[0]
		one.Wants(third)
		other.Wants(second, third)

		// Whoever resumes behind what was pushed misses nothing, and gets nothing twice.
		if p := s.Push(id, `{"type":"order.shipped","data":{"orderId":"e"}}`); p != nil {
			t.Fatal(p)
		}
		wantPushed(t, w, one, "order.shipped", "e", `{"orderId":"e"}`)
		from := one.LastID()
		one.Close()
		fourth := storeAll(t, s, "orders", order("shipped", "a", 5))[0]
		again := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: from, Resume: true})
		again.Wants(fourth)
	})
}

// Several push to one connection while much is published, and its reader gets each of both once, whole and in order.
func TestWhatIsPushedBreaksIntoNothing(t *testing.T) {
	t.Parallel()
	const pushers, pushes, events = 3, 60, 400
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		id := s.Newest().ID
		pad := strings.Repeat("x", 1000)
		var group sync.WaitGroup
		defer group.Wait()
		for p := range pushers {
			group.Go(func() {
				for n := range pushes {
					body := fmt.Sprintf(`{"type":"order.shipped","data":{"orderId":"pushed %d","n":%d,"pad":%q}}`, p, n, pad)
					refused := s.Push(id, body)
					for refused != nil && refused.Retryable {
						refused = s.Push(id, body)
					}
					if refused != nil {
						t.Error(refused)
						return
					}
				}
			})
		}
		group.Go(func() {
			for n := range events {
				s.Publish("orders", "order.shipped", fmt.Sprintf(`{"orderId":"stored","n":%d,"pad":%q}`, n, pad))
			}
		})
		next := map[string]int{}
		for range pushers*pushes + events {
			e := c.Take()
			var data struct {
				OrderID string
				N       int
			}
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil || data.N != next[data.OrderID] {
				t.Fatalf("%.200v: %v, want number %d", e, err, next[data.OrderID])
			}
			next[data.OrderID]++
		}
	})
}

// A reader that does not read takes a bounded number of pushes, and gets each that was taken when it reads on.
func TestAConnectionThatDoesNotReadTakesNoMorePushes(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		c := w.OpenThrough(t, s, wiretest.Subscription{Stream: "orders"}, narrow)
		id := s.Newest().ID
		pad := strings.Repeat("x", 60<<10)
		taken := 0
		for ; ; taken++ {
			p := s.Push(id, fmt.Sprintf(`{"type":"order.shipped","data":{"orderId":"o","n":%d,"pad":%q}}`, taken, pad))
			if p != nil && p.Status == http.StatusServiceUnavailable && p.Retryable {
				break
			}
			if p != nil || taken > 1000 {
				t.Fatalf("number %d: %v", taken, p)
			}
		}
		for n := range taken {
			if e := c.Take(); !strings.HasPrefix(e.Data, fmt.Sprintf(`{"orderId":"o","n":%d,`, n)) {
				t.Fatalf("got %v as number %d of %d", e, n, taken)
			}
		}
		id2 := storeAll(t, s, "orders", order("shipped", "a", 1))[0]
		c.Wants(id2)
	})
}

func TestADisconnectEndsOneConnectionWithItsReason(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		one := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		id := s.Newest().ID
		other := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		if status, body := s.Admin(http.MethodDelete, "/connections/"+id, ""); status != http.StatusNoContent || body != "" {
			t.Fatalf("DELETE: %d %s", status, body)
		}
		e := one.Take()
		var end struct{ Reason string }
		if err := json.Unmarshal([]byte(e.Data), &end); err != nil || e.Type != "leat.end" || end.Reason != "disconnected" {
			t.Fatalf("got %v, want leat.end", e)
		}
		last, err := one.Next(wiretest.Context(t))
		switch {
		case err == nil:
			t.Fatalf("%v came behind leat.end", last)
		case w.WebSocket():
			if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation {
				t.Errorf("closed with %d (%v), want 1008", code, err)
			}
		case w.HTTP():
			if !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
		default:
			if p := wiretest.AsProblem(t, err); p.Code != codes.PermissionDenied || p.Status != 403 || p.Retryable {
				t.Errorf("ended with %v", p)
			}
		}
		for _, r := range [][2]string{{http.MethodGet, ""}, {http.MethodDelete, ""}, {http.MethodPost, "/events"}} {
			status, body := s.Admin(r[0], "/connections/"+id+r[1], `{"type":"order.shipped","data":{"orderId":"a"}}`)
			if status != http.StatusNotFound || !strings.Contains(body, id) {
				t.Errorf("%s of one that is gone: %d %s", r[0], status, body)
			}
		}
		other.Wants(storeAll(t, s, "orders", order("shipped", "a", 1))[0])
	})
}

func TestPushingToAClientThatHasLeftIs404(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		id := s.Newest().ID
		c.Close()
		ctx := wiretest.Context(t)
		for { // until the server has noticed
			p := s.Push(id, `{"type":"order.shipped","data":{"orderId":"a"}}`)
			switch {
			case p != nil && p.Status == http.StatusNotFound && !p.Retryable:
				return
			case p != nil && !p.Retryable, ctx.Err() != nil:
				t.Fatalf("pushing to a client that has left: %v", p)
			}
		}
	})
}

// dialWS opens a WebSocket, and gives what it says text by text.
func dialWS(t *testing.T, s *wiretest.Server, path string, subprotocols ...string) (conn *websocket.Conn, next func() string) {
	t.Helper()
	ctx := wiretest.Context(t)
	conn, _, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+path, &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, func() string {
		t.Helper()
		_, text, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestAPushIsAnyEventInTheFlatFraming(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	_, next := dialWS(t, s, "/ws/rooms/lobby")
	c := s.Newest()
	if len(c.Subscriptions) != 1 || c.Subscriptions[0].Key != "lobby" {
		t.Fatalf("%+v", c)
	}
	if p := s.Push(c.ID, `{"type":"said","data":{"text":"for you"}}`); p != nil {
		t.Fatal(p)
	}
	if got := next(); got != `{"type":"said","text":"for you"}` {
		t.Errorf("got %s", got)
	}
	if p := s.Push(c.ID, `{"stream":"plain","type":"tick","data":1}`); p == nil || p.Status != http.StatusConflict || !strings.Contains(p.Detail, `"rooms"`) {
		t.Errorf("a push of another stream: %v", p)
	}
}

func TestAPushIsAReplyInLeatV1(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	conn, next := dialWS(t, s, "/ws", "leat.v1")
	c := s.Newest()
	ctx := wiretest.Context(t)
	for { // until the server has written its answer to the handshake, it takes none
		p := s.Push(c.ID, `{"stream":"rooms","type":"said","data":{"text":"1"}}`)
		if p == nil {
			break
		}
		if p.Status != http.StatusConflict || ctx.Err() != nil {
			t.Fatal(p)
		}
	}
	if got := next(); got != `{"op":"reply","stream":"rooms","type":"said","data":{"text":"1"}}` {
		t.Errorf("got %s", got)
	}
	if p := s.Push(c.ID, `{"type":"said","data":{"text":"2"}}`); p == nil || p.Status != http.StatusUnprocessableEntity || p.Errors[0].Pointer != "/stream" {
		t.Errorf("without a stream, and with no subscription: %v", p)
	}
	for _, stream := range []string{"rooms", "plain"} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(`{"op":"subscribe","stream":"`+stream+`"}`)); err != nil {
			t.Fatal(err)
		}
		next()
		if !strings.HasPrefix(next(), `{"op":"event","stream":"`+stream+`"`) {
			t.Error("no leat.live")
		}
		p := s.Push(c.ID, `{"type":"said","key":"k","data":{"text":"3"}}`)
		if stream == "plain" {
			if p == nil || p.Status != http.StatusUnprocessableEntity {
				t.Errorf("with subscriptions of two streams: %v", p)
			}
			break
		}
		if p != nil {
			t.Fatal(p)
		}
		if got := next(); got != `{"op":"reply","stream":"rooms","key":"k","type":"said","data":{"text":"3"}}` {
			t.Errorf("got %s", got)
		}
	}
}

// What is wrong with a push is said before anything of it is sent.
func TestAPushIsCheckedWholeBeforeItIsSent(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	w := wiretest.Wires()[0]
	c := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
	id := s.Newest().ID
	const good = `{"type":"order.shipped","data":{"orderId":"a"}}`
	for body, want := range map[string]struct {
		status  int
		pointer string
	}{
		`[` + good + `,{"type":"order.shipped","data":{}}]`:                 {422, "/1/data/orderId"},
		`[` + good + `,{"type":"order.shiped","data":{"orderId":"a"}}]`:     {422, "/1/type"},
		`{"type":"sendMessage","data":{}}`:                                  {422, "/type"},
		`{"data":{"orderId":"a"}}`:                                          {422, "/type"},
		`{"type":"order.shipped"}`:                                          {422, "/data"},
		`{"type":"order.shipped","key":"b","data":{"orderId":"a"}}`:         {422, "/key"},
		`{"type":"order.shipped","time":"noon","data":{"orderId":"a"}}`:     {422, "/time"},
		`{"stream":"ordres","type":"order.shipped","data":{"orderId":"a"}}`: {422, "/stream"},
		`{"stream":7,"type":"order.shipped","data":{"orderId":"a"}}`:        {422, "/stream"},
		`{"id":"x","type":"order.shipped","data":{"orderId":"a"}}`:          {400, ""},
		`[` + good + `,{"stream":"plain","type":"tick","data":1}]`:          {409, ""},
		`[]`:              {400, ""},
		``:                {400, ""},
		`[` + good:        {400, ""},
		`"order.shipped"`: {400, ""},
		`[` + strings.Repeat(good+",", 1000) + good + `]`: {413, ""},
		strings.Repeat(" ", 2<<20) + good:                 {413, ""},
	} {
		p := s.Push(id, body)
		switch {
		case p == nil || p.Status != want.status || p.Retryable:
			t.Errorf("%.80s: %v, want %d", body, p, want.status)
		case want.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != want.pointer):
			t.Errorf("%.80s: %v, want a violation at %s", body, p.Errors, want.pointer)
		}
	}
	if p := s.Push(id, `[`+strings.Repeat(good+",", 999)+good+`]`); p != nil {
		t.Fatal(p)
	}
	for range 1000 {
		wantPushed(t, w, c, "order.shipped", "a", `{"orderId":"a"}`)
	}
}
