package wiretest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/wiretest"
	"google.golang.org/grpc/codes"
)

// codeOf is the wire reference's table of errors.
var codeOf = map[int]codes.Code{
	400: codes.InvalidArgument, 404: codes.NotFound, 409: codes.AlreadyExists, 412: codes.FailedPrecondition,
	413: codes.ResourceExhausted, 415: codes.InvalidArgument, 422: codes.InvalidArgument, 503: codes.Unavailable,
}

// wantProblem checks a refusal: its status, gRPC's code on that wire, and that the detail says what would be right.
func wantProblem(t *testing.T, grpc bool, p *wiretest.Problem, status int, says ...string) {
	t.Helper()
	code := codes.OK
	if grpc {
		code = codeOf[status]
	}
	if p.Status != status || p.Code != code || p.Retryable != (status == 503) {
		t.Errorf("got %v (%s, retryable: %v), want %d (%s)", p, p.Code, p.Retryable, status, code)
	}
	for _, word := range says {
		if !strings.Contains(p.Detail, word) {
			t.Errorf("%v does not say %q", p, word)
		}
	}
}

func TestWhatCannotBeSubscribedIsRefusedAlikeOnEveryWire(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	for _, refused := range []struct {
		what   string
		sub    wiretest.Subscription
		status int
		says   []string
	}{
		{"unknown stream", wiretest.Subscription{Stream: "order"}, 404, []string{`"order"`, "orders"}},
		{"unknown type", wiretest.Subscription{Stream: "orders", EventTypes: []string{"order.shiped"}}, 400, []string{"order.shipped", "order.cancelled"}},
		{"one unknown type of two", wiretest.Subscription{Stream: "orders", EventTypes: []string{"order.shipped", "nope"}}, 400, []string{`"nope"`}},
		{"empty type", wiretest.Subscription{Stream: "orders", EventTypes: []string{""}}, 400, []string{"order.shipped", "order.cancelled"}},
		{"control type", wiretest.Subscription{Stream: "orders", EventTypes: []string{"leat.gap"}}, 400, []string{"order.shipped"}},
		{"bad after", wiretest.Subscription{Stream: "orders", After: "yesterday"}, 400, []string{"after", "yesterday", "earliest"}},
		{"last too large", wiretest.Subscription{Stream: "orders", Last: 10_001}, 400, []string{"last", "10000"}},
		{"key on a stream without keys", wiretest.Subscription{Stream: "plain", Key: "k"}, 404, []string{"plain", "no keys"}},
		{"bad key", wiretest.Subscription{Stream: "orders", Key: "a\tb"}, 400, []string{"control character"}},
		{"key too long", wiretest.Subscription{Stream: "orders", Key: strings.Repeat("k", 257)}, 400, []string{"256"}},
		{"all keys where there are no rooms", wiretest.Subscription{Stream: "orders", AllKeys: true}, 400, []string{"key: path"}},
		{"all keys and a key", wiretest.Subscription{Stream: "rooms", AllKeys: true, Key: "k"}, 400, nil},
	} {
		t.Run(refused.what, func(t *testing.T) {
			wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
				if w.Typed() && refused.what == "unknown stream" {
					t.Skip("there is no such service to ask")
				}
				wantProblem(t, w.GRPC(), w.Refused(t, s, refused.sub), refused.status, refused.says...)
			})
		})
	}
	t.Run("two starts", func(t *testing.T) {
		wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
			if w.GRPC() {
				t.Skip("a oneof has one")
			}
			sub := wiretest.Subscription{Stream: "orders", After: "earliest", Last: 1, Since: time.Now()}
			wantProblem(t, false, w.Refused(t, s, sub), 400, "after", "last", "since")
		})
	})
	t.Run("not offered", func(t *testing.T) {
		wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
			if w.HTTP() {
				w.Open(t, s, wiretest.Subscription{Stream: "ssewire"})
				return
			}
			if w.Typed() {
				t.Skip("there is no such service to ask")
			}
			wantProblem(t, w.GRPC(), w.Refused(t, s, wiretest.Subscription{Stream: "ssewire"}), 404, "sse")
			if w.Name == "websocket-url" || w.CloudEvents() { // where the address can only be subscribed
				return
			}
			if _, err := w.Publish(wiretest.Context(t), s, "ssewire", "", "tick", "1"); err != nil {
				t.Errorf("publishing is not affected by transports: %v", err)
			}
		})
	})
}

// What a Subscription cannot say is said in URLs.
func TestBadParametersOfAnAddressAreRefused(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	for query, says := range map[string]string{
		"after=": "after", "after=b7k2-x": "after", "since=yesterday": "since", "since=2024-05-01": "since", "since=2024-05-01T10:00:00,5Z": "since", "since=2024-05-01T9:00:00Z": "since", "since=2024-05-01T10:00:00+02:00": "%2B", "last=0": "last", "last=-1": "last", "last=x": "last",
		"last=1.5": "last", "afer=earliest": "after", "eventtypes=order.shipped": "eventTypes", "after=latest&last=1": "after and last",
		"last=1&since=2024-05-01T10:00:00Z": "last and since", "after=earliest&after=latest": "after", "allKeys=yes": "allKeys",
		"event_types=order.shipped": "eventTypes", "after=%zz": "",
	} {
		for _, prefix := range []string{"/events/", "/ws/"} {
			t.Run(prefix+query, func(t *testing.T) {
				wantProblem(t, false, address(t, s, prefix+"orders?"+query), 400, says)
			})
		}
	}
	for query, says := range map[string]string{"limit=5": "limit", "heartbeats=on": "events"} { // of a live stream
		wantProblem(t, false, address(t, s, "/events/orders?"+query), 400, says)
	}
	for query, says := range map[string]string{"limit=0": "1000", "limit=1001": "1000", "limit=x": "1000", "heartbeats=events": "event-stream"} {
		wantProblem(t, false, address(t, s, "/events/orders?"+query, "Accept", "application/json"), 400, says)
	}
	wantProblem(t, false, address(t, s, "/events/orders", "Accept", "application/json", "Prefer", "wait=61"), 400, "60")
	wantProblem(t, false, address(t, s, "/events/none", "Accept", "application/json"), 400, "none")
}

