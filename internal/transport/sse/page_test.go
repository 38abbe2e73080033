package sse_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
)

// A page is the answer as a client decodes it.
type page struct {
	Events []*event.Event
	Next   string
	Gap    *event.Gap
}

func (w *world) page(path string, headers ...string) page {
	w.t.Helper()
	response, body := w.body(path, append(headers, "Accept", "application/json")...)
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("GET %s: %s, %q: %v", path, response.Status, body, err)
	}
	return p
}

func TestAPageIsByteForByteWhatTheWireSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.publish("orders", "order.shipped", "or_1", `{"n":1}`)
		two := w.publish("orders", "order.cancelled", "or_2", `{"n":2}`)
		response, body := w.body("/events/orders", "Accept", "application/json")
		want(t, "page", body, `{"events":[`+
			`{"stream":"orders","id":"`+one.String()+`","type":"order.shipped","key":"or_1","time":"2024-05-01T10:00:00.000Z","data":{"n":1}},`+
			`{"stream":"orders","id":"`+two.String()+`","type":"order.cancelled","key":"or_2","time":"2024-05-01T10:00:00.000Z","data":{"n":2}}`+
			`],"next":"`+two.String()+`"}`+"\n")
		want(t, "Content-Type", response.Header.Get("Content-Type"), "application/json")
		want(t, "Cache-Control", response.Header.Get("Cache-Control"), "no-store")
		want(t, "Preference-Applied", response.Header.Get("Preference-Applied"), "")
		_, body = w.body("/events/orders?after="+two.String(), "Accept", "application/json")
		want(t, "empty page", body, `{"events":[],"next":"`+two.String()+`"}`+"\n")
		w.logs["orders"].DropOldest(2)
		three := w.publish("orders", "order.shipped", "or_3", `3`)
		_, body = w.body("/events/orders?after="+one.String(), "Accept", "application/json")
		want(t, "page after a gap", body, `{"events":[`+
			`{"stream":"orders","id":"`+three.String()+`","type":"order.shipped","key":"or_3","time":"2024-05-01T10:00:00.000Z","data":3}`+
			`],"next":"`+three.String()+`","gap":{"after":"`+one.String()+`","resumedAfter":"`+two.String()+`","reason":"expired"}}`+"\n")
	})
}

func TestPagesFollowEachOther(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 250 {
			w.publish("orders", "order.shipped", "or_1", fmt.Sprint(i))
		}
		if p := w.page("/events/orders"); len(p.Events) != 100 {
			t.Errorf("got %d events, want 100 by default", len(p.Events))
		}
		seen, path := 0, "/events/orders?limit=99"
		for {
			p := w.page(path)
			if len(p.Events) == 0 {
				break
			}
			for _, e := range p.Events {
				want(t, "event", string(e.Data), fmt.Sprint(seen))
				seen++
			}
			path = "/events/orders?limit=99&after=" + p.Next
		}
		if seen != 250 {
			t.Errorf("got %d events, want 250", seen)
		}
		if p := w.page("/events/orders?after=latest"); len(p.Events) != 0 {
			t.Errorf("after=latest: got %d events, want none", len(p.Events))
		}
		if p := w.page("/events/orders?last=3&limit=1000"); len(p.Events) != 3 {
			t.Errorf("last=3: got %d events", len(p.Events))
		}
	})
}

func TestALongPollAnswersWithTheFirstEvent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `1`)
		answered := make(chan page, 1)
		go func() { answered <- w.page("/events/orders?after="+at.String(), "Prefer", "respond-async, wait=60") }()
		w.becomes("leat_subscribers", "", 1)
		w.publish("orders", "order.shipped", "or_1", `2`)
		if p := <-answered; len(p.Events) != 1 || string(p.Events[0].Data) != "2" {
			t.Errorf("got %+v, want the new event", p)
		}
		response, body := w.body("/events/orders?after=latest", "Accept", "application/json", "Prefer", "wait=1")
		want(t, "Preference-Applied", response.Header.Get("Preference-Applied"), "wait=1")
		if !strings.HasPrefix(body, `{"events":[],"next":"`) {
			t.Errorf("after a wait for nothing: got %q", body)
		}
	})
}

func TestADrainAnswersLongPollsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `1`)
		answered := make(chan page, 1)
		go func() { answered <- w.page("/events/orders?after="+at.String(), "Prefer", "wait=60") }()
		w.becomes("leat_subscribers", "", 1)
		w.drain()
		if p := <-answered; len(p.Events) != 0 || p.Next != at.String() {
			t.Errorf("got %+v, want an empty page", p)
		}
	})
}

func TestALongPollThatNobodyWaitsForEnds(t *testing.T) {
	w := newWorld(t, false)
	conn := w.dial("GET /events/orders HTTP/1.1\r\nHost: leat\r\nAccept: application/json\r\nPrefer: wait=60\r\n\r\n")
	w.becomes("leat_subscribers", "", 1)
	conn.Close()
	w.becomes("leat_subscribers", "", 0)
}

func TestHEADHasTheHeadersOfGETAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.publish("orders", "order.shipped", "or_1", `1`)
		for _, c := range []struct{ path, accept string }{
			{"/events/orders", "text/event-stream"},
			{"/events/orders?last=1", "application/x-ndjson"},
			{"/events/orders", "application/json"},
			{"/events/orders", "image/png"},
			{"/events/nothing", "*/*"},
			{"/events/orders?limit=1", "*/*"},
		} {
			name := c.accept + " of " + c.path
			head := w.request("HEAD", c.path, "Accept", c.accept)
			get := w.request("GET", c.path, "Accept", c.accept)
			body, err := io.ReadAll(head.Body)
			if err != nil || len(body) > 0 || head.StatusCode != get.StatusCode || head.ContentLength != get.ContentLength {
				t.Errorf("%s: HEAD %s with %q and length %d, GET %s and length %d",
					name, head.Status, body, head.ContentLength, get.Status, get.ContentLength)
			}
			head.Header.Del("Date")
			get.Header.Del("Date")
			want(t, name, fmt.Sprint(head.Header, head.Close), fmt.Sprint(get.Header, get.Close))
			get.Body.Close()
			w.becomes("leat_connections", "", 0)
			w.becomes("leat_subscribers", "", 0)
		}
	})
}
