package sse_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// halfClosed runs a test whose clients close their side as soon as they have asked, as nc -N and some load balancers
// do: the server notices before it begins to answer, or it may be any time.
func halfClosed(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("at any time", func(t *testing.T) { test(t, newWorld(t, false)) })
	t.Run("noticed at once", func(t *testing.T) {
		w := newWorld(t, false)
		inner := w.handler
		w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			<-r.Context().Done() // net/http has read the end of what the client sends
			inner.ServeHTTP(rw, r)
		})
		w.wrapped(func(rw http.ResponseWriter) http.ResponseWriter { return rw })
		test(t, w)
	})
}

// askAndClose sends a request and closes this side of the connection; headers are whole lines.
func (w *world) askAndClose(method, path string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	conn := w.dial(method + " " + path + " HTTP/1.1\r\nHost: leat\r\n" + strings.Join(append(headers, "\r\n"), "\r\n"))
	w.closeWrite(conn)
	return w.answer(method, conn)
}

func (w *world) closeWrite(conn net.Conn) {
	w.t.Helper()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads all that comes, up to the server's close.
func (w *world) answer(method string, conn net.Conn) (*http.Response, string) {
	w.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Errorf("the answer breaks off after %d bytes: %v", len(body), err)
	}
	return response, string(body)
}

func TestAHalfClosedConnectionGetsItsPageWhole(t *testing.T) {
	halfClosed(t, func(t *testing.T, w *world) {
		for i := range 300 {
			w.publish("orders", "order.shipped", "or_1", fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 5000)))
		}
		for _, c := range []struct {
			query  string
			events int
		}{{"?limit=1000", 300}, {"?last=7", 7}, {"?since=2000-01-01T00:00:00Z&limit=9", 9}, {"?eventTypes=order.cancelled", 0}} {
			response, body := w.askAndClose("GET", "/events/orders"+c.query, "Accept: application/json")
			var p page
			if err := json.Unmarshal([]byte(body), &p); err != nil || response.StatusCode != http.StatusOK || len(p.Events) != c.events || p.Next == "" {
				t.Errorf("%s: got %s with %d events, next %q, %v; want %d events", c.query, response.Status, len(p.Events), p.Next, err, c.events)
			}
		}
		response, _ := w.askAndClose("HEAD", "/events/orders", "Accept: application/json")
		want(t, "HEAD", response.Header.Get("Content-Type"), "application/json")
		w.becomes("leat_subscribers", "", 0)
	})
}

// Whether a client that has closed its side still reads cannot be told, so it is not waited with for an event.
func TestAHalfClosedLongPollIsAnsweredAtOnce(t *testing.T) {
	halfClosed(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `1`)
		_, body := w.askAndClose("GET", "/events/orders?after="+at.String(), "Accept: application/json", "Prefer: wait=60")
		want(t, "nothing to tell", body, `{"events":[],"next":"`+at.String()+`"}`+"\n")
		_, body = w.askAndClose("GET", "/events/orders", "Accept: application/json", "Prefer: wait=60")
		if !strings.HasPrefix(body, `{"events":[{"stream":"orders","id":"`+at.String()) {
			t.Errorf("got %q, want the event", body)
		}
	})
	w := newWorld(t, false)
	at := w.publish("orders", "order.shipped", "or_1", `1`)
	conn := w.dial("GET /events/orders?after=latest HTTP/1.1\r\nHost: leat\r\nAccept: application/json\r\nPrefer: wait=60\r\n\r\n")
	w.becomes("leat_subscribers", "", 1)
	w.closeWrite(conn)
	_, body := w.answer("GET", conn)
	want(t, "closed while it waits", body, `{"events":[],"next":"`+at.String()+`"}`+"\n")
}

// A live stream ends there: it would be noticed at the next write alone if the client had really gone.
func TestAHalfClosedStreamHasItsBeginning(t *testing.T) {
	halfClosed(t, func(t *testing.T, w *world) {
		at := w.publish("orders", "order.shipped", "or_1", `1`)
		for range 20 {
			response, body := w.askAndClose("GET", "/events/orders", "Accept: text/event-stream")
			want(t, "Content-Type", response.Header.Get("Content-Type"), "text/event-stream")
			if !strings.HasPrefix(body, "retry: ") || !strings.HasSuffix(body, "\nid: "+at.String()+"\n\n") {
				t.Errorf("got %q, want the first block", body)
			}
			response, _ = w.askAndClose("GET", "/events/orders?last=1", "Accept: application/x-ndjson")
			want(t, "Content-Type", response.Header.Get("Content-Type"), "application/x-ndjson")
		}
		w.becomes("leat_connections", "", 0)
		w.becomes("leat_connections_ended_total", "client", 40)
		w.wrapped(func(rw http.ResponseWriter) http.ResponseWriter { return plainWriter{rw} })
		if _, body := w.askAndClose("GET", "/events/orders"); !strings.HasPrefix(body, "retry: ") {
			t.Errorf("without Hijack: got %q, want the first block", body)
		}
	})
}

func TestAHalfClosedConnectionIsToldWhatIsWrong(t *testing.T) {
	halfClosed(t, func(t *testing.T, w *world) {
		for _, media := range []string{"application/json", "text/event-stream"} {
			if response, body := w.askAndClose("GET", "/events/order", "Accept: "+media); response.StatusCode != http.StatusNotFound || !strings.Contains(body, "did you mean") {
				t.Errorf("got %s %q", response.Status, body)
			}
		}
		w.logs["orders"].Fail(errors.New("no leader"))
		if response, body := w.askAndClose("GET", "/events/orders", "Accept: application/json"); response.StatusCode != http.StatusServiceUnavailable || body == "" {
			t.Errorf("the log is away: got %s %q", response.Status, body)
		}
		w.logs["orders"].Fail(nil)
		at := w.publish("orders", "order.shipped", "or_1", `1`)
		w.drain()
		_, body := w.askAndClose("GET", "/events/orders", "Accept: text/event-stream")
		if !strings.HasSuffix(body, "\nid: "+at.String()+"\n\n") || !strings.Contains(body, "event: leat.end\n") {
			t.Errorf("draining: got %q", body)
		}
	})
}
