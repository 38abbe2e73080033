package ingest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

const when = `"when":"2024-05-01T10:00:00Z"`

func TestAnEventIsKeptByteForByteButForWhiteSpace(t *testing.T) {
	check := ingest.Check(testContract(t).Stream("plain"))
	for in, want := range map[string]string{
		"{ \"a\" :\t1.0e+2 ,\r\n \"b\": [ ] }": `{"a":1.0e+2,"b":[]}`,
		`{"b":"\u0041\/é\ud83d\ude00","a":-0}`: `{"b":"\u0041\/é\ud83d\ude00","a":-0}`,
		` "two words " `:                       `"two words "`,
		`123456789012345678901234567890.10`:    `123456789012345678901234567890.10`,
		`null`:                                 `null`,
	} {
		record, err := check(ingest.Event{Type: "any", Data: []byte(in)}, event.Key{})
		if err != nil || string(record.Data) != want {
			t.Errorf("%s: got %s, %v; want %s", in, record.Data, err, want)
		}
	}
}

func TestWhatIsWrongWithAnEventIsToldWithItsPlace(t *testing.T) {
	c := testContract(t)
	shipped := `{"orderId":"or_1",` + when + `}`
	for name, tt := range map[string]struct {
		stream string
		event  ingest.Event
		path   string
		kind   problem.Kind
		at     string // pointers of the violations
		says   string
	}{
		"type missing":           {"orders", ingest.Event{Data: []byte(shipped)}, "", problem.Invalid, "/type", "order.shipped, order.cancelled"},
		"type unknown":           {"orders", ingest.Event{Type: "order.shiped", Data: []byte(shipped)}, "", problem.Invalid, "/type", `did you mean "order.shipped"?`},
		"type of leat's":         {"orders", ingest.Event{Type: "leat.gap", Data: []byte(shipped)}, "", problem.Invalid, "/type", `/type "leat.gap" is leat's own`},
		"type no type":           {"orders", ingest.Event{Type: "a\nb", Data: []byte(shipped)}, "", problem.Invalid, "/type", `/type "a`},
		"data missing":           {"orders", ingest.Event{Type: "order.shipped"}, "", problem.Invalid, "/data", "is required"},
		"data broken":            {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"a":}`)}, "", problem.Malformed, "", "byte 5"},
		"lone surrogate":         {"plain", ingest.Event{Type: "note", Data: []byte(`{"a":"\ud800"}`)}, "", problem.Malformed, "", "surrogate"},
		"twice the same name":    {"plain", ingest.Event{Type: "note", Data: []byte(`{"a":1,"\u0061":1}`)}, "", problem.Malformed, "", "duplicate"},
		"data empty":             {"plain", ingest.Event{Type: "note", Data: []byte{}}, "", problem.Malformed, "", "ends too early"},
		"schema":                 {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":7}`)}, "", problem.Invalid, "/data/orderId /data/when", ""},
		"not an object":          {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`7`)}, "", problem.Invalid, "/data /data/orderId", ""},
		"format":                 {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":"a","when":"now"}`)}, "", problem.Invalid, "/data/when", ""},
		"hides the type":         {"plain", ingest.Event{Type: "note", Data: []byte(`{"type":"x"}`)}, "", problem.Invalid, "/data/type", "flat"},
		"time":                   {"plain", ingest.Event{Type: "note", Time: new("yesterday"), Data: []byte(`{}`)}, "", problem.Invalid, "/time", "RFC 3339"},
		"time empty":             {"plain", ingest.Event{Type: "note", Time: new(""), Data: []byte(`{}`)}, "", problem.Invalid, "/time", ""},
		"time without zone":      {"plain", ingest.Event{Type: "note", Time: new("2024-05-01T10:00:00"), Data: []byte(`{}`)}, "", problem.Invalid, "/time", ""},
		"time with a comma":      {"plain", ingest.Event{Type: "note", Time: new("2024-05-01T10:00:00,5Z"), Data: []byte(`{}`)}, "", problem.Invalid, "/time", "RFC 3339"},
		"time never set":         {"plain", ingest.Event{Type: "note", Time: new("0001-01-01T00:00:00Z"), Data: []byte(`{}`)}, "", problem.Invalid, "/time", "between"},
		"time beyond four digit": {"plain", ingest.Event{Type: "note", Time: new("9999-12-31T23:00:00-05:00"), Data: []byte(`{}`)}, "", problem.Invalid, "/time", "between"},
		"key without keys":       {"plain", ingest.Event{Type: "note", Key: new("a"), Data: []byte(`{}`)}, "", problem.Invalid, "/key", "no keys"},
		"key in body differs":    {"orders", ingest.Event{Type: "order.shipped", Key: new("or_2"), Data: []byte(shipped)}, "", problem.Invalid, "/key", "or_1"},
		"key in path differs":    {"orders", ingest.Event{Type: "order.shipped", Data: []byte(shipped)}, "or_2", problem.Invalid, "/key", "or_1"},
		"key at pointer empty":   {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":"",` + when + `}`)}, "", problem.Invalid, "/data/orderId", "/data/orderId is not valid: a key cannot be empty"},
		"key a dot":              {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":"..",` + when + `}`)}, "", problem.Invalid, "/data/orderId", ""},
		"key with a newline":     {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":"a\nb",` + when + `}`)}, "", problem.Invalid, "/data/orderId", "U+000A"},
		"key too long":           {"orders", ingest.Event{Type: "order.shipped", Data: []byte(`{"orderId":"` + strings.Repeat("é", 129) + `",` + when + `}`)}, "", problem.Invalid, "/data/orderId", "258"},
		"room and path":          {"chat", ingest.Event{Type: "said", Key: new("b"), Data: []byte(`{}`)}, "a", problem.Invalid, "/key", ""},
		"room no key":            {"chat", ingest.Event{Type: "said", Key: new("a\nb"), Data: []byte(`{}`)}, "", problem.Invalid, "/key", `/key is not valid: key "a`},
		"room empty":             {"chat", ingest.Event{Type: "said", Key: new(""), Data: []byte(`{}`)}, "", problem.Invalid, "/key", "empty"},
		"key a fraction":         {"counters", ingest.Event{Type: "counted", Data: []byte(`{"a/b":{"n":1.5}}`)}, "", problem.Invalid, "/data/a~1b/n", ""},
		"all at once":            {"orders", ingest.Event{Type: "order.shipped", Time: new("x"), Key: new("y"), Data: []byte(`{"orderId":"or_1"}`)}, "", problem.Invalid, "/data/when /time /key", "3 places"},
		"1 MB exponent":          {"counters", ingest.Event{Type: "counted", Data: []byte(`{"a/b":{"n":1,"about":1e1000001}}`)}, "", problem.Malformed, "", "/a~1b/about"},
		"tiny exponent":          {"plain", ingest.Event{Type: "note", Data: []byte(`{"a":[0,1e-999999]}`)}, "", problem.Malformed, "", "/a/1"},
		"endless exponent":       {"plain", ingest.Event{Type: "any", Data: []byte(`1e99999999999999999999`)}, "", problem.Malformed, "", "byte 0"},
		"endless number":         {"plain", ingest.Event{Type: "any", Data: []byte(strings.Repeat("9", 2000))}, "", problem.Malformed, "", "RFC 7493"},
	} {
		t.Run(name, func(t *testing.T) {
			var path event.Key
			if tt.path != "" {
				path = event.MustKey(tt.path)
			}
			_, err := ingest.Check(c.Stream(tt.stream))(tt.event, path)
			if err == nil {
				t.Fatal("taken, want a problem")
			}
			p := problem.From(err)
			var at []string
			for _, v := range p.Violations {
				at = append(at, v.Pointer)
			}
			if p.Kind != tt.kind || strings.Join(at, " ") != tt.at {
				t.Errorf("got %d at %v, want %d at %s: %s", p.HTTP(), at, tt.kind, tt.at, p.JSON())
			}
			if !strings.Contains(string(p.JSON()), strings.ReplaceAll(tt.says, `"`, `\"`)) {
				t.Errorf("%s does not say %q", p.JSON(), tt.says)
			}
		})
	}
}

func TestKeysComeFromWhereTheContractSays(t *testing.T) {
	c := testContract(t)
	for name, tt := range map[string]struct {
		stream string
		event  ingest.Event
		path   string
		want   string
	}{
		"pointer":            {"orders", ingest.Event{Type: "order.cancelled", Data: []byte(`{"orderId":"a/b é%"}`)}, "", "a/b é%"},
		"pointer and path":   {"orders", ingest.Event{Type: "order.cancelled", Data: []byte(`{"orderId":"a"}`)}, "a", "a"},
		"pointer and body":   {"orders", ingest.Event{Type: "order.cancelled", Key: new("a"), Data: []byte(`{"orderId":"a"}`)}, "", "a"},
		"integer":            {"counters", ingest.Event{Type: "counted", Data: []byte(`{"a/b":{"n":-12}}`)}, "", "-12"},
		"integer and path":   {"counters", ingest.Event{Type: "counted", Data: []byte(`{"a/b":{"n":1.20e3}}`)}, "1200", "1200"},
		"room of the path":   {"chat", ingest.Event{Type: "said", Data: []byte(`{}`)}, "r1", "r1"},
		"room of the body":   {"chat", ingest.Event{Type: "said", Key: new("r1"), Data: []byte(`{}`)}, "", "r1"},
		"room said twice":    {"chat", ingest.Event{Type: "said", Key: new("r1"), Data: []byte(`{}`)}, "r1", "r1"},
		"no room":            {"chat", ingest.Event{Type: "said", Data: []byte(`{}`)}, "", "default"},
		"stream has no keys": {"plain", ingest.Event{Type: "note", Data: []byte(`{}`)}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var path event.Key
			if tt.path != "" {
				path = event.MustKey(tt.path)
			}
			record, err := ingest.Check(c.Stream(tt.stream))(tt.event, path)
			if err != nil || record.Key.String() != tt.want {
				t.Errorf("got %q, %v; want %q", record.Key, err, tt.want)
			}
		})
	}
}

func TestIntegersHaveOneDecimalTextHoweverWritten(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "0e999999999999": "0", "7": "7", "1.0": "1", "1e2": "100", "1E+2": "100",
		"100e-2": "1", "1.50e1": "15", "-12": "-12", "123456789012345678901234567890": "123456789012345678901234567890",
		"1e0000000000000000000001": "10", "1000e-3": "1",
	} {
		if got, ok := ingest.IntegerText(number); !ok || got != want {
			t.Errorf("%s: got %q, %v; want %q", number, got, ok, want)
		}
	}
	for _, number := range []string{"0.5", "1e-1", "15e-1", "1e256", "1e999999999", "-1e99999999999999999999", "1e-99999999999999999999"} {
		if got, ok := ingest.IntegerText(number); ok {
			t.Errorf("%s: got %q, want none", number, got)
		}
	}
}

