package contract_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/contract"
	"pgregory.net/rapid"
)

// eventType gives the type that has a schema of JSON.
func eventType(t rapid.TB, schema string) *contract.EventType {
	t.Helper()
	c, err := contract.Parse("inline.json", []byte(`{"leat":1,"info":{"title":"T","version":"1.0.0"},"streams":{"a":{"events":{"e":{"schema":`+
		schema+`}}}}}`))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return c.Stream("a").Event("e")
}

// isValid is what DecodeJSON and the validator say, and that a flat frame can carry it.
func isValid(e *contract.EventType, text []byte) bool {
	data, err := contract.DecodeJSON(text)
	if err != nil || e.Schema.Validate(data) != nil {
		return false
	}
	object, _ := data.(map[string]any)
	_, hides := object["type"]
	return !hides || !e.Flat
}

// accepts tells whether the text is accepted, and fails where the validator does not agree.
func accepts(t rapid.TB, e *contract.EventType, text []byte) bool {
	t.Helper()
	a, ok := e.Accept(text, nil)
	if !ok {
		return false
	}
	if !isValid(e, text) {
		data, err := contract.DecodeJSON(text)
		t.Fatalf("schema %s\naccepts %q: %v, %v", e.Schema.JSON, text, err, e.Schema.Validate(data))
	}
	want := jsontext.Value(text).Clone()
	if err := want.Compact(); err != nil || string(a.JSON) != string(want) {
		t.Fatalf("accepts %q\nas  %q\nnot %q, %v", text, a.JSON, want, err)
	}
	return true
}