// address opens a URL that must be refused.
func address(t *testing.T, s *wiretest.Server, path string, header ...string) *wiretest.Problem {
	t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	if strings.HasPrefix(path, "/ws") {
		_, response, err := websocket.Dial(wiretest.Context(t), strings.Replace(s.URL, "http", "ws", 1)+path, &websocket.DialOptions{HTTPHeader: h})
		if response == nil || err == nil {
			t.Fatalf("%s was not refused with an answer: %v", path, err)
		}
		return wiretest.AsProblem(t, wiretest.HTTPProblem(response))
	}
	r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Fatalf("%s was not refused", path)
	}
	return wiretest.AsProblem(t, wiretest.HTTPProblem(response))
}

func TestWhatCannotBePublishedIsRefusedAlikeOverEveryProtocol(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	large := fmt.Sprintf(`{"orderId":"k","pad":%q}`, strings.Repeat("x", 70<<10))
	for _, refused := range []struct {
		what     string
		e        wiretest.Event
		status   int
		says     string
		pointers []string
	}{
		{"unknown stream", wiretest.Event{Stream: "order", Type: "order.shipped", Data: `{"orderId":"k"}`}, 404, "orders", nil},
		{"unknown type", wiretest.Event{Stream: "orders", Type: "order.shiped", Data: `{"orderId":"k"}`}, 422, "", []string{"/type"}},
		{"control type", wiretest.Event{Stream: "orders", Type: "leat.gap", Data: `{"orderId":"k"}`}, 422, "", []string{"/type"}},
		{"schema", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: `{"orderId":"k","n":"one","pad":2}`}, 422, "", []string{"/data/n", "/data/pad"}},
		{"required", wiretest.Event{Stream: "rooms", Key: "k", Type: "said", Data: `{}`}, 422, "", []string{"/data/text"}},
		{"no key in the data", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: `{"n":1}`}, 422, "", []string{"/data/orderId"}},
		{"another key", wiretest.Event{Stream: "orders", Key: "a", Type: "order.shipped", Data: `{"orderId":"b"}`}, 422, "", []string{"/key"}},
		{"too large", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: large}, 413, "65536", nil},
		{"duplicate member", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: `{"orderId":"k","orderId":"l"}`}, 400, "duplicate", nil},
		{"lone surrogate", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: `{"orderId":"\ud800"}`}, 400, "", nil},
		{"no JSON", wiretest.Event{Stream: "orders", Type: "order.shipped", Data: `{"orderId":k}`}, 400, "", nil},
	} {
		for _, p := range wiretest.Publishers() {
			t.Run(refused.what+"/"+p.Name, func(t *testing.T) {
				e := refused.e
				if p.Name == "HTTP JSON to the key's path" && e.Key == "" {
					t.Skip("has no key")
				}
				_, err := p.Publish(wiretest.Context(t), s, e)
				if refused.status == 404 && p.Name == "WebSocket flat" {
					wantProblem(t, false, wiretest.AsProblem(t, err), 404, refused.says)
					return
				}
				got := wiretest.AsProblem(t, err)
				wantProblem(t, p.Name == "gRPC Publish", got, refused.status, refused.says)
				var pointers []string
				for _, v := range got.Errors {
					pointer := v.Pointer
					if p.Name == "HTTP array" || p.Name == "CloudEvents batch" { // the index comes before it
						pointer = strings.TrimPrefix(pointer, "/0")
					}
					pointers = append(pointers, pointer)
				}
				if fmt.Sprint(pointers) != fmt.Sprint(refused.pointers) {
					t.Errorf("pointers %q, want %q: %v", pointers, refused.pointers, got)
				}
			})
		}
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) { // nothing of it is stored
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
		if e := c.Take(); e.Type != "leat.live" || position(t, e.ID).Sequence() != 0 {
			t.Errorf("got %+v, want leat.live at 0", e)
		}
	})
}

func TestOnOneConnectionAStreamIsSubscribedOnce(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	for _, pair := range [][2]string{{"", ""}, {"k", "k"}, {"", "k"}, {"k", ""}} {
		for _, name := range []string{"websocket", "grpc-connect"} {
			ops, err := wiretest.OpenOps(wiretest.Context(t), s, name)
			if err != nil {
				t.Fatal(err)
			}
			sub := func(key string) string {
				return wiretest.Subscription{Stream: "orders", Key: key}.Op()
			}
			if _, err := ops.Ask(sub(pair[0])); err != nil {
				t.Fatal(err)
			}
			_, err = ops.Ask(sub(pair[1]))
			wantProblem(t, false, wiretest.AsProblem(t, err), 409, "unsubscribe")
			ops.Close()
		}
	}
}
