package sse_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/sse"
)

var (
	at   = event.NewPosition("b7k2", 1042)
	when = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
)

func TestFramesAreByteForByteWhatTheWireSays(t *testing.T) {
	shipped := &event.Event{
		Stream: "orders", Position: at, Type: event.MustType("order.shipped"), Key: event.MustKey("or_12345"),
		Time: when, Data: []byte(`{"orderId":"or_12345"}`),
	}
	live := *shipped
	live.Position = event.Position{}
	heartbeat := event.NewHeartbeat("orders", at, when)
	mute := event.NewHeartbeat("orders", event.Position{}, when)
	gap := event.NewGap("orders", "b7k2-7", at, event.GapExpired, when)
	end := event.NewEnd("orders", at, event.EndDrain, 2310*time.Millisecond, when)
	const envelope = `{"stream":"orders","id":"b7k2-1042","type":`
	for _, c := range []struct {
		name   string
		format func(dst []byte, e *event.Event) []byte
		event  *event.Event
		want   string
	}{
		{"an event", sse.EventStreamFormat.Event, shipped,
			"event: order.shipped\ndata: {\"orderId\":\"or_12345\"}\nid: b7k2-1042\n\n"},
		{"an event without id", sse.EventStreamFormat.Event, &live,
			"event: order.shipped\ndata: {\"orderId\":\"or_12345\"}\n\n"},
		{"a heartbeat", sse.EventStreamFormat.Control, heartbeat, ": heartbeat\nid: b7k2-1042\n\n"},
		{"a heartbeat without id", sse.EventStreamFormat.Control, mute, ": heartbeat\n\n"},
		{"a visible heartbeat", sse.VisibleHeartbeatsFormat.Control, heartbeat,
			"event: leat.heartbeat\ndata: {\"position\":\"b7k2-1042\"}\nid: b7k2-1042\n\n"},
		{"a gap", sse.EventStreamFormat.Control, gap,
			"event: leat.gap\ndata: {\"after\":\"b7k2-7\",\"resumedAfter\":\"b7k2-1042\",\"reason\":\"expired\"}\nid: b7k2-1042\n\n"},
		{"live", sse.EventStreamFormat.Control, event.NewLive("orders", at, when),
			"event: leat.live\ndata: {\"position\":\"b7k2-1042\"}\nid: b7k2-1042\n\n"},
		{"the end", sse.EventStreamFormat.Control, end,
			"event: leat.end\ndata: {\"reason\":\"drain\",\"position\":\"b7k2-1042\",\"reconnectAfterMs\":2310}\nretry: 2310\nid: b7k2-1042\n\n"},
		{"the end beside visible heartbeats", sse.VisibleHeartbeatsFormat.Control, end,
			"event: leat.end\ndata: {\"reason\":\"drain\",\"position\":\"b7k2-1042\",\"reconnectAfterMs\":2310}\nretry: 2310\nid: b7k2-1042\n\n"},
		{"a line", sse.NDJSONFormat.Event, shipped,
			envelope + `"order.shipped","key":"or_12345","time":"2024-05-01T10:00:00.000Z","data":{"orderId":"or_12345"}}` + "\n"},
		{"a heartbeat's line", sse.NDJSONFormat.Control, heartbeat,
			envelope + `"leat.heartbeat","time":"2024-05-01T10:00:00.000Z","data":{"position":"b7k2-1042"}}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(c.format(nil, c.event))); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstBlockHasNoData(t *testing.T) {
	if got, want := sse.FirstBlock(2310*time.Millisecond, "b7k2-1041"), "retry: 2310\nid: b7k2-1041\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := sse.FirstBlock(time.Second, ""), "retry: 1000\n\n"; got != want {
		t.Errorf("without id: got %q, want %q", got, want)
	}
}

func TestFormatsOfOneNameShareTheFramesOfEvents(t *testing.T) {
	e := &event.Event{Stream: "s", Position: at, Type: event.MustType("t"), Time: when, Data: []byte(`1`)}
	a, b := sse.EventStreamFormat, sse.VisibleHeartbeatsFormat
	if a.Name != b.Name || string(a.Event(nil, e)) != string(b.Event(nil, e)) {
		t.Errorf("formats %q and %q differ in the frames of events", a.Name, b.Name)
	}
	if a.Name == sse.NDJSONFormat.Name {
		t.Errorf("NDJSON shares the name %q", a.Name)
	}
}

// FuzzFrame publishes whatever can be made valid, and reads the frames back as a browser does.
func FuzzFrame(f *testing.F) {
	f.Add("order.shipped", "or_1", "b7k2", uint64(7), []byte(`{"a":"x\ny\r\u0000"}`))
	f.Add("a\nid: 1", "k\ndata: x", "b\r", uint64(0), []byte("{\n\"a\": \"\u2028\u0085\"\n}"))
	f.Add("message", "\ufeff", "0", uint64(1), []byte(`":"`))
	f.Fuzz(func(t *testing.T, typeName, key, incarnation string, sequence uint64, data []byte) {
		eventType, err := event.ParseType(typeName)
		value := jsontext.Value(data)
		if err != nil || value.Compact() != nil {
			t.Skip()
		}
		e := event.Event{Stream: "orders", Type: eventType, Time: when, Data: value}
		if e.Key, err = event.ParseKey(key); err != nil {
			e.Key = event.Key{}
		}
		if p, err := event.ParsePosition(incarnation + "-7"); err == nil {
			e.Position = event.NewPosition(p.Incarnation(), sequence)
		}
		wantID := "before" // what the browser keeps where there is no id
		if !e.Position.IsZero() {
			wantID = e.Position.String()
		}
		frame := string(sse.EventStreamFormat.Event(nil, &e))
		got := parseEventStream("id: before\n\n" + frame + frame)
		want := message{Type: typeName, Data: string(value), ID: wantID}
		if diff := cmp.Diff([]message{want, want}, got); diff != "" {
			t.Fatalf("%q read back (-want +got):\n%s", frame, diff)
		}
		line := string(sse.NDJSONFormat.Event(nil, &e))
		if strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
			t.Fatalf("not one line of JSON: %q", line)
		}
	})
}

// FuzzControlFrame is FuzzFrame for what a client wrote and gets back within a leat.gap.
func FuzzControlFrame(f *testing.F) {
	f.Add("b7k2-7")
	f.Add("x\n\ndata: injected\r\n\x00")
	f.Fuzz(func(t *testing.T, asked string) {
		e := event.NewGap("orders", asked, at, event.GapUnknown, when)
		for _, format := range []*hub.Format{sse.EventStreamFormat, sse.VisibleHeartbeatsFormat} {
			got := parseEventStream(string(format.Control(nil, e)))
			if len(got) != 1 || got[0].Type != "leat.gap" || got[0].ID != at.String() {
				t.Fatalf("read back %+v", got)
			}
		}
	})
}
