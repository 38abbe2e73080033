package wiretest_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/wiretest"
)

const before = `
leat: 1
info: { title: Reloads, version: 1.0.0 }
streams:
  orders:
    events:
      shipped: { schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: integer } } } }
`

// The added member stands first, where the number of its field would be that of id had numbers not been kept.
const after = `
leat: 1
info: { title: Reloads, version: 1.1.0 }
streams:
  added:
    events:
      tick: { schema: { type: object, required: [n], properties: { n: { type: integer } } } }
  orders:
    heartbeat: 2s
    coalesce: 1ms
    maxEventBytes: 128KiB
    events:
      found: { schema: { type: object, properties: { pad: { type: string } } } }
      shipped: { schema: { type: object, required: [id], properties: { by: { type: string }, id: { type: string }, n: { type: integer } } } }
`

// published stores an event over a wire.
func published(t *testing.T, s *wiretest.Server, w wiretest.Wire, stream, eventType, data string) string {
	t.Helper()
	id, err := w.Publish(wiretest.Context(t), s, stream, "", eventType, data)
	if err != nil {
		t.Fatalf("publish %s over %s: %v", data, w.Name, err)
	}
	return id
}

func TestACompatibleChangeTakesEffectOnConnectionsThatStay(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, before)
		old := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		old.Wants(published(t, s, w, "orders", "shipped", `{"id":"a","n":1}`))
		if err := s.Reload(after); err != nil {
			t.Fatal(err)
		}
		published(t, s, w, "orders", "shipped", `{"id":"b","n":2}`)
		if e := old.Take(); e.Type != "shipped" || e.Data != `{"id":"b","n":2}` {
			t.Fatalf("the connection from before got %v", e)
		}
		found := w.Open(t, s, wiretest.Subscription{Stream: "orders", EventTypes: []string{"found"}})
		big := `{"pad":"` + strings.Repeat("x", 100<<10) + `"}`
		id := published(t, s, w, "orders", "found", big)
		if e := found.Take(); e.ID != id || e.Data != big {
			t.Fatalf("a new event type came as %v", e)
		}
		published(t, s, w, "orders", "shipped", `{"by":"c","id":"c"}`)
		if !w.Typed() { // whose client was generated before
			old.Wants(id)
			if e := old.Take(); e.Data != `{"by":"c","id":"c"}` {
				t.Fatalf("a new member came as %v", e)
			}
		}
		added := w.Open(t, s, wiretest.Subscription{Stream: "added", After: "earliest"})
		if e := added.Take(); e.Type != "leat.live" {
			t.Fatalf("a new stream began with %v", e)
		}
		added.Wants(published(t, s, w, "added", "tick", `{"n":1}`))
	})
}

func TestARefusedChangeLeavesTheContractThatIsServed(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, after)
	for _, test := range []struct{ change, with, says string }{
		{"      found:", "      lost:", `leat.yaml:13:7: breaking for consumers and producers: stream "orders": event "found": is removed`},
		{"required: [id]", "required: [id, by]", `leat.yaml:14:42: breaking for producers: stream "orders": event "shipped": /by is required now`},
		{"  added:", "  renamed:", `stream "added": is removed`},
		{"heartbeat: 2s", "durability: memory", `leat.yaml:9:17: stream "orders": durability: disk → memory needs a restart`},
		{"heartbeat: 2s", "key: path", "key: none → path"},
		{"n: { type: integer } } } }\n  orders", "n: { type: number } } } }\n  orders", "type: integer → number"},
		{"heartbeat: 2s", "access: { subscribe: authenticated }", `stream "orders": access is not built yet`},
		{"heartbeat: 2s", "heartbeat: soon", `leat.yaml:9:16: stream "orders": heartbeat must be a duration`},
	} {
		changed := strings.Replace(after, test.change, test.with, 1)
		err := s.Reload(changed)
		if wrong, ok := errors.AsType[contract.Errors](err); !ok || len(wrong) == 0 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s", test.with, err, test.says)
		}
		if status, text := s.Admin(http.MethodGet, "/readyz", ""); status != http.StatusOK || !strings.Contains(text, `"note":"the contract was changed and is not served`) {
			t.Errorf("/readyz says %d %s", status, text)
		}
		s.Publish("orders", "found", "{}")
	}
	_, metrics := s.Admin(http.MethodGet, "/metrics", "")
	if !strings.Contains(metrics, `leat_contract_reloads_total{result="refused"} 8`) {
		t.Errorf("the metrics do not count 8 refusals")
	}
	if err := s.Reload(after); err != nil {
		t.Fatal(err)
	}
	if _, text := s.Admin(http.MethodGet, "/readyz", ""); text != `{"status":"ready"}`+"\n" {
		t.Errorf("/readyz says %s after a version that is served", text)
	}
}

