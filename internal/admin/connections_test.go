package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/wiretest"
)

// open subscribes over the wires in turn, and gives the connections' ids in the order in which they came.
func open(t *testing.T, s *wiretest.Server, n int, sub wiretest.Subscription) (ids []string) {
	t.Helper()
	wires := wiretest.Wires()
	for i := range n {
		wires[i%len(wires)].Open(t, s, sub)
		ids = append(ids, s.Newest().ID)
	}
	return ids
}

func idsOf(list []wiretest.Connection) (ids []string) {
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestTheListHasEachConnectionOnceInTheOrderInWhichTheyCame(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	if list, next := s.Connections(""); len(list) != 0 || next != "" {
		t.Errorf("nobody is connected, and the list is %v, next %q", list, next)
	}
	ids := open(t, s, 17, wiretest.Subscription{Stream: "orders"})
	for query, pages := range map[string][]int{"?limit=1000": {17}, "": {17}, "?limit=17": {17}, "?limit=5": {5, 5, 5, 2}, "?limit=1&_=x": slices.Repeat([]int{1}, 17)} {
		var got []string
		next, sep := "", "?"
		if query != "" {
			sep = "&"
		}
		for i, n := range pages {
			asked := query
			if next != "" {
				asked += sep + "after=" + next
			}
			var list []wiretest.Connection
			list, next = s.Connections(asked)
			if len(list) != n || (next == "") != (i == len(pages)-1) {
				t.Fatalf("page %d of %q: %d connections, next %q", i, query, len(list), next)
			}
			got = append(got, idsOf(list)...)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%q: got %v, want %v", query, got, ids)
		}
	}
	// One that goes meanwhile takes nothing with it: the next page begins behind where it was.
	s.Admin(http.MethodDelete, "/connections/"+ids[4], "")
	if list, _ := s.Connections("?limit=3&after=" + ids[4]); !slices.Equal(idsOf(list), ids[5:8]) {
		t.Errorf("behind one that has gone: %v, want %v", idsOf(list), ids[5:8])
	}
}

func TestTheListIsFilteredByStreamAndTransport(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	wires := wiretest.Wires()
	orders := open(t, s, len(wires), wiretest.Subscription{Stream: "orders"})
	plain := open(t, s, len(wires), wiretest.Subscription{Stream: "plain"})
	of := func(ids []string, named func(wiretest.Wire) bool) (some []string) {
		for i, id := range ids {
			if named(wires[i]) {
				some = append(some, id)
			}
		}
		return some
	}
	rpc := func(w wiretest.Wire) bool { return strings.HasPrefix(w.Name, "grpc") }
	for query, want := range map[string][]string{
		"?stream=orders":              orders,
		"?stream=plain":               plain,
		"?stream=rooms":               nil,
		"?transport=sse&stream=plain": of(plain, wiretest.Wire.HTTP),
		"?transport=websocket":        slices.Concat(of(orders, wiretest.Wire.WebSocket), of(plain, wiretest.Wire.WebSocket)),
		"?transport=grpc&after=" + orders[len(orders)-1]: of(plain, rpc),
	} {
		if list, next := s.Connections(query); !slices.Equal(idsOf(list), want) || next != "" {
			t.Errorf("%s: got %v, next %q, want %v", query, idsOf(list), next, want)
		}
	}
}

func TestAConnectionShowsWhoItIsAndHowFarItsSubscriptionsAre(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	newest := s.Publish("orders", "order.shipped", `{"orderId":"a"}`)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		before := time.Now().Truncate(time.Millisecond)
		client := w.Open(t, s, wiretest.Subscription{Stream: "orders", Key: "a", EventTypes: []string{"order.shipped", "order.cancelled"}, After: "earliest"})
		client.Wants(newest)
		client.WantsLive(newest)
		c := s.Newest()
		since, err := time.Parse(time.RFC3339Nano, c.Since)
		if err != nil || since.Before(before) || since.After(time.Now()) || !strings.HasPrefix(c.Remote, "127.0.0.1:") {
			t.Errorf("%+v: %v", c, err)
		}
		transport, _, _ := strings.Cut(w.Name, "-")
		if w.HTTP() {
			transport = "sse"
		}
		if c.Transport != transport || len(c.Subscriptions) != 1 {
			t.Fatalf("%+v", c)
		}
		sub := c.Subscriptions[0]
		if sub.Stream != "orders" || sub.Key != "a" || sub.Position != newest || sub.Lag != 0 || strings.Join(sub.EventTypes, " ") != "order.cancelled order.shipped" {
			t.Errorf("%+v", sub)
		}
		status, text := s.Admin(http.MethodGet, "/connections/"+c.ID, "")
		var alone wiretest.Connection
		if err := json.Unmarshal([]byte(text), &alone); err != nil || status != http.StatusOK || alone.ID != c.ID || len(alone.Subscriptions) != 1 {
			t.Errorf("alone: %d %s", status, text)
		}
	})
}

