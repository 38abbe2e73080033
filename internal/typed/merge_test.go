package typed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/typed"
)

// recursive is a stream of one event of $ref e, and schemas as JSON.
func recursive(defs ...string) string {
	return "\n  s: { events: { e: { schema: { $ref: '#/$defs/e', $defs: { " + strings.Join(defs, ", ") + " } } } } }\n"
}

func def(name, text string) string { return fmt.Sprintf("%q: %s", name, text) }

// properties gives p0, p1 and so on the schemas of a number.
func properties(n int, schema func(i int) string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"p%d": %s`, i, schema(i)))
	}
	return `"type": "object", "properties": { ` + strings.Join(all, ", ") + " }"
}

func ref(format string, args ...any) string {
	return fmt.Sprintf(`{ "$ref": "#/$defs/`+format+`" }`, args...)
}

// lasting gives the .proto, which has to be the same without a lock and with the one that it makes.
func lasting(t *testing.T, text string) string {
	t.Helper()
	lock, _ := emptyLock(t)
	proto := build(t, text).Proto("s")
	if again := evolve(t, lock, text, text).Proto("s"); again != proto {
		t.Errorf("with its own lock it is\n%.5000s\nwithout it\n%.5000s", again, proto)
	}
	return proto
}

func messages(proto string) int { return strings.Count(proto, "message ") }

// What extends a recursive schema is one message wherever both meet.
func TestWhatExtendsARecursiveSchemaIsOneMessage(t *testing.T) {
	none := messages(build(t, recursive(def("e", `{ "type": "object" }`))).Proto("s"))
	for n := 2; n <= 8; n++ {
		text := lasting(t, recursive(
			def("base", "{ "+properties(n, func(int) string { return ref("base") })+" }"),
			def("e", `{ "allOf": [`+ref("base")+", { "+properties(n, func(int) string { return ref("e") })+" }] }")))
		if got := messages(text); got != none || !strings.Contains(text, "E p1 = 2;") {
			t.Errorf("with %d recursive properties: %d messages, want E alone: %d\n%.3000s", n, got, none, text)
		}
	}
}

// Recursive schemas that meet in any order make as many messages as there are sets of them, not as there are orders.
func TestMergedSchemasAreSharedWhateverTheOrder(t *testing.T) {
	count := func(n int) int {
		defs := []string{def("a", "{ "+properties(n, func(int) string { return ref("a") })+" }"),
			def("b", "{ "+properties(n, func(i int) string { return `{ "allOf": [` + ref("b") + ", " + ref("x%d", i) + "] }" })+" }"),
			def("e", `{ "allOf": [`+ref("a")+", "+ref("b")+"] }")}
		for i := range n {
			defs = append(defs, def(fmt.Sprintf("x%d", i), fmt.Sprintf(`{ "type": "object", "properties": { "x%d": { "type": "string" } } }`, i)))
		}
		return messages(lasting(t, recursive(defs...)))
	}
	none := count(0)
	for n := 3; n <= 8; n++ {
		if got := count(n) - none; got < n || got > 2*n {
			t.Errorf("%d sets of schemas make %d messages, want one or two each", n, got)
		}
	}
}

// asyncAPI is the knot of AsyncAPI 2's own schema: a schema of schemas, extended by one whose members are extended too.
var asyncAPI = recursive(
	def("draft", `{ "type": ["object", "boolean"], "properties": { "title": { "type": "string" }, "not": `+ref("draft")+`, "if": `+ref("draft")+`,
	  "items": { "anyOf": [`+ref("draft")+`, { "type": "array", "items": `+ref("draft")+` }] }, "properties": { "type": "object", "additionalProperties": `+ref("draft")+` },
	  "allOf": { "type": "array", "items": `+ref("draft")+` }, "dependencies": { "type": "object", "additionalProperties": { "anyOf": [`+ref("draft")+`, { "type": "array" }] } } } }`),
	def("e", `{ "allOf": [`+ref("draft")+`, { "type": ["object", "boolean"], "properties": { "discriminator": { "type": "string" }, "not": `+ref("e")+`, "if": `+ref("e")+`,
	  "items": { "anyOf": [`+ref("e")+`, { "type": "array", "items": `+ref("e")+` }] }, "properties": { "type": "object", "additionalProperties": `+ref("e")+` },
	  "allOf": { "type": "array", "items": `+ref("e")+` }, "dependencies": { "type": "object", "additionalProperties": { "anyOf": [`+ref("e")+`, { "type": "array" }] } } } }] }`))

func TestASchemaOfSchemasThatIsExtendedIsSmall(t *testing.T) {
	text := lasting(t, asyncAPI)
	none := messages(build(t, recursive(def("e", `{ "type": "object" }`))).Proto("s"))
	if got := messages(text) - none; got > 12 {
		t.Errorf("%d messages\n%s", got, text)
	}
	s := build(t, asyncAPI).Service("s")
	for _, data := range []string{`true`, `{"title":"a","not":{"discriminator":"b","items":[{"discriminator":"c"},false]},"discriminator":"d"}`,
		`{"properties":{"a":{"if":{"title":"b","discriminator":"c"}}},"dependencies":{"a":["b"]}}`} {
		wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("e"), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DecodePublish(asPublishRequest(t, s, wire))
		if err != nil || differsAsJSON(t, string(got.Data), data) {
			t.Errorf("%s comes back as %s (%v)", data, got.Data, err)
		}
	}
}

func differsAsJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Fatal(err)
	}
	return !reflect.DeepEqual(x, y)
}

// A schema of which a choice leaves only some types is another message there, and each keeps its name.
func TestTwoMessagesOfOneSchemaKeepTheirNames(t *testing.T) {
	for range 20 { // what is in no order must not matter
		lasting(t, recursive(def("either", `{ "type": ["object", "boolean"], "properties": { "a": { "type": "string" } } }`),
			def("e", `{ "type": "object", "properties": { "z": { "anyOf": [`+ref("either")+`, { "type": "array" }] }, "y": `+ref("either")+`, "list": { "type": "array", "items": `+ref("either")+` } } }`)))
	}
}

// Schemas of which every subset meets are too many, and that is told before they are all made.
func TestTooManyCombinationsAreRefused(t *testing.T) {
	const n = 14
	defs := []string{def("e", "{ "+properties(n, func(i int) string { return `{ "allOf": [` + ref("e") + ", " + ref("y%d", i) + "] }" })+" }")}
	for i := range n {
		defs = append(defs, def(fmt.Sprintf("y%d", i), "{ "+properties(n, func(k int) string { return `{ "allOf": [` + ref("y%d", i) + ", " + ref("y%d", k) + "] }" })+" }"))
	}
	_, err := typed.Build(parse(t, recursive(defs...)), nil)
	if err == nil || strings.Count(err.Error(), "too many combinations for protobuf: a stream can have 20000 messages") != 1 {
		t.Errorf("got %.600v", err)
	}
}

// A lock from when each path had a message of its own keeps them all, and their types.
func TestALockKeepsTheMessagesOfEachPath(t *testing.T) {
	_, file := emptyLock(t)
	if err := os.WriteFile(file, []byte(pathsLock), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := typed.ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := lock.Assign(parse(t, recursive(
		def("base", "{ "+properties(2, func(int) string { return ref("base") })+" }"),
		def("e", `{ "allOf": [`+ref("base")+", { "+properties(2, func(int) string { return ref("e") })+" }] }"))))
	if err != nil || changed {
		t.Errorf("changed %v, %v", changed, err)
	}
}

const pathsLock = `leat-lock: 1
streams:
  s:
    events:
      e: { number: 16, name: e, type: E }
    messages:
      E:
        fields:
          p0: { number: 1, name: p0, type: E.P0 }
          p1: { number: 2, name: p1, type: E.P1 }
        additional: { number: 3, name: additional_properties, type: google.protobuf.Struct }
      E.P0:
        fields:
          p0: { number: 1, name: p0, type: E.P0 }
          p1: { number: 2, name: p1, type: E.P0.P1 }
        additional: { number: 3, name: additional_properties, type: google.protobuf.Struct }
      E.P0.P1:
        fields:
          p0: { number: 1, name: p0, type: E.P0 }
          p1: { number: 2, name: p1, type: E.P0.P1 }
        additional: { number: 3, name: additional_properties, type: google.protobuf.Struct }
      E.P1:
        fields:
          p0: { number: 1, name: p0, type: E.P1.P0 }
          p1: { number: 2, name: p1, type: E.P1 }
        additional: { number: 3, name: additional_properties, type: google.protobuf.Struct }
      E.P1.P0:
        fields:
          p0: { number: 1, name: p0, type: E.P1.P0 }
          p1: { number: 2, name: p1, type: E.P1 }
        additional: { number: 3, name: additional_properties, type: google.protobuf.Struct }
`