// Reloads are as many as the test has time for; each has a new event type, which is published at once.
func TestReloadsUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, growing(0))
	const reloads, perReload = 30, 20
	var readers sync.WaitGroup
	defer readers.Wait()
	for _, w := range wiretest.Wires() {
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders"})
		readers.Go(func() {
			for n := range reloads * perReload {
				e, err := c.Next(wiretest.Context(t))
				if err != nil || e.Data != fmt.Sprintf(`{"n":%d}`, n) {
					t.Errorf("%s: event %d came as %v, %v", w.Name, n, e, err)
					return
				}
			}
		})
	}
	reloaded := make(chan int)
	go func() {
		defer close(reloaded)
		for n := range reloads {
			if err := s.Reload(growing(n + 1)); err != nil {
				t.Error(err)
				return
			}
			reloaded <- n
		}
	}()
	for n := range reloaded {
		for i := range perReload {
			s.Publish("orders", "shipped", fmt.Sprintf(`{"n":%d}`, n*perReload+i))
		}
		s.Publish(fmt.Sprintf("more%d", n), "tick", "1")
	}
}

// growing is a contract of so many reloads.
func growing(n int) string {
	text := strings.Replace(before, "orders:", fmt.Sprintf("orders:\n    heartbeat: %dms", 15000+n), 1)
	text = strings.Replace(text, "required: [id]", "required: [n]", 1)
	for i := range n {
		text += fmt.Sprintf("      e%d: { schema: { type: object } }\n", i)
	}
	for i := range n {
		text += fmt.Sprintf("  more%d: { durability: memory, events: { tick: { schema: {} } } }\n", i)
	}
	return text
}

func TestRetentionAndBackendChangeWithTheContract(t *testing.T) {
	t.Parallel()
	backend := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"reply":[{"type":"shipped","data":{"id":%q}}]}`, name)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	with := func(retention, url string) string {
		return strings.Replace(before, "orders:", "orders:\n    retention: { events: "+retention+" }\n    commands: { ask: { schema: {} } }\n    backend: { url: "+url+" }", 1)
	}
	s := wiretest.Start(t, with("100", backend("first")))
	for range 10 {
		s.Publish("orders", "shipped", `{"id":"a"}`)
	}
	ask := func() string {
		_, text := s.Post("/commands/orders", "application/json", `{"type":"ask","data":1}`)
		return text
	}
	if got := ask(); !strings.Contains(got, "first") {
		t.Fatalf("the answer is %s", got)
	}
	if err := s.Reload(with("3", backend("second"))); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.Contains(got, "second") {
		t.Errorf("the answer is %s, from another backend than the contract's", got)
	}
	c := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
	for range 3 {
		if e := c.Take(); e.Type != "shipped" {
			t.Fatalf("got %v, want the three events that are kept", e)
		}
	}
	if e := c.Take(); e.Type != "leat.live" {
		t.Errorf("got %v, want leat.live behind the three events that are kept", e)
	}
}

func TestACommandUnderWayIsAnsweredByTheBackendThatHasIt(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		fmt.Fprint(w, `{"reply":[{"type":"shipped","data":{"id":"first"}}]}`)
	}))
	t.Cleanup(first.Close)
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"reply":[{"type":"shipped","data":{"id":"second"}}]}`)
	}))
	t.Cleanup(second.Close)
	with := func(url string) string {
		return strings.Replace(before, "orders:", "orders:\n    commands: { ask: { schema: {} } }\n    backend: { url: "+url+" }", 1)
	}
	s := wiretest.Start(t, with(first.URL))
	answered := make(chan string)
	ask := func() {
		_, text := s.Post("/commands/orders", "application/json", `{"type":"ask","data":1}`)
		answered <- text
	}
	go ask()
	<-asked
	if err := s.Reload(with(second.URL)); err != nil {
		t.Fatal(err)
	}
	go ask()
	if got := <-answered; !strings.Contains(got, "second") {
		t.Errorf("a command after the change was answered with %s", got)
	}
	close(release)
	if got := <-answered; !strings.Contains(got, "first") {
		t.Errorf("a command before the change was answered with %s", got)
	}
}

