package ingest_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

const (
	structured = "Content-Type: application/cloudevents+json; charset=utf-8"
	batched    = "Content-Type: application/cloudevents-batch+json"
)

func cloudEvent(id string, more ...string) string {
	return `{"specversion":"1.0","type":"order.cancelled","source":"/shop","id":"` + id + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func TestCloudEventsAreTakenInEachMode(t *testing.T) {
	s := newServer(t)
	data := `"data":{"orderId": "a", "why":[1.0]}`
	encoded := `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(`{"orderId":"a","why":[1.0]}`)) + `"`
	headers := []string{"ce-specversion: 1.0", "ce-type: order.cancelled", "ce-source: /shop", "ce-time: 2024-05-01T10:00:00Z", "ce-traceparent: %zz"}
	at := `"time":"2024-05-01T10:00:00Z"`
	for name, r := range map[string]reply{
		"structured":             s.post(t, "/events/orders", cloudEvent("1", data, at), structured),
		"with all attributes":    s.post(t, "/events/orders/a", cloudEvent("2", data, at, `"subject":"a","datacontenttype":"application/json; charset=utf-8","dataschema":null,"x":{"y":1}`), structured),
		"null is absent":         s.post(t, "/events/orders", cloudEvent("3", data, at, `"subject":null,"datacontenttype":null,"data_base64":null`), structured),
		"base64":                 s.post(t, "/events/orders", cloudEvent("4", encoded, at), structured),
		"binary":                 s.post(t, "/events/orders", `{"orderId": "a", "why":[1.0]}`, append(headers, "ce-id: 5")...),
		"binary of another JSON": s.post(t, "/events/orders", `{"orderId": "a", "why":[1.0]}`, append(headers, "ce-id: 6", "ce-subject: %61", "Content-Type: application/vnd.shop+json")...),
		"binary, quoted":         s.post(t, "/events/orders", `{"orderId": "a", "why":[1.0]}`, append(headers, `ce-id: "s\"ix%20"`)...),
	} {
		if r.Status != 201 || r.ID == "" {
			t.Errorf("%s: %d %s", name, r.Status, r.Text)
		}
	}
	entries := s.stored(t, "orders")
	if len(entries) != 7 {
		t.Errorf("%d events are stored", len(entries))
	}
	for _, e := range entries {
		if string(e.Data) != `{"orderId":"a","why":[1.0]}` || e.Key.String() != "a" || !e.Time.Equal(time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("stored: %+v", e)
		}
	}
	if r := s.post(t, "/events/orders", "["+cloudEvent("b1", data)+","+cloudEvent("b2", data)+"]", batched); r.Status != 201 || len(r.IDs) != 2 {
		t.Errorf("batch: %d %s", r.Status, r.Text)
	}
}

func TestCloudEventsThatAreRefusedSayWhy(t *testing.T) {
	s := newServer(t)
	data := `"data":{"orderId":"a"}`
	for name, tt := range map[string]struct {
		path, body string
		headers    []string
		status     int
		at, says   string
	}{
		"specversion":         {"orders", strings.Replace(cloudEvent("1", data), "1.0", "0.3", 1), []string{structured}, 422, "/specversion", `must be \"1.0\"`},
		"all missing":         {"orders", `{"data":{}}`, []string{structured}, 422, "/specversion /id /source /type", ""},
		"id empty":            {"orders", cloudEvent("", data), []string{structured}, 422, "/id", ""},
		"id no string":        {"orders", strings.Replace(cloudEvent("1", data), `"1"`, "1", 1), []string{structured}, 422, "/id", "must be a string"},
		"type unknown":        {"orders", strings.Replace(cloudEvent("1", data), "cancelled", "canceled", 1), []string{structured}, 422, "/type", "order.cancelled"},
		"no data":             {"orders", cloudEvent("1"), []string{structured}, 422, "/data", ""},
		"both data":           {"orders", cloudEvent("1", data, `"data_base64":"e30="`), []string{structured}, 422, "/data_base64", ""},
		"no base64":           {"orders", cloudEvent("1", `"data_base64":"{}"`), []string{structured}, 422, "/data_base64", ""},
		"base64 of no JSON":   {"orders", cloudEvent("1", `"data_base64":"aGk="`), []string{structured}, 400, "", "byte 0"},
		"XML":                 {"orders", cloudEvent("1", data, `"datacontenttype":"text/xml"`), []string{structured}, 415, "", "text/xml"},
		"subject differs":     {"orders", cloudEvent("1", data, `"subject":"b"`), []string{structured}, 422, "/key", "CloudEvents subject"},
		"subject, room":       {"chat/r1", `{"specversion":"1.0","type":"said","source":"/s","id":"1","subject":"r2","data":{}}`, []string{structured}, 422, "/key", ""},
		"subject empty":       {"chat", `{"specversion":"1.0","type":"said","source":"/s","id":"1","subject":"","data":{}}`, []string{structured}, 422, "/key", ""},
		"time":                {"orders", cloudEvent("1", data, `"time":"now"`), []string{structured}, 422, "/time", ""},
		"an array":            {"orders", "[" + cloudEvent("1", data) + "]", []string{structured}, 400, "", "array at byte 0"},
		"a batch of one":      {"orders", cloudEvent("1", data), []string{batched}, 400, "", "application/cloudevents+json"},
		"an empty batch":      {"orders", "[]", []string{batched}, 400, "", ""},
		"a batch, one wrong":  {"orders", "[" + cloudEvent("1", data) + "," + cloudEvent("2") + "]", []string{batched}, 422, "/1/data", ""},
		"a batch with a key":  {"orders", "[" + cloudEvent("1", data) + "]", []string{batched, "If-None-Match: *"}, 400, "", ""},
		"binary without type": {"orders", `{"orderId":"a"}`, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s"}, 422, "/type", ""},
		"binary without JSON": {"orders", `{"orderId":"a"}`, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: order.cancelled", "Content-Type: text/plain"}, 415, "", ""},
		"binary, no body":     {"orders", ``, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: order.cancelled"}, 422, "/data", ""},
		"binary, broken":      {"orders", `{"orderId":}`, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: order.cancelled"}, 400, "", "byte 11"},
		"binary, bad escape":  {"orders", `{"orderId":"a"}`, []string{"ce-specversion: 1.0", "ce-id: %z", "ce-source: /s", "ce-type: order.cancelled"}, 400, "", "ce-id"},
		"binary, twice":       {"orders", `{"orderId":"a"}`, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-id: 2", "ce-source: /s", "ce-type: order.cancelled"}, 400, "", "2 times"},
		"binary, schema":      {"orders", `{"orderId":7}`, []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: order.cancelled"}, 422, "/data/orderId", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, "/events/"+tt.path, tt.body, tt.headers...)
			var at []string
			for _, e := range r.Errors {
				at = append(at, e.Pointer)
			}
			if r.Status != tt.status || strings.Join(at, " ") != tt.at || !strings.Contains(r.Text, tt.says) {
				t.Errorf("got %d, want %d at %q saying %q: %s", r.Status, tt.status, tt.at, tt.says, r.Text)
			}
		})
	}
	if n := len(s.stored(t, "orders")) + len(s.stored(t, "chat")); n != 0 {
		t.Errorf("%d refused events are stored", n)
	}
}

func TestASubjectIsTheRoomAndNothingWithoutKeys(t *testing.T) {
	s := newServer(t)
	s.post(t, "/events/chat", `{"specversion":"1.0","type":"said","source":"/s","id":"1","subject":"a/b","data":{}}`, structured)
	s.post(t, "/events/chat", `{"specversion":"1.0","type":"said","source":"/s","id":"2","data":{}}`, structured)
	entries := s.stored(t, "chat")
	if len(entries) != 2 || entries[0].Key.String() != "a/b" || entries[1].Key.String() != "default" {
		t.Errorf("stored: %+v", entries)
	}
	if r := s.post(t, "/events/plain", `{"specversion":"1.0","type":"note","source":"/s","id":"1","subject":"x","data":{}}`, structured); r.Status != 201 {
		t.Errorf("stream without keys: %d %s", r.Status, r.Text)
	}
}

func TestSourceAndIDNameOneEvent(t *testing.T) {
	s := newServer(t)
	data := `"data":{"orderId":"a"}`
	first := s.post(t, "/events/orders", cloudEvent("1", data), structured)
	if again := s.post(t, "/events/orders", cloudEvent("1", `"data":{"orderId":"b"}`), structured); again.Status != 200 || !again.Duplicate || again.ID != first.ID {
		t.Errorf("repeat: %d %s", again.Status, again.Text)
	}
	if r := s.post(t, "/events/orders", cloudEvent("1", data), structured, "Idempotency-Key: 1"); r.Status != 201 {
		t.Errorf("the request's own key: %d %s", r.Status, r.Text)
	}
	split := strings.Replace(cloudEvent("p1", data), "/shop", "/sho", 1) // the same characters, split elsewhere
	if r := s.post(t, "/events/orders", split, structured); r.Status != 201 {
		t.Errorf("another source and id: %d %s", r.Status, r.Text)
	}
	// Of a batch each event counts by itself.
	mixed := s.post(t, "/events/orders", "["+cloudEvent("2", data)+","+cloudEvent("1", data)+","+cloudEvent("2", data)+"]", batched)
	if mixed.Status != 201 || mixed.Duplicate || len(mixed.IDs) != 3 || mixed.IDs[1] != first.ID || mixed.IDs[2] != mixed.IDs[0] {
		t.Errorf("mixed batch: %d %s", mixed.Status, mixed.Text)
	}
	if again := s.post(t, "/events/orders", "["+cloudEvent("1", data)+","+cloudEvent("2", data)+"]", batched); again.Status != 200 || !again.Duplicate ||
		again.IDs[0] != first.ID || again.IDs[1] != mixed.IDs[0] {
		t.Errorf("batch of repeats: %d %s", again.Status, again.Text)
	}
	// Ids like those of an idempotent request are not taken for one.
	for i, ids := range [][]string{{"x#0", "x#1"}, {"x#0", "x#1", "x#2"}} {
		var events []string
		for _, id := range ids {
			events = append(events, cloudEvent(id, data))
		}
		if r := s.post(t, "/events/orders", "["+strings.Join(events, ",")+"]", batched); r.Status != 201 || len(r.IDs) != 2+i {
			t.Errorf("ids %v: %d %s", ids, r.Status, r.Text)
		}
	}
	// On a stream that stores nothing there is nothing to be the same as.
	for range 2 {
		if r := s.post(t, "/events/live", `{"specversion":"1.0","type":"said","source":"/s","id":"1","data":{}}`, structured); r.Status != 202 || r.Text != "{}\n" {
			t.Errorf("durability none: %d %s", r.Status, r.Text)
		}
	}
}