func TestThePublishersTimeIsHonoured(t *testing.T) {
	check := ingest.Check(testContract(t).Stream("plain"))
	want := time.Date(2024, 5, 1, 10, 0, 0, 250e6, time.UTC)
	for _, text := range []string{"2024-05-01T10:00:00.250Z", "2024-05-01t12:00:00.25+02:00", "2024-05-01T10:00:00.25z"} {
		record, err := check(ingest.Event{Type: "note", Time: &text, Data: []byte(`{}`)}, event.Key{})
		if err != nil || !record.Time.Equal(want) {
			t.Errorf("%s: got %v, %v; want %v", text, record.Time, err, want)
		}
	}
}

func TestATypeDeclaredAsMemberMayBeInTheData(t *testing.T) {
	check := ingest.Check(testContract(t).Stream("plain"))
	for _, e := range []ingest.Event{
		{Type: "typed", Data: []byte(`{"type":"x"}`)},
		{Type: "any", Data: []byte(`{"type":"x"}`)},
		{Type: "note", Data: []byte(`{"inner":{"type":"x"}}`)},
	} {
		if _, err := check(e, event.Key{}); err != nil {
			t.Errorf("%s %s: %v", e.Type, e.Data, err)
		}
	}
}

func TestDataIsMeasuredAsCompactJSON(t *testing.T) {
	check := ingest.Check(testContract(t).Stream("tiny"))
	exact := `{"a":"` + strings.Repeat("x", 1024-8) + `"}`
	if _, err := check(ingest.Event{Type: "note", Data: []byte(strings.Repeat(" ", 5000) + exact)}, event.Key{}); err != nil {
		t.Errorf("1024 bytes and white space: %v", err)
	}
	_, err := check(ingest.Event{Type: "note", Data: []byte(strings.Replace(exact, "x", "xx", 1))}, event.Key{})
	if p := problem.From(err); err == nil || p.Kind != problem.TooLarge || !strings.Contains(p.Detail, "1024") || !strings.Contains(p.Detail, "reference") {
		t.Errorf("1025 bytes: got %v", err)
	}
}

