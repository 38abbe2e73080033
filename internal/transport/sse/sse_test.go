package sse_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestTheHeaderBlockIsWhatTheWireSays(t *testing.T) {
	w := newWorld(t, false)
	at := w.publish("orders", "order.shipped", "or_1", `{}`)
	for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
		t.Run(version, func(t *testing.T) {
			conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /events/orders %s\r\nHost: leat\r\n\r\nmore that nobody asked for", version)
			b := &blocks{t, bufio.NewReader(conn)}
			var head strings.Builder
			for line := ""; line != "\r\n"; {
				line = b.line()
				head.WriteString(line)
			}
			date := regexp.MustCompile(`Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`)
			want(t, "header block", date.ReplaceAllString(head.String(), "Date: now"), version+" 200 OK\r\n"+
				"Access-Control-Allow-Origin: http://localhost:3000\r\n"+
				"Cache-Control: no-cache, no-store, no-transform\r\n"+
				"Connection: close\r\n"+
				"Content-Type: text/event-stream\r\n"+
				"Date: now\r\n"+
				"Vary: Accept\r\n"+
				"X-Accel-Buffering: no\r\n\r\n")
			first := b.next()
			if !regexp.MustCompile(`^retry: (1\d{3}|2\d{3}|3000)\nid: ` + at.String() + `\n\n$`).MatchString(first) {
				t.Errorf("first block: got %q", first)
			}
			id := w.publish("orders", "order.shipped", "or_2", `{"n":2}`)
			want(t, "event, not chunked", b.next(), block("order.shipped", `{"n":2}`, id))
			at = id
		})
	}
}

func TestEventsComeLiveAndOnceAfterAResume(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		response, b := w.get("/events/orders", "Accept", "text/event-stream")
		want(t, "Content-Type", response.Header.Get("Content-Type"), "text/event-stream")
		want(t, "Cache-Control", response.Header.Get("Cache-Control"), "no-cache, no-store, no-transform")
		want(t, "X-Accel-Buffering", response.Header.Get("X-Accel-Buffering"), "no")
		b.next()
		one := w.publish("orders", "order.shipped", "or_1", `{"n":1}`)
		want(t, "live", b.next(), block("order.shipped", `{"n":1}`, one))
		response.Body.Close()
		two := w.publish("orders", "order.cancelled", "or_2", `{"n":2}`)

		_, b = w.get("/events/orders?after=earliest&lastEventId=nonsense", "Last-Event-ID", one.String())
		want(t, "id of the first block", b.next()[len("retry: 1234\n"):], "id: "+one.String()+"\n\n")
		want(t, "resumed", b.next(), block("order.cancelled", `{"n":2}`, two))
		want(t, "live again", b.next(), block("leat.live", `{"position":"`+two.String()+`"}`, two))
	})
}

func TestAnIDThatIsNoPositionIsToldAsAGap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `{}`)
		gap := block("leat.gap", `{"after":"grüße","resumedAfter":"`+at.String()+`","reason":"unknown"}`, at)
		_, b := w.get("/events/orders", "Last-Event-ID", "grüße")
		want(t, "first block", b.next()[len("retry: 1234\n"):], "\n")
		want(t, "gap", b.next(), gap)
		_, b = w.get("/events/orders?lastEventId="+url.QueryEscape("grüße"), "Last-Event-ID", "")
		b.next()
		want(t, "gap, from the query", b.next(), gap)
		_, b = w.get("/events/orders?lastEventId=", "Last-Event-ID", "")
		want(t, "nothing asked", b.next()[len("retry: 1234\n"):], "id: "+at.String()+"\n\n")
	})
}

func TestKeysAreWhatThePathSaysDecoded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, key := range []string{"a/b", "a b", "100%", "😀", "a%2Fb", "ü?#&"} {
			_, b := w.get("/events/orders/" + url.PathEscape(key))
			b.next()
			w.publish("orders", "order.shipped", "another", `{}`)
			at := w.publish("orders", "order.shipped", key, `{"mine":true}`)
			want(t, key, b.next(), block("order.shipped", `{"mine":true}`, at))
		}
		_, room := w.get("/events/rooms")
		_, all := w.get("/events/rooms?allKeys=true")
		room.next()
		all.next()
		other := w.publish("rooms", "order.shipped", "lobby", `1`)
		mine := w.publish("rooms", "order.shipped", "default", `2`)
		want(t, "the default room", room.next(), block("order.shipped", `2`, mine))
		want(t, "every room", all.next(), block("order.shipped", `1`, other))
	})
}

