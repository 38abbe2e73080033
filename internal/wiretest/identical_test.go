package wiretest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/wiretest"
)

// said is data that a decoder in the way would change.
const said = `{"text":"A\u0041 \"\\\/\b\f\n\r\t é 😀 \ud83d\ude00 \u2028` + "\u2028" + `<&>","z":1,"a":2,"big":12345678901234567890123,` +
	`"huge":1e300,"small":-1E-7,"zero":-0,"cents":1.10,"":{"deep":[[],{},null,true,false]}}`

// spaced has white space that means nothing, beside some that does.
const spaced = " {\r\n\t\"text\" : \" a  b \" ,\n \"list\": [ 1 , 2 ] } "

var compact = map[string]string{said: said, spaced: `{"text":" a  b ","list":[1,2]}`}

// keys are hard on paths, headers and JSON.
var hardKeys = []string{"plain", "a/b", "a b", "100%", "%2F", "é+&=?#;,", "🦊🐼", `"quoted"\`, "-", "...", strings.Repeat("k", 256)}

func TestAnEventPublishedOverAnyProtocolIsIdenticalOnEveryWire(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ctx := wiretest.Context(t)
	live := map[string]*wiretest.Client{}
	for _, w := range wiretest.Wires() {
		live[w.Name] = w.Open(t, s, wiretest.Subscription{Stream: "rooms", AllKeys: true})
	}
	var stored []wiretest.Event
	for i, p := range wiretest.Publishers() {
		for _, data := range []string{said, spaced} {
			for _, key := range []string{hardKeys[i%len(hardKeys)], "a/b c%2F😀"} {
				e := wiretest.Event{Stream: "rooms", Key: key, Type: "said", Time: "2001-02-03T04:05:06.789Z", Data: data}
				if p.NoTime {
					e.Time = ""
				}
				if p.Name == "NDJSON" {
					e.Data = strings.NewReplacer("\r", "", "\n", "").Replace(data)
				}
				id, err := p.Publish(ctx, s, e)
				if err != nil {
					t.Fatalf("publish %q over %s: %v", key, p.Name, err)
				}
				e.ID, e.Data = id, compact[data]
				stored = append(stored, e)
			}
		}
	}
	check := func(t *testing.T, w wiretest.Wire, c *wiretest.Client) {
		if w.Typed() {
			t.Skip("values arrive, and not how they were spelled: internal/typed tests those")
		}
		for i := range stored {
			got, want := c.Take(), &stored[i]
			if want.ID == "" { // flat tells neither
				want.ID = got.ID
			}
			if want.Time == "" && !w.SSE() {
				want.Time = got.Time
			}
			bare := w.SSE() // has no envelope
			if bare {
				got.Stream, got.Key, got.Time = want.Stream, want.Key, want.Time
			}
			if got != *want {
				t.Errorf("%s, event %d:\n got %v\nwant %+v", w.Name, i, got, *want)
			}
		}
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		check(t, w, live[w.Name])
		check(t, w, w.Open(t, s, wiretest.Subscription{Stream: "rooms", AllKeys: true, After: "earliest"}))
	})
	t.Run("page", func(t *testing.T) {
		var page struct{ Events []json.RawMessage }
		fetch(t, s, "/events/rooms?allKeys=true", &page)
		if len(page.Events) != len(stored) {
			t.Fatalf("%d events, want %d", len(page.Events), len(stored))
		}
		for i, want := range stored {
			key, err := json.Marshal(want.Key)
			if err != nil {
				t.Fatal(err)
			}
			envelope := `{"stream":"rooms","id":"` + want.ID + `","type":"said","key":` + plainQuotes(key) + `,"time":"` + want.Time + `","data":` + want.Data + `}`
			if string(page.Events[i]) != envelope {
				t.Errorf("event %d:\n got %s\nwant %s", i, page.Events[i], envelope)
			}
		}
	})
	t.Run("flat", func(t *testing.T) {
		conn, _, err := websocket.Dial(ctx, strings.Replace(s.URL, "http", "ws", 1)+"/ws/rooms?allKeys=true&after=earliest", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		for i, want := range stored {
			_, text, err := conn.Read(ctx)
			if message := `{"type":"said",` + want.Data[1:]; err != nil || string(text) != message {
				t.Errorf("event %d:\n got %s, %v\nwant %s", i, text, err, message)
			}
		}
	})
}

// plainQuotes undoes what encoding/json does for the sake of HTML.
func plainQuotes(text []byte) string {
	return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(text))
}

func TestEveryKeyCanBePublishedToAndSubscribedOverEveryWire(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		for _, key := range hardKeys {
			id, err := w.Publish(wiretest.Context(t), s, "rooms", key, "said", `{"text":""}`)
			if err != nil {
				t.Fatalf("publish to %q: %v", key, err)
			}
			c := w.Open(t, s, wiretest.Subscription{Stream: "rooms", Key: key, After: "earliest"})
			if e := c.Take(); e.ID != id || !w.SSE() && e.Key != key {
				t.Errorf("key %q: got %v, want %s", key, e, id)
			}
			c.WantsLive(id)
			c.Close()
		}
	})
}

// Numbers can be keys; their decimal text is the key.
func TestTheKeyIsWhatTheContractPointsAt(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, strings.ReplaceAll(wiretest.Orders, "orderId: { type: string }", "orderId: { type: [string, integer] }"))
	want := map[string]string{`"é/1"`: "é/1", `17`: "17", `-3`: "-3", `"17"`: "17"}
	for data := range want {
		s.Publish("orders", "order.shipped", `{"orderId":`+data+`}`)
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
		for range want {
			e := c.Take()
			if key := want[strings.TrimSuffix(strings.TrimPrefix(e.Data, `{"orderId":`), "}")]; key == "" || !w.SSE() && e.Key != key {
				t.Errorf("got %v, want key %q", e, key)
			}
		}
		c.Close()
		c = w.Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest", Key: "17"})
		if a, b := c.Take(), c.Take(); a.Data == b.Data || !strings.Contains(a.Data+b.Data, `"17"`) {
			t.Errorf("got %v and %v, want both of key 17", a, b)
		}
	})
}

// fetch reads a JSON page.
func fetch(t *testing.T, s *wiretest.Server, path string, into any) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	if err := do(r, into); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

func do(r *http.Request, into any) error {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return wiretest.HTTPProblem(response)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