func TestNamesForIdempotencyNeverMeet(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []string{"a", "a#0", "a#1", "a#end", "#", "", `"a"`, "ra", "1:ab"} {
		for _, name := range ingest.RequestNames(key, 3) {
			if other, ok := seen[name]; ok {
				t.Errorf("%q and %q share the name %q", key, other, name)
			}
			seen[name] = key
		}
	}
}

// BenchmarkCheck is what one event of 200 bytes costs before it is stored.
func BenchmarkCheck(b *testing.B) {
	check := ingest.Check(testContract(b).Stream("orders"))
	data := []byte(`{"orderId":"or_12345",` + when + `,"carrier":"post","note":"` + strings.Repeat("x", 115) + `"}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(ingest.Event{Type: "order.shipped", Data: data}, event.Key{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublishBody is what a request of one event of 200 bytes costs from its body to the record to store, against
// a schema of the common keywords.
func BenchmarkPublishBody(b *testing.B) {
	c, err := contract.Parse("leat.yaml", []byte(`leat: 1
info: { title: T, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    events:
      order.shipped:
        schema:
          type: object
          required: [orderId, when, carrier, parcels, total]
          properties:
            orderId: { type: string, pattern: "^or_[0-9]+$" }
            when: { type: string, format: date-time }
            carrier: { enum: [post, bike, ship] }
            parcels: { type: integer, minimum: 1, maximum: 1000 }
            total: { type: number, minimum: 0 }
            note: { type: string, maxLength: 200 }
`))
	if err != nil {
		b.Fatal(err)
	}
	check := ingest.Check(c.Stream("orders"))
	header := http.Header{"Content-Type": {"application/json"}}
	body := []byte(`{"type":"order.shipped","data":{"orderId":"or_12345",` + when + `,"carrier":"post","parcels":12,"total":120.50,"note":"` +
		strings.Repeat("x", 83) + `"}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		events, _, err := ingest.Decode(header, body)
		if err == nil {
			_, err = check(events[0], event.Key{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
