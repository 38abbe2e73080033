package websocket_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

func drain(t *testing.T, s server) {
	t.Helper()
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- s.hub.Drain(ctx, 0)
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("drain: %v", err)
		}
	})
}

func TestDrainTellsEachSubscriptionItsEndAndThenCloses(t *testing.T) {
	s := serve(t)
	id := s.publish(t, "chat", "said", "a", `{"text":"hi"}`)
	flat, v1, none := s.dial(t, "/ws/chat/a"), s.dial(t, "/ws", "leat.v1"), s.dial(t, "/ws", "leat.v1")
	v1.send(`{"op":"subscribe","stream":"chat","key":"a"}`)
	v1.send(`{"op":"subscribe","stream":"chat","key":"b"}`)
	v1.wants(`{"op":"subscribed","stream":"chat","key":"a","id":"`+id+`"}`, `{"op":"subscribed","stream":"chat","key":"b","id":"`+id+`"}`)
	drain(t, s)
	flat.wants(`{"type":"leat.end","reason":"drain","position":"` + id + `","reconnectAfterMs":…}`)
	flat.wantsClose(1012)
	ended, waits := map[string]bool{}, map[int]bool{}
	for range 2 {
		var e struct {
			Op, Type, Key, ID string
			Data              struct{ ReconnectAfterMs int }
		}
		if err := json.Unmarshal([]byte(v1.next()), &e); err != nil || e.Type != "leat.end" || e.ID != id {
			t.Fatalf("got %+v, %v; want leat.end", e, err)
		}
		ended[e.Key], waits[e.Data.ReconnectAfterMs] = true, true
	}
	if len(waits) != 1 {
		t.Errorf("one connection is told to come back after %v ms", waits)
	}
	if !ended["a"] || !ended["b"] {
		t.Errorf("leat.end came for %v, want a and b", ended)
	}
	v1.wantsClose(1012)
	none.wantsClose(1012)
}

func TestGorillaIsServedAndClosesInPeace(t *testing.T) {
	s := serve(t)
	d := gorilla.Dialer{Subprotocols: []string{"unknown", "leat.v1", "leat.flat"}, EnableCompression: true}
	conn, response, err := d.Dial(strings.Replace(s.URL, "http", "ws", 1)+"/ws/orders/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Subprotocol() != "leat.v1" || response.Header.Get("X-Before") != "kept" {
		t.Errorf("got subprotocol %q, headers %v", conn.Subprotocol(), response.Header)
	}
	large := strings.Repeat("é", 30_000)
	s.publish(t, "orders", "order.shipped", "", `{"orderId":"b"}`)
	s.publish(t, "orders", "order.shipped", "", `{"orderId":"a","note":"`+large+`"}`)
	for _, want := range []string{`{"op":"subscribed","stream":"orders","key":"a","id":"…"}`,
		`{"op":"event","stream":"orders","id":"…","type":"order.shipped","key":"a","time":"…Z","data":{"orderId":"a","note":"` + large + `"}}`} {
		if _, got, err := conn.ReadMessage(); err != nil || !like(string(got), want) {
			t.Fatalf("got %.200s, %v", got, err)
		}
	}
	if err := conn.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(1001, "leaving")); err != nil {
		t.Fatal(err)
	}
	_, _, err = conn.ReadMessage()
	if !gorilla.IsCloseError(err, 1001) {
		t.Errorf("got %v, want close 1001", err)
	}
}

func TestAfterTheDrainConnectionsAreRefusedWith503(t *testing.T) {
	s := serve(t)
	drain(t, s)
	<-s.hub.Draining()
	_, response, err := gorilla.DefaultDialer.Dial(strings.Replace(s.URL, "http", "ws", 1)+"/ws/orders", nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, %+v", err, response)
	}
}

func TestAStreamNotOfferedOverWebSocketIs404AndNamesTheOthers(t *testing.T) {
	_, response, err := gorilla.DefaultDialer.Dial(strings.Replace(serve(t).URL, "http", "ws", 1)+"/ws/hidden", nil)
	if err == nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %+v", err, response)
	}
}

func TestPingsAreAnsweredWhileEventsFlow(t *testing.T) {
	s := serve(t)
	conn := dialRaw(t, s.Server, "/ws/readings", "leat.flat")
	const events = 500
	go func() {
		for range events {
			_, _ = conn.Write(append(frame(text, `{"type":"level","data":1}`), frame(ping, "p")...))
		}
	}()
	pongs, got := 0, 0
	for pongs < events || got < events {
		switch f := next(t, conn); string(f.Payload) {
		case "p":
			pongs++
		case `{"type":"level","data":1}`:
			got++
		default:
			t.Fatalf("got %v %s", f.Header.OpCode, f.Payload)
		}
	}
}
