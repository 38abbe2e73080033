package contract_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/contract"
)

// schema gives a schema that stands in a contract.
func schema(t testing.TB, text string) *contract.Schema {
	t.Helper()
	c, err := contract.Parse("inline.yaml", []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\n"+
		"streams: { a: { events: { e: { schema: "+text+" } } } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Stream("a").Event("e").Schema
}

func validate(t testing.TB, s *contract.Schema, text string) []contract.Violation {
	t.Helper()
	data, err := contract.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(data)
}

func TestAViolationSaysWhereAndWhatWouldBeRight(t *testing.T) {
	for _, test := range []struct{ name, schema, data, want string }{
		{"valid", `{ type: object }`, `{}`, ""},
		{"required", `{ required: [orderId, "a/b~c"] }`, `{}`, "/a~1b~0c is required\n/orderId is required"},
		{"nested", `{ properties: { a: { items: { required: [b] } } } }`, `{"a":[{"b":1},{}]}`, "/a/1/b is required"},
		{"type", `{ type: string }`, `1`, " must be string, got number"},
		{"types", `{ type: [string, "null"] }`, `{}`, " must be null or string, got object"},
		{"enum", `{ enum: [a, b, 1, [c]] }`, `"c"`, ` must be one of "a", "b", 1, ["c"]; did you mean "a"?`},
		{"const", `{ const: { a: "<" } }`, `2`, ` must be {"a":"<"}`},
		{"format", `{ format: date-time }`, `"yesterday"`, " must match format date-time"},
		{"pattern", `{ pattern: "^a$" }`, `"b"`, ` must match pattern "^a$"`},
		{
			"not allowed", `{ properties: { orderId: true }, additionalProperties: false }`, `{"orderID":1,"x":2}`,
			"/orderID is not allowed; did you mean \"orderId\"?\n/x is not allowed",
		},
		{"unevaluated", `{ properties: { a: true }, unevaluatedProperties: false }`, `{"a":1,"b":2}`, "/b is not allowed"},
		{"false", `{ properties: { a: false } }`, `{"a":1}`, "/a is not allowed"},
		{"not", `{ not: { type: string } }`, `"a"`, " must not match the schema of not"},
		{"lengths", `{ properties: { a: { minLength: 1 }, b: { maxLength: 2 } } }`, `{"a":"","b":"äöü"}`,
			"/a must have at least 1 character, has 0\n/b must have at most 2 characters, has 3"},
		{"items", `{ properties: { a: { minItems: 2 }, b: { maxItems: 1, uniqueItems: true } } }`, `{"a":[],"b":[1,1.0]}`,
			"/a must have at least 2 items, has 0\n/b must have at most 1 item, has 2\n" +
				"/b must have no equal items: those at 0 and 1 are"},
		{"members", `{ minProperties: 2 }`, `{}`, " must have at least 2 members, has 0"},
		{"bounds", `{ properties: { a: { minimum: 1.5 }, b: { exclusiveMaximum: 12345678901234567890 }, c: { multipleOf: 0.1 } } }`,
			`{"a":1,"b":12345678901234567890,"c":0.15}`,
			"/a must be at least 1.5\n/b must be less than 12345678901234567890\n/c must be a multiple of 0.1"},
		{"exact", `{ maximum: 12345678901234567890 }`, `12345678901234567891`, " must be at most 12345678901234567890"},
		{"contains", `{ contains: { type: string } }`, `[1]`, " must have an item that matches the schema of contains"},
		{"beside", `{ dependentRequired: { a: [b] } }`, `{"a":1}`, `/b is required beside "a"`},
		{"names", `{ propertyNames: { pattern: "^a" } }`, `{"b":1}`,
			`/b is not allowed as a name: it must match pattern "^a"`},
		{"one of two types", `{ anyOf: [ { type: string }, { type: number } ] }`, `true`, " must be number or string, got boolean"},
		{"nullable", `{ properties: { a: { anyOf: [ { type: "null" }, { type: object, required: [b] } ] } } }`, `{"a":{}}`,
			"/a/b is required"},
		{"constants", `{ oneOf: [ { const: a }, { const: b } ] }`, `"c"`, ` must be one of "a", "b"`},
		{"alternatives", `{ oneOf: [ { required: [a] }, { required: [b] } ] }`, `{}`,
			" matches no schema of oneOf: /a is required; or /b is required"},
		{"both", `{ oneOf: [ true, { type: object }, { type: string } ] }`, `{}`,
			" must match only one schema of oneOf, but matches numbers 1 and 2"},
		{"allOf and $ref", `{ allOf: [ { $ref: "#/$defs/a" }, { required: [b] } ], $defs: { a: { required: [b] } } }`, `{}`,
			"/b is required"},
		{"if", `{ if: { required: [a] }, then: { required: [b] } }`, `{"a":1}`, "/b is required"},
		{"recursion", `{ properties: { child: { $ref: "#" } }, additionalProperties: false }`, `{"child":{"chidl":{}}}`,
			`/child/chidl is not allowed; did you mean "child"?`},
		{"order of indexes", `{ items: { type: string } }`, `["","","","","","","","","","",1,"",1,1]`,
			"/10 must be string, got number\n/12 must be string, got number\n/13 must be string, got number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := schema(t, test.schema)
			for range 10 { // the validator ranges over maps
				var got []string
				for _, v := range validate(t, s, test.data) {
					got = append(got, v.Pointer+" "+v.Detail)
				}
				if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Each format that a contract may name is asserted: the validator passes over those that it does not know.
func TestEveryFormatThatIsTakenIsAsserted(t *testing.T) {
	for format, wrong := range map[string]string{
		"date": "2024-02-30", "date-time": "2024-05-01", "duration": "1h", "email": "a", "hostname": "a_b-",
		"ipv4": "1.2.3", "ipv6": "1.2.3.4", "iri": "/a", "iri-reference": `a\b`, "json-pointer": "a", "period": "1h",
		"regex": "(", "relative-json-pointer": "a", "semver": "1", "time": "10:00", "uri": "/a", "uri-reference": `a\b`,
		"uri-template": "{", "uuid": "1",
	} {
		text, err := json.Marshal(wrong)
		if err != nil {
			t.Fatal(err)
		}
		if got := validate(t, schema(t, `{ format: `+format+` }`), string(text)); len(got) != 1 {
			t.Errorf("%s: %q is taken", format, wrong)
		}
	}
}

// The examples are RFC 6570's, and GitHub's.
func TestURITemplates(t *testing.T) {
	s := schema(t, `{ format: uri-template }`)
	for text, good := range map[string]bool{
		"": true, "http://www.example.com/foo{?query,number}": true, "{+path:6}/here": true, "{/list*}": true, "X{#var}": true, "{;x,y}": true,
		"https://api.github.com/users/octocat/events{/privacy}": true, "/{archive_format}{/ref}": true, "{a.b}": true, "%20{%41}": true, "ü'": true,
		"{": false, "}": false, "{}": false, "{/}": false, "{{a}}": false, "{a": false, "{a b}": false, "{a:0}": false, "{a:10000}": false, "a b": false,
		"%2": false, "{a,}": false, "{a..b}": false, "{$a}": false,
	} {
		body, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := validate(t, s, string(body)); len(got) == 0 != good {
			t.Errorf("%q: %v, want it to be good: %v", text, got, good)
		}
	}
}

func TestAListOfMistakesIsBounded(t *testing.T) {
	got := validate(t, schema(t, `{ items: { type: string } }`), "["+strings.Repeat("1,", 5000)+"1]")
	if len(got) != 100 || got[99].Pointer != "/99" {
		t.Errorf("got %d violations", len(got))
	}
}

func TestASchemaServesManyAtOnce(t *testing.T) {
	s := schema(t, `{ required: [id], properties: { id: { type: string, pattern: "^[a-z]$" } } }`)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if got := validate(t, s, `{"id":"A"}`); len(got) != 1 {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	all.Wait()
}

func TestTheJSONOfASchemaIsAsItStands(t *testing.T) {
	got := string(schema(t, `{ type: object, properties: { b: { $ref: "#/$defs/x" }, a: { maximum: 1e2 } }, $defs: { x: true } }`).JSON)
	want := `{"type":"object","properties":{"b":{"$ref":"#/$defs/x"},"a":{"maximum":1e2}},"$defs":{"x":true}}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecodeJSONTakesIJSONOnlyAndSaysWhereItIsNot(t *testing.T) {
	for _, test := range []struct {
		text string
		at   int64
	}{
		{`{"a":1,"a":2}`, 7},
		{`{"a":"\ud800"}`, 6},
		{"{\"a\":\"\xff\"}", 6},
		{`{"a":1} x`, 8},
		{`{"a":1}{}`, 7},
		{`{"a":1e999}`, 5},
		{`{"a":1e-99999999999999999999}`, 5},
		{`{"a":}`, 5},
		{`[1,`, 3},
		{``, 0},
		{`NaN`, 0},
		{`01`, 1},
	} {
		_, err := contract.DecodeJSON([]byte(test.text))
		var wrong *jsontext.SyntacticError
		if !errors.As(err, &wrong) || wrong.ByteOffset != test.at {
			t.Errorf("%s: got %v, want an error at %d", test.text, err, test.at)
		}
	}
}

// The validator panics at numbers that its exact arithmetic refuses.
func TestNumbersBeyondADoubleReachNoValidator(t *testing.T) {
	if _, err := contract.DecodeJSON([]byte(`1e9999999`)); err == nil {
		t.Error("taken")
	}
	if got := validate(t, schema(t, `{ minimum: 1 }`), `1e400`); got != nil {
		t.Errorf("1e400: %v", got)
	}
}

// The validator's exact fractions take seconds over a million digits.
func TestNumbersOfThousandsOfDigitsReachNoValidator(t *testing.T) {
	longest := "0." + strings.Repeat("7", 998)
	if got := validate(t, schema(t, `{ maximum: 1 }`), longest); got != nil {
		t.Errorf("1000 characters: %v", got)
	}
	_, err := contract.DecodeJSON([]byte(`{"a":[` + longest + `7]}`))
	var wrong *jsontext.SyntacticError
	if !errors.As(err, &wrong) || wrong.ByteOffset != 6 || !strings.Contains(err.Error(), "at most 1000 characters") {
		t.Errorf("1001 characters: %v", err)
	}
	for _, file := range []string{"inline.yaml", "inline.json"} {
		_, err = contract.Parse(file, []byte(`{ "leat": 1, "info": { "title": "T", "version": "1.0.0" }, "streams": { "a": { "events": { "e": {
 "schema": { "maximum": `+longest+`7 },
 "examples": [ `+longest+`7 ] } } } } }`))
		if err == nil || !strings.HasPrefix(err.Error(), file+":2:25: ") || !strings.Contains(err.Error(), "\n"+file+":3:16: ") ||
			strings.Count(err.Error(), "at most 1000 characters") != 2 {
			t.Errorf("got %v", err)
		}
	}
}

const (
	benchmarkSchema = `{ "type": "object", "required": ["orderId", "when"], "properties": { "orderId": { "type": "string" }, ` +
		`"when": { "type": "string", "format": "date-time" }, "items": { "type": "array", "items": { "type": "object", "required": ["sku"], ` +
		`"properties": { "sku": { "type": "string" }, "count": { "type": "integer", "minimum": 1 } } } } } }`
	benchmarkText = `{"orderId":"or_12345","when":"2024-05-01T10:00:00Z","items":[{"sku":"A-1","count":2},` +
		`{"sku":"B-2","count":1},{"sku":"C-3","count":12}],"note":"leave it at the neighbour's door, please"}`
)

func BenchmarkDecodeAndValidate(b *testing.B) {
	s := schema(b, benchmarkSchema)
	text := []byte(benchmarkText)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		data, err := contract.DecodeJSON(text)
		if err != nil || s.Validate(data) != nil {
			b.Fatal("not valid")
		}
	}
}