func TestNDJSONIsLiveOneEnvelopeALine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.publish("orders", "order.shipped", "or_1", `{"n":1}`)
		response, b := w.get("/events/orders?after=earliest", "Accept", "application/x-ndjson")
		want(t, "Content-Type", response.Header.Get("Content-Type"), "application/x-ndjson")
		want(t, "event", b.line(), `{"stream":"orders","id":"`+one.String()+
			`","type":"order.shipped","key":"or_1","time":"2024-05-01T10:00:00.000Z","data":{"n":1}}`+"\n")
		live := b.line()
		if !strings.HasPrefix(live, `{"stream":"orders","id":"`+one.String()+`","type":"leat.live","time":"`) {
			t.Errorf("control event: got %q", live)
		}
		_, b = w.get("/events/ticks", "Accept", "application/x-ndjson") // the headers came with nothing to tell
		if line := b.line(); !strings.Contains(line, `"type":"leat.heartbeat"`) {
			t.Errorf("heartbeat: got %q", line)
		}
	})
}

// The server's ReadTimeout and WriteTimeout are 100 ms here: a stream outlives them.
func TestHeartbeatsKeepTheStreamAliveBeyondTheServersTimeouts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.publish("ticks", "order.shipped", "", `{}`)
		_, b := w.get("/events/ticks")
		b.next()
		for range 8 {
			want(t, "heartbeat", b.next(), ": heartbeat\nid: "+at.String()+"\n\n")
		}
		_, b = w.get("/events/ticks?heartbeats=events&_=1234")
		b.next()
		want(t, "visible", b.next(), block("leat.heartbeat", `{"position":"`+at.String()+`"}`, at))
	})
}

func TestAStreamThatKeepsNothingHasNoIDs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, b := w.get("/events/passing")
		if first := b.next(); strings.Contains(first, "id:") {
			t.Errorf("first block: got %q", first)
		}
		got := make(chan string, 1)
		go func() { got <- b.next() }()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for { // what nobody follows yet is gone, so it takes more than one
			w.publish("passing", "order.shipped", "", `1`)
			select {
			case frame := <-got:
				want(t, "event", frame, "event: order.shipped\ndata: 1\n\n")
				return
			case <-tick.C:
			}
		}
	})
}

func TestALongHistoryArrivesWhole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		long := `"` + strings.Repeat("x", 60_000) + `"`
		for range 50 {
			w.publish("orders", "order.shipped", "or_1", long)
		}
		_, b := w.get("/events/orders?last=40")
		b.next()
		for i := range 40 {
			got := parseEventStream(b.next())
			if len(got) != 1 || got[0].Data != long {
				t.Fatalf("event %d is not what was published", i)
			}
		}
		want(t, "then", parseEventStream(b.next())[0].Type, "leat.live")
	})
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		response, b := w.get("/events/orders")
		b.next()
		w.becomes("leat_connections", "", 1)
		w.becomes("leat_subscribers", "", 1)
		response.Body.Close()
		w.becomes("leat_connections", "", 0)
		w.becomes("leat_subscribers", "", 0)
		w.becomes("leat_connections_ended_total", "client", 1)
	})
}

func TestADrainEndsTheStreamWithAWord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `{}`)
		_, b := w.get("/events/orders")
		b.next()
		w.drain()
		end := b.next()
		pattern := `^event: leat.end\ndata: {"reason":"drain","position":"%[1]s","reconnectAfterMs":(\d+)}\nretry: (\d+)\nid: %[1]s\n\n$`
		found := regexp.MustCompile(fmt.Sprintf(pattern, at)).FindStringSubmatch(end)
		if found == nil || found[1] != found[2] {
			t.Errorf("got %q", end)
		}
		b.ends()
		w.becomes("leat_connections_ended_total", "drain", 1)
	})
}

func TestARecorderGetsWhatThereIs(t *testing.T) {
	w := newWorld(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/events/orders", nil)
	recorder := httptest.NewRecorder()
	served := make(chan struct{})
	go func() {
		defer close(served)
		w.handler.ServeHTTP(recorder, r)
	}()
	w.becomes("leat_subscribers", "", 1)
	cancel()
	<-served
	body, _ := io.ReadAll(recorder.Result().Body)
	if !recorder.Flushed || recorder.Code != 200 || !strings.HasPrefix(string(body), "retry: ") {
		t.Errorf("got %d, flushed: %v, %q", recorder.Code, recorder.Flushed, body)
	}
}