// These are the schemas of most contracts: what is valid is accepted at once.
func TestTheCommonKeywordsAreAcceptedAtOnce(t *testing.T) {
	for _, test := range []struct{ schema, valid, wrong string }{
		{`true`, `{"a":[1,"b"]}`, ``},
		{`false`, ``, `1`},
		{`{"type":"object","required":["a","b"],"properties":{"a":{"type":"string"}}}`, ` { "b" : null , "a" : "" } `, `{"a":""}`},
		{`{"type":["string","null"]}`, `null`, `true`},
		{`{"type":"integer"}`, `1.0`, `1.5`},
		{`{"type":"integer"}`, `1e2`, `1e-2`},
		{`{"type":"integer"}`, `123456789012345678901234567890`, `123456789012345678901234567890.5`},
		{`{"type":["integer","string"]}`, `10e-1`, `1e-400`},
		{`{"properties":{"a":true},"additionalProperties":false}`, `{"\u0061":1}`, `{"A":1}`},
		{`{"additionalProperties":{"type":"number"}}`, `{"x":1,"y":2.5}`, `{"x":"1"}`},
		{`{"enum":["a",1,null,true,1.50]}`, `1.5`, `1.51`},
		{`{"enum":["a",1,null,true]}`, `"\u0061"`, `false`},
		{`{"enum":[1,[2]]}`, `1.0`, `2`},
		{`{"const":false}`, `false`, `0`},
		{`{"const":0}`, `-0.0`, `false`},
		{`{"enum":["a","b"],"const":"b"}`, `"b"`, `"a"`},
		{`{"minimum":-1.5,"maximum":2}`, `-1.5`, `-1.51`},
		{`{"minimum":-1.5,"maximum":2}`, `2.00`, `2.000000000000000000001`},
		{`{"exclusiveMinimum":0,"exclusiveMaximum":1e30}`, `1e-30`, `-0`},
		{`{"exclusiveMinimum":0,"exclusiveMaximum":1e30}`, `999999999999999999999999999999`, `1E+30`},
		{`{"multipleOf":3}`, `-9`, `10`},
		{`{"multipleOf":0.01}`, `12.34`, `12.345`},
		{`{"multipleOf":0.03}`, `999999999999999999`, `999999999999999998`},
		{`{"multipleOf":1e18}`, `3e18`, `0.000000000000000256`},
		{`{"minLength":2,"maxLength":3}`, `"äö😀"`, `"😀"`},
		{`{"minLength":2,"maxLength":3}`, `"\ud83d\ude00\u0000"`, `"\ud83d\ude00"`},
		{`{"pattern":"^a.$"}`, `"a\u00e4"`, `"a\n"`},
		{`{"format":"date-time"}`, `"2024-05-01T10:00:00\u005a"`, `"2024-05-01"`},
		{`{"format":"uuid"}`, `7`, `"7"`},
		{`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2}`, `[ 1 , 2 ]`, `[]`},
		{`{"prefixItems":[{"type":"string"}],"items":{"type":"null"}}`, `["",null]`, `[null]`},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `[]`, `["",1]`},
		{`{"minProperties":1,"maxProperties":1}`, `{"a":{"b":{}}}`, `{}`},
		{`{"properties":{"next":{"$ref":"#"}},"required":["id"]}`, `{"id":1,"next":{"id":{}}}`, `{"id":1,"next":{}}`},
		{`{"properties":{"a":{"$ref":"#/$defs/a","title":"A"}},"$defs":{"a":{"type":"string"}}}`, `{"a":"a"}`, `{"a":1}`},
		{`{"$ref":"#/$defs/a","minimum":3,"$defs":{"a":{"type":"number","maximum":4}}}`, `3.5`, `4.5`},
		{`{"allOf":[{"properties":{"a":{"minLength":1}}},{"properties":{"a":{"maxLength":1}},"additionalProperties":{"type":"null"}}],"required":["a"]}`,
			`{"a":"x","b":null}`, `{"a":"x","b":1}`},
		{`{"allOf":[{"type":"integer"},{"type":["number","string"]}]}`, `1`, `"1"`},
		{`{"allOf":[{"type":"integer"},{"type":"string"}]}`, ``, `1`},
		{`{"allOf":[{"prefixItems":[true,{"minimum":1}]},{"items":{"maximum":2}}],"items":{"type":"integer"}}`, `[0,1,2]`, `[0,0,2]`},
		{`{"allOf":[{"minLength":2},{"minLength":1}]}`, `"ab"`, `"a"`},
		{`{"allOf":[{"maxLength":1},{"maxLength":2}]}`, `"a"`, `"ab"`},
		{`{"allOf":[{"pattern":"a"},{"pattern":"b"}]}`, `"ab"`, `"b"`},
		{`{"allOf":[{"format":"ipv4"},{"format":"hostname"}]}`, `"1.2.3.4"`, `"a.b"`},
		{`{"allOf":[{"minimum":2},{"minimum":1}]}`, `2`, `1`},
		{`{"allOf":[{"enum":[1,2]},{"enum":[2,3]}]}`, `2.0`, `3`},
		{`{"allOf":[{"additionalProperties":false},{"properties":{"a":true},"required":["b"]}]}`, `1`, `{"b":1}`},
		{`{"title":"T","description":"D","default":1,"examples":[1],"deprecated":true,"$comment":"C"}`, `1`, ``},
	} {
		e := eventType(t, test.schema)
		if test.valid != "" && !accepts(t, e, []byte(test.valid)) {
			t.Errorf("%s does not accept %s", test.schema, test.valid)
		}
		if test.wrong != "" && (isValid(e, []byte(test.wrong)) || accepts(t, e, []byte(test.wrong))) {
			t.Errorf("%s takes %s", test.schema, test.wrong)
		}
	}
}