func TestABackendIsToldOfConnectionsFromTheChangeOn(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Ce-Type")
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(backend.Close)
	s := wiretest.Start(t, fmt.Sprintf(chatContract, backend.URL, false))
	w := wiretest.Wires()[0]
	early := w.Open(t, s, wiretest.Subscription{Stream: "chat"})
	if err := s.Reload(fmt.Sprintf(chatContract, backend.URL, true)); err != nil {
		t.Fatal(err)
	}
	early.Close()
	late := w.Open(t, s, wiretest.Subscription{Stream: "chat"})
	if got := <-told; got != "leat.connected" {
		t.Errorf("first it was told %s", got)
	}
	if err := s.Reload(fmt.Sprintf(chatContract, backend.URL, false)); err != nil {
		t.Fatal(err)
	}
	late.Close()
	if got := <-told; got != "leat.disconnected" {
		t.Errorf("of a connection that it was told of, it was told %s next", got)
	}
}

func TestDocumentsTellTheContractThatIsServed(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, before)
	get := func(path string) string {
		response, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			return ""
		}
		return string(text)
	}
	paths := []string{"/openapi.json", "/asyncapi.yaml", "/docs", "/docs/contract.json", "/protos/orders/v1/orders.proto", "/schemas/orders/found"}
	for _, path := range paths {
		if strings.Contains(strings.ToLower(get(path)), "found") {
			t.Fatalf("%s has an event type that is to come", path)
		}
	}
	if err := s.Reload(after); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if !strings.Contains(strings.ToLower(get(path)), "found") {
			t.Errorf("%s has no event type found", path)
		}
	}
}

// A browser that reads JSON was generated from nothing: it gets what is new too.
func TestABrowsersConnectionGetsWhatIsNewInJSON(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, before)
	request, err := http.NewRequestWithContext(wiretest.Context(t), http.MethodPost, s.URL+"/orders.v1.OrdersService/Subscribe",
		strings.NewReader("\x00\x00\x00\x00\x02{}")) // a flag, a length of four bytes, and the message
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/connect+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	next := func() string {
		head := make([]byte, 5)
		if _, err := io.ReadFull(response.Body, head); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, binary.BigEndian.Uint32(head[1:]))
		if _, err := io.ReadFull(response.Body, text); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	s.Publish("orders", "shipped", `{"id":"a"}`)
	if got := next(); !strings.Contains(got, `"id":"a"`) {
		t.Fatal(got)
	}
	if err := s.Reload(after); err != nil {
		t.Fatal(err)
	}
	s.Publish("orders", "found", `{"pad":"x"}`)
	s.Publish("orders", "shipped", `{"id":"b","by":"me"}`)
	if got := next(); !strings.Contains(got, `"found":{"pad":"x"}`) {
		t.Errorf("a new event type came as %s", got)
	}
	if got := next(); !strings.Contains(got, `"by":"me"`) {
		t.Errorf("a new member came as %s", got)
	}
}
