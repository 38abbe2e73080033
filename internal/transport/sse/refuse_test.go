package sse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
)

// dial writes a raw request.
func (w *world) dial(request string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprint(conn, request); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func TestARequestThatCannotBeAnsweredIsToldWhy(t *testing.T) {
	const sse, lines, page = "text/event-stream", "application/x-ndjson", "application/json"
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			path, accept string
			status       int
			says         string
		}{
			{"/events/order", sse, 404, `did you mean \"orders\"?`},
			{"/events/ticks/k", sse, 404, "has no keys"},
			{"/events/orders", "image/png", 406, "application/x-ndjson"},
			{"/events/orders?aftr=earliest", sse, 400, `did you mean \"after\"?`},
			{"/events/orders?event_types=order.shipped", sse, 400, `did you mean \"eventTypes\"?`},
			{"/events/orders?colour=red", sse, 400, "the parameters are eventTypes, after,"},
			{"/events/orders?after=earliest&after=latest", sse, 400, "after is there 2 times"},
			{"/events/orders?after=%zz", sse, 400, "%zz"},
			{"/events/orders?after=nonsense", sse, 400, "is not a position"},
			{"/events/orders?after=latest&last=1", sse, 400, "after and last"},
			{"/events/orders?last=10001", sse, 400, "10000"},
			{"/events/orders?since=yesterday", sse, 400, "RFC 3339"},
			{"/events/orders?eventTypes=", sse, 400, "order.cancelled"},
			{"/events/orders?eventTypes=order.shiped", sse, 400, "order.shipped"},
			{"/events/orders?allKeys=true", sse, 400, "key: path"},
			{"/events/orders?limit=5", sse, 400, "application/json pages"},
			{"/events/orders?limit=5", lines, 400, "application/json pages"},
			{"/events/orders?limit=0", page, 400, "1 to 1000"},
			{"/events/orders?limit=1001", page, 400, "1 to 1000"},
			{"/events/orders?limit=many", page, 400, "1 to 1000"},
			{"/events/orders?heartbeats=true", sse, 400, "the only value is events"},
			{"/events/orders?heartbeats=events", lines, 400, "text/event-stream"},
			{"/events/orders?heartbeats=events", page, 400, "text/event-stream"},
			{"/events/passing", page, 400, "durability"},
			{"/events/passing?after=earliest", sse, 400, "durability"},
		} {
			response, body := w.body(c.path, "Accept", c.accept)
			if response.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("GET %s as %s:\n got %d %s\nwant %d with %q", c.path, c.accept, response.StatusCode, body, c.status, c.says)
			}
			var p struct{ Status int }
			if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != c.status {
				t.Errorf("GET %s: not a problem: %v", c.path, err)
			}
			want(t, "Content-Type", response.Header.Get("Content-Type"), "application/problem+json")
			want(t, "the middleware's header", response.Header.Get("Access-Control-Allow-Origin"), "http://localhost:3000")
		}
		response, _ := w.body("/events/orders", "Accept", page, "Prefer", "wait=61")
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("wait=61: got %s, want 400", response.Status)
		}
	})
}

func TestSeveralEventTypesInEitherForm(t *testing.T) {
	w := newWorld(t, false)
	at := w.publish("orders", "order.cancelled", "or_1", `1`)
	for _, types := range []string{
		"eventTypes=order.cancelled", "eventTypes=order.shipped,order.cancelled", "eventTypes=order.shipped&eventTypes=order.cancelled",
	} {
		_, b := w.get("/events/orders?last=1&" + types)
		b.next()
		want(t, types, b.next(), block("order.cancelled", `1`, at))
	}
}