// Whether these are valid is the validator's business alone.
func TestASchemaOfOtherKeywordsAcceptsNothing(t *testing.T) {
	for _, schema := range []string{
		`{"not":false}`, `{"anyOf":[true,false]}`, `{"oneOf":[true,false]}`, `{"if":true,"then":true}`,
		`{"uniqueItems":true}`, `{"contains":true}`, `{"patternProperties":{"a":true}}`, `{"propertyNames":true}`,
		`{"dependentRequired":{"a":["b"]}}`, `{"dependentSchemas":{"a":true}}`, `{"unevaluatedProperties":false}`,
		`{"unevaluatedItems":false}`, `{"allOf":[true,{"not":false}]}`, `{"$dynamicRef":"#a","$defs":{"a":{"$dynamicAnchor":"a"}}}`,
		`{"items":{"items":{"not":false}}}`, `{"prefixItems":[{"not":false}]}`, `{"additionalProperties":{"not":false}}`,
		`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"not":false}}}`,
	} {
		e := eventType(t, schema)
		for _, text := range []string{`[1,1]`, `{"b":1}`} {
			if accepts(t, e, []byte(text)) {
				t.Errorf("%s accepts %s", schema, text)
			}
		}
	}
}

func TestWhatIsNoIJSONIsNotAccepted(t *testing.T) {
	for _, e := range []*contract.EventType{eventType(t, `true`), eventType(t, `{"type":["object","array","string","number"],"properties":{"a":true}}`)} {
		for _, text := range []string{
			`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"b":1,"b":1}}`, `"\ud800"`, `"\udc00\ud800"`, `{"\ud800":1}`, "\"\xff\"", "{\"\xff\":1}",
			`1e401`, `[1e-401]`, `{"a":1e99999999999999999999}`, strings.Repeat("7", 1001), "", " ", `{`, `[1,`, `{"a"`, `{"a":`, `{"a":1,}`,
			`[1,]`, `[,1]`, `{,}`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `]`, `}`, `[}`, `{]`, `1 2`, `{}{}`, `01`, `+1`, `1.`, `.5`, `NaN`, `tru`,
			`"a`, "\"\n\"", `{} x`, "{}\x00", "\ufeff{}", strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
		} {
			if isValid(e, []byte(text)) || accepts(t, e, []byte(text)) {
				t.Errorf("%.100q is taken", text)
			}
		}
		deep := []byte(strings.Repeat("[", 10000) + strings.Repeat("]", 10000))
		if !accepts(t, e, deep) {
			t.Error("10,000 levels are not accepted")
		}
	}
}