func TestIDsAreNotGivenOutAgainByTheNextProcess(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	before := open(t, s, 3, wiretest.Subscription{Stream: "plain"})
	s.Restart(nil)
	after := open(t, s, 3, wiretest.Subscription{Stream: "plain"})
	for _, id := range before {
		if p := s.Push(id, `{"type":"tick","data":1}`); slices.Contains(after, id) || p == nil || p.Status != http.StatusNotFound {
			t.Errorf("%s of before the restart: %v", id, p)
		}
	}
}

func TestALongPollIsShownAndTakesNoPushes(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	s.Publish("plain", "tick", "1")
	r, err := http.NewRequestWithContext(wiretest.Context(t), http.MethodGet, s.URL+"/events/plain?after=latest", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Prefer", "wait=60")
	answered := make(chan int, 1)
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	var c wiretest.Connection
	for ctx := wiretest.Context(t); c.ID == ""; { // until the request has come
		if list, _ := s.Connections(""); len(list) > 0 {
			c = list[0]
		}
		if ctx.Err() != nil {
			t.Fatal("the long poll is not in the list")
		}
	}
	if p := s.Push(c.ID, `{"stream":"plain","type":"tick","data":1}`); p == nil || p.Status != http.StatusConflict || !strings.Contains(p.Detail, "page") {
		t.Errorf("a push to %+v: %v", c, p)
	}
	if status, _ := s.Admin(http.MethodDelete, "/connections/"+c.ID, ""); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the long poll that was ended is answered with %d", status)
	}
}

// Each bad request is refused with a problem that says what would be right.
func TestWhatIsWrongWithARequestIsSaid(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	id := open(t, s, 1, wiretest.Subscription{Stream: "plain"})[0]
	for request, want := range map[string]string{
		"GET /connections?limit=0":                       "400 a number from 1 to 1000",
		"GET /connections?limit=1001":                    "400 a number from 1 to 1000",
		"GET /connections?limit=":                        "400 a number from 1 to 1000",
		"GET /connections?limit=1&limit=2":               "400 one value",
		"GET /connections?limits=1":                      `400 did you mean "limit"?`,
		"GET /connections?stream=order":                  `400 did you mean "orders"?`,
		"GET /connections?transport=ws":                  "400 sse, websocket, grpc",
		"GET /connections?after=":                        "400 leave it out",
		"GET /connections?after=b7k2-1":                  "400 of this process",
		"GET /connections?after=%zz":                     "400 query",
		"GET /connections/" + id + "?limit=1":            "400 takes none",
		"GET /connections/b7k2-1":                        "404 b7k2-1",
		"DELETE /connections/b7k2-1":                     "404 b7k2-1",
		"POST /connections/b7k2-1/events":                "404 b7k2-1",
		"POST /connections":                              "405 GET, HEAD",
		"DELETE /connections":                            "405 GET, HEAD",
		"PUT /connections/" + id:                         "405 DELETE, GET, HEAD",
		"OPTIONS /connections/" + id:                     "405 DELETE, GET, HEAD",
		"GET /connections/" + id + "/events":             "405 POST",
		"HEAD /connections/" + id + "/events":            "405 POST",
		"GET /connection":                                `404 did you mean "/connections"?`,
		"GET /connections/" + id + "/event":              "404 /connections/{id}/events",
		"GET /":                                          "404 /connections",
		"POST /connections/" + id + "/events text/plain": "415 application/json",
	} {
		words := strings.Fields(request)
		r := httptest.NewRequest(words[0], words[1], strings.NewReader(`{"type":"tick","data":1}`))
		if r.Header.Set("Content-Type", "application/json"); len(words) > 2 {
			r.Header.Set("Content-Type", words[2])
		}
		w := httptest.NewRecorder()
		s.Leat.AdminHandler().ServeHTTP(w, r)
		status, text, _ := strings.Cut(want, " ")
		var p wiretest.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || http.StatusText(p.Status) != http.StatusText(w.Code) ||
			w.Header().Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(w.Result().Status, status) || !strings.Contains(p.Detail, text) {
			t.Errorf("%s: %d %s, want %s", request, w.Code, w.Body, want)
		}
		if allow := w.Header().Get("Allow"); w.Code == http.StatusMethodNotAllowed && allow != text {
			t.Errorf("%s: Allow is %q, want %q", request, allow, text)
		}
	}
}

func TestHEADIsAnsweredAsGET(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders)
	id := open(t, s, 1, wiretest.Subscription{Stream: "plain"})[0]
	for _, path := range []string{"/connections", "/connections/" + id} {
		w := httptest.NewRecorder()
		s.Leat.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodHead, path, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("HEAD %s: %d %v", path, w.Code, w.Header())
		}
	}
}