// A browser's EventSource never comes back from a 503.
func TestWhatPassesByItselfIsToldAnEventSourceWithinAStream(t *testing.T) {
	for _, c := range []struct {
		reason     string
		logAnswers bool
		cause      func(w *world)
	}{
		{"drain", true, func(w *world) { w.drain() }},
		{"unavailable", false, func(w *world) { w.logs["orders"].Fail(errors.New("no leader")) }},
	} {
		t.Run(c.reason, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				at := w.publish("orders", "order.shipped", "or_1", `1`)
				c.cause(w)
				for _, asked := range []struct{ query, header, id string }{
					{"", at.String(), at.String()},
					{"?after=" + at.String(), "", at.String()},
					{"?lastEventId=" + at.String(), "", at.String()},
					{"?after=" + at.String(), "nonsense", ""},
				} {
					w.wantsEnd("/events/orders"+asked.query, asked.header, c.reason, asked.id)
				}
				newest := "" // the log alone knows it
				if c.logAnswers {
					newest = at.String()
				}
				w.wantsEnd("/events/orders", "", c.reason, newest)
				for _, accept := range []string{"*/*", "application/x-ndjson", "application/json"} {
					response, body := w.body("/events/orders", "Accept", accept)
					if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || !strings.Contains(body, `"retryable":true`) {
						t.Errorf("as %s: got %s, Retry-After %q, %s", accept, response.Status, response.Header.Get("Retry-After"), body)
					}
				}
			})
		})
	}
}

// wantsEnd asks for what is refused, and wants the stream that says so to hold a position, or none where id is empty.
func (w *world) wantsEnd(path, lastEventID, reason, id string) {
	w.t.Helper()
	response, body := w.body(path, "Accept", "text/event-stream", "Last-Event-ID", lastEventID)
	line, member := "", ""
	if id != "" {
		line, member = "id: "+id+`\n`, `"position":"`+id+`",`
	}
	pattern := `^retry: (\d+)\n` + line + `\nevent: leat.end\ndata: {"reason":"` + reason + `",` + member +
		`"reconnectAfterMs":(\d+)}\nretry: (\d+)\n` + line + `\n$`
	found := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if response.StatusCode != http.StatusOK || found == nil || found[1] != found[2] || found[2] != found[3] {
		w.t.Errorf("%s with Last-Event-ID %q: got %s %q, want the end at %q", path, lastEventID, response.Status, body, id)
	}
	want(w.t, "Content-Type", response.Header.Get("Content-Type"), "text/event-stream")
	if response.ProtoMajor == 1 && !response.Close {
		w.t.Error("the connection stays open")
	}
}

// Who is sent away comes back with the position that it got, and has missed nothing in between.
func TestWhoeverIsRefusedByADrainIsToldWhereItWouldHaveStarted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.publish("orders", "order.shipped", "or_1", `1`, `2`, `3`)
		w.logs["orders"].DropOldest(1)
		one, two := w.publish("orders", "order.cancelled", "or_2", `4`), w.publish("orders", "order.shipped", "or_1", `5`)
		at := func(sequence uint64) string { return event.NewPosition(one.Incarnation(), sequence).String() }
		w.drain()
		for _, c := range []struct{ path, id string }{
			{"/events/orders", two.String()},
			{"/events/orders?after=latest", two.String()},
			{"/events/orders?after=earliest", at(1)},
			{"/events/orders?since=2000-01-01T00:00:00Z", at(1)},
			{"/events/orders?since=2200-01-01T00:00:00Z", two.String()},
			{"/events/orders?last=2", at(3)},
			{"/events/orders?last=1&eventTypes=order.cancelled", at(3)},
			{"/events/orders/or_1?last=2", at(2)},
			{"/events/orders/or_3", two.String()},
			{"/events/ticks", event.NewPosition(w.incarnation("ticks"), 0).String()}, // nothing is stored yet
			{"/events/passing", ""},
		} {
			w.wantsEnd(c.path, "", "drain", c.id)
		}
		w.logs["orders"].Fail(errors.New("no leader"))
		w.wantsEnd("/events/orders", "", "drain", "")
		w.wantsEnd("/events/orders", two.String(), "drain", two.String())
	})
}

// incarnation is that of a stream.
func (w *world) incarnation(stream string) string {
	w.t.Helper()
	state, err := w.logs[stream].State(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return state.Position(0).Incarnation()
}