func TestAMemberThatTheFlatFramingHidesIsNotAccepted(t *testing.T) {
	flat := eventType(t, `{"type":"object","properties":{"inner":{"type":"object"}}}`)
	for text, want := range map[string]bool{`{"type":1}`: false, `{"\u0074ype":1}`: false, `{"inner":{"type":1}}`: true} {
		if got := accepts(t, flat, []byte(text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if !accepts(t, eventType(t, `{"type":"object","properties":{"type":true}}`), []byte(`{"type":1}`)) {
		t.Error("a declared member is not accepted")
	}
}

func TestWhatIsAtThePointerIsGivenAsDecoded(t *testing.T) {
	e := eventType(t, `true`)
	for _, test := range []struct {
		text    string
		pointer []string
		want    any
	}{
		{`{"a":"x"}`, []string{"a"}, "x"},
		{`{"\u0061":"\u0078\n"}`, []string{"a"}, "x\n"},
		{`{"b":1,"a":{"a":1e2,"b":2},"c":3}`, []string{"a", "a"}, json.Number("1e2")},
		{`{"a":{"a":{"a":1}},"b":{"a":2}}`, []string{"b", "a"}, json.Number("2")},
		{`{"a/b":{"":"x"}}`, []string{"a/b", ""}, "x"},
	} {
		if got, ok := e.Accept([]byte(test.text), test.pointer); !ok || !cmp.Equal(got.At, test.want) {
			t.Errorf("%s at %q: got %v, %v; want %v", test.text, test.pointer, got.At, ok, test.want)
		}
	}
	for _, text := range []string{`{}`, `{"a":null}`, `{"a":true}`, `{"a":{}}`, `{"a":["x"]}`, `["x"]`, `"x"`, `{"b":{"a":1}}`} {
		if got, ok := e.Accept([]byte(text), []string{"a"}); ok {
			t.Errorf("%s: got %v", text, got.At)
		}
	}
}

func TestOneAcceptedTextDoesNotReachIntoTheNext(t *testing.T) {
	e := eventType(t, `{"properties":{"a":{"type":"string"}}}`)
	first, ok := e.Accept([]byte(`{"a":"first"}`), []string{"a"})
	if _, again := e.Accept([]byte(`{"a":1,"b":[`), nil); again || !ok {
		t.Fatal("a broken text is accepted")
	}
	second, ok := e.Accept([]byte(`{"b":"\u0041"}`), nil)
	if !ok || string(first.JSON) != `{"a":"first"}` || first.At != "first" || string(second.JSON) != `{"b":"\u0041"}` || second.At != nil {
		t.Errorf("got %s and %s", first.JSON, second.JSON)
	}
}

// A decoder remembers the names of each level that it was on, so the texts get shallower.
func TestTheNamesOfLargeTextsAreNotRemembered(t *testing.T) {
	e := eventType(t, `true`)
	var names strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&names, `"%d":0,`, i)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		for range 2 { // what is unused is forgotten after the second
			runtime.GC()
			if _, ok := e.Accept([]byte(`1`), nil); !ok {
				t.Fatal("not accepted")
			}
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for level := 50; level >= 0; level-- {
		text := strings.Repeat(`{"":`, level) + `{` + names.String() + `"":0}` + strings.Repeat(`}`, level)
		if _, ok := e.Accept([]byte(text), nil); !ok {
			t.Fatal("not accepted")
		}
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("%d MiB are kept", (after-before)>>20)
	}
}

// The validator is the judge of random schemas and of values that are nearly right.
func TestWhatIsAcceptedTheValidatorTakesToo(t *testing.T) { rapid.Check(t, checkAccept) }

func FuzzAcceptOfAnySchema(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkAccept)) }

// FuzzAccept lets the fuzzer see where the texts lead, which it cannot in generated ones.
func FuzzAccept(f *testing.F) {
	var all []*contract.EventType
	for _, schema := range []string{
		`true`,
		`{"type":"object","additionalProperties":false,"required":["a","é"],"properties":{"a":{"enum":["x",1,null]},"é":{"type":"integer","minimum":-3,"exclusiveMaximum":1e20},` +
			`"b":{"$ref":"#"},"c":{"type":["string","null"],"minLength":1,"maxLength":3,"pattern":"^[a-zä]*$"}}}`,
		`{"items":{"multipleOf":0.25,"exclusiveMinimum":-1.5,"maximum":1e3},"minItems":1,"maxItems":4}`,
		`{"additionalProperties":{"format":"date-time"},"minProperties":1,"maxProperties":3,"type":["object","integer","string"],"format":"uuid"}`,
		`{"prefixItems":[{"const":1.50},{"type":"array","items":{"$ref":"#"}}],"items":{"type":"integer"}}`,
	} {
		all = append(all, eventType(f, schema))
	}
	for i := range all {
		for _, text := range []string{`{"a":"x","é":1.0,"b":{"\u0061":null,"é":-0},"c":"ä😀"}`, `[1e0,0.25,-1.25]`, `{"a":"2024-05-01T10:00:00Z"}`,
			`"0188d2d5-7b5a-7000-8000-000000000000"`, `[1.5,[[1.5e0,[]]],12345678901234567890]`, `{"a":1,"a":1}`, `"\ud800"`, "\"\xff\"", `1e400`} {
			f.Add(uint8(i), []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, text []byte) {
		e := all[int(i)%len(all)]
		if !accepts(t, e, text) && isValid(e, text) {
			t.Errorf("schema %s\ndoes not accept %q", e.Schema.JSON, text)
		}
	})
}

// BenchmarkAccept is the counterpart of BenchmarkDecodeAndValidate.
func BenchmarkAccept(b *testing.B) {
	e := eventType(b, benchmarkSchema)
	b.SetBytes(int64(len(benchmarkText)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := e.Accept([]byte(benchmarkText), nil); !ok {
			b.Fatal("not accepted")
		}
	}
}
