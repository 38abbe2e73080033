package ingest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// Whatever comes in gives a problem or valid records.
func FuzzPublishBody(f *testing.F) {
	for _, body := range []string{
		`{"type":"note","data":{"a": [1.0, "\u0041"]},"time":"2024-05-01T10:00:00Z"}`,
		`[{"type":"any","data":1},{"type":"note","data":{}}]`, `{"type":"said","key":"a/b","data":{}}`, `[]`, ``, `[1`, `{"a":1}x`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"note","subject":"k","data":{"a":null}}`,
		`[{"specversion":"1.0","id":"1","source":"/s","type":"any","data_base64":"e30="}]`,
		strings.Repeat("[", 20_000), `{"type":"any","data":` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + `}`,
		`{"type":"any","data":"\ud800"}`, "{\"type\":\"any\",\"data\":\"\xff\"}", `{"type":"any","type":"any","data":1e999999}`,
	} {
		for form := range forms {
			f.Add(uint8(form), body, "k")
		}
	}
	c := testContract(f)
	f.Fuzz(func(t *testing.T, form uint8, body, pathKey string) {
		header := forms[int(form)%len(forms)]
		events, _, err := ingest.Decode(header, []byte(body))
		if err != nil {
			mustBeClientProblem(t, err)
			return
		}
		for _, stream := range c.Streams {
			path, err := event.ParseKey(pathKey)
			if err != nil {
				path = event.Key{}
			}
			check := ingest.Check(stream)
			for _, e := range events {
				record, err := check(e, path)
				if err != nil {
					mustBeClientProblem(t, err)
					continue
				}
				var want bytes.Buffer
				if err := json.Compact(&want, e.Data); err != nil {
					t.Fatalf("data %q is taken, and no JSON: %v", e.Data, err)
				}
				if !bytes.Equal(record.Data, want.Bytes()) || !utf8.Valid(record.Data) || bytes.ContainsAny(record.Data, "\r\n\x00") {
					t.Fatalf("data %q was kept as %q", e.Data, record.Data)
				}
				if record.Type.IsControl() || stream.Event(record.Type.String()) == nil {
					t.Fatalf("type %q was taken", record.Type)
				}
				if record.Key.IsZero() != stream.Key.IsZero() {
					t.Fatalf("key %q on stream %s", record.Key, stream.Name)
				}
			}
		}
	})
}

var forms = []http.Header{
	{"Content-Type": {"application/json"}},
	{"Content-Type": {"application/cloudevents+json"}},
	{"Content-Type": {"application/cloudevents-batch+json; charset=UTF-8"}},
	{"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"any"}},
}

func mustBeClientProblem(t *testing.T, err error) {
	t.Helper()
	p := problem.From(err)
	if s := p.HTTP(); s < 400 || s > 499 {
		t.Fatalf("got %d, want a problem of the client's: %v", s, err)
	}
	if p.Kind == problem.Invalid && len(p.Violations) == 0 {
		t.Fatalf("422 with no pointer: %s", p.JSON())
	}
	if !json.Valid(p.JSON()) || len(p.JSON()) > 100_000 {
		t.Fatalf("problem of %d bytes: %.300s", len(p.JSON()), p.JSON())
	}
}

// Whatever is where the key should be gives a valid key, equal in text or in number, or a problem.
func FuzzKey(f *testing.F) {
	for _, value := range []string{`"a"`, `""`, `"\n"`, `"."`, `1`, `1.0`, `-0`, `1e2`, `1e999999999`, `1.5`, `null`, `[]`, `"é😀"`, `"\ud83d\ude00"`} {
		f.Add(value)
	}
	c := testContract(f)
	f.Fuzz(func(t *testing.T, value string) {
		for stream, data := range map[string]string{
			"orders":   `{"orderId":` + value + `}`,
			"counters": `{"a/b":{"n":` + value + `}}`,
		} {
			declared := c.Stream(stream)
			types := map[string]string{"orders": "order.cancelled", "counters": "counted"}
			record, err := ingest.Check(declared)(ingest.Event{Type: types[stream], Data: []byte(data)}, event.Key{})
			if err != nil {
				mustBeClientProblem(t, err)
				continue
			}
			if _, err := event.ParseKey(record.Key.String()); err != nil {
				t.Fatalf("%s gave the key %q: %v", data, record.Key, err)
			}
			again, err := ingest.Check(declared)(ingest.Event{Type: types[stream], Key: new(record.Key.String()), Data: []byte(data)}, record.Key)
			if err != nil || again.Key != record.Key {
				t.Fatalf("%s gave the key %q, and is refused with it: %v", data, record.Key, err)
			}
		}
	})
}
