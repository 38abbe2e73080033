package event_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/leatstream/leat/event"
)

var when = time.Date(2024, 5, 1, 10, 0, 0, 1_999_999, time.FixedZone("", 7200))

func shipped() event.Event {
	return event.Event{
		Stream: "orders", Position: event.NewPosition("b7k2", 1042), Type: event.MustType("order.shipped"), Key: event.MustKey("or/1"),
		Time: when, Data: []byte(`{"big":12345678901234567890,"n":1.0}`),
	}
}

func TestTheEnvelopeHasItsMembersInOrderAndOnlyThoseThere(t *testing.T) {
	e := shipped()
	bare := event.Event{Stream: "plain", Type: e.Type, Time: when, Data: []byte("7")}
	quoted := bare
	quoted.Key = event.MustKey("a\"\\<é\u2028🦊")
	for want, e := range map[string]event.Event{
		`{"stream":"orders","id":"b7k2-1042","type":"order.shipped","key":"or/1","time":"2024-05-01T08:00:00.001Z","data":{"big":12345678901234567890,"n":1.0}}`: e,
		`{"stream":"plain","type":"order.shipped","time":"2024-05-01T08:00:00.001Z","data":7}`:                                                                   bare,
		`{"stream":"plain","type":"order.shipped","key":"a\"\\<é` + "\u2028" + `🦊","time":"2024-05-01T08:00:00.001Z","data":7}`:                                  quoted,
	} {
		if got := string(e.AppendEnvelope(nil)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := string(e.AppendMembers([]byte(`{"op":"event",`))); got != `{"op":"event",`+want[1:] {
			t.Errorf("behind a member: %s", got)
		}
	}
}

func TestControlEventsSayWhatTheWireReferenceSays(t *testing.T) {
	p, now := event.NewPosition("b7k2", 7), when
	for want, e := range map[string]*event.Event{
		`{"stream":"s","id":"b7k2-7","type":"leat.gap","time":"2024-05-01T08:00:00.001Z","data":{"after":"b7k2-1","resumedAfter":"b7k2-7","reason":"expired"}}`:    event.NewGap("s", "b7k2-1", p, event.GapExpired, now),
		`{"stream":"s","id":"b7k2-7","type":"leat.live","time":"2024-05-01T08:00:00.001Z","data":{"position":"b7k2-7"}}`:                                           event.NewLive("s", p, now),
		`{"stream":"s","id":"b7k2-7","type":"leat.heartbeat","time":"2024-05-01T08:00:00.001Z","data":{"position":"b7k2-7"}}`:                                      event.NewHeartbeat("s", p, now),
		`{"stream":"s","id":"b7k2-7","type":"leat.end","time":"2024-05-01T08:00:00.001Z","data":{"reason":"drain","position":"b7k2-7","reconnectAfterMs":1500}}`:   event.NewEnd("s", p, event.EndDrain, 1500*time.Millisecond, now),
		`{"stream":"s","type":"leat.end","time":"2024-05-01T08:00:00.001Z","data":{"reason":"slow","reconnectAfterMs":0}}`:                                         event.NewEnd("s", event.Position{}, event.EndSlow, 0, now),
		`{"stream":"s","type":"leat.gap","time":"2024-05-01T08:00:00.001Z","data":{"reason":"overflow"}}`:                                                          event.NewGap("s", "", event.Position{}, event.GapOverflow, now),
		`{"stream":"s","type":"leat.heartbeat","time":"2024-05-01T08:00:00.001Z","data":{}}`:                                                                       event.NewHeartbeat("s", event.Position{}, now),
		`{"stream":"s","id":"b7k2-7","type":"leat.gap","time":"2024-05-01T08:00:00.001Z","data":{"after":"gar\"bage","resumedAfter":"b7k2-7","reason":"unknown"}}`: event.NewGap("s", `gar"bage`, p, event.GapUnknown, now),
	} {
		if got := string(e.AppendEnvelope(nil)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		roundTrip(t, e)
	}
}

func roundTrip(t *testing.T, e *event.Event) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back event.Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	want := *e
	want.Time = e.Time.UTC().Truncate(time.Millisecond)
	if !reflect.DeepEqual(back, want) {
		t.Errorf("%s came back as %+v", text, back)
	}
}

func TestEnvelopesThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{
		`[]`, `{`, `{"type":"1"}`, `{}`, `{"type":"a","id":"garbage"}`, `{"type":"a","id":""}`, `{"type":"a","key":""}`, `{"type":"a","key":".."}`,
		`{"type":"a","time":"yesterday"}`, `{"type":7}`,
	} {
		before := shipped()
		e := before
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s is an envelope", text)
		} else if !reflect.DeepEqual(e, before) {
			t.Errorf("%s is refused and changed the event", text)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	e := shipped()
	f.Add(e.AppendEnvelope(nil))
	f.Add(event.NewGap("s", "b7k2-1", event.NewPosition("b7k2", 7), event.GapExpired, when).AppendEnvelope(nil))
	f.Add([]byte(`{"type":"a","key":"\ud800","data":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e event.Event
		if json.Unmarshal(text, &e) != nil {
			return
		}
		if !json.Valid(event.AppendString(nil, e.Stream)) {
			t.Errorf("stream %q is no JSON string", e.Stream)
		}
		if e.Stream = "orders"; e.Data == nil || e.Time.UTC().Year() > 9999 || e.Time.UTC().Year() < 0 { // those are its maker's to give
			return
		}
		roundTrip(t, &e)
	})
}
