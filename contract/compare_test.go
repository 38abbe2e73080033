package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/contract"
	"pgregory.net/rapid"
)

// typesOf gives a contract with one event and one command of a schema.
func typesOf(t rapid.TB, schema string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("leat.json", []byte(`{"leat":1,"info":{"title":"T","version":"1.0.0"},"streams":{"s":{"events":{"e":{"schema":`+
		schema+`}},"commands":{"c":{"schema":`+schema+`}},"backend":{"url":"http://127.0.0.1:1"}}}}`))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return c
}

// verdict is what the changes of the event, or of the command, break.
func verdict(changes contract.Changes, event bool) string {
	var breaks contract.Audience
	some := false
	for _, c := range changes.List {
		if (c.Event != "") == event {
			breaks |= c.Breaks
			some = true
		}
	}
	if !some {
		return "unchanged"
	}
	return breaks.String()
}

func told(changes contract.Changes) string {
	var lines strings.Builder
	for _, c := range changes.List {
		lines.WriteString(c.String() + "\n")
	}
	return lines.String()
}

const (
	same      = "unchanged"
	fine      = "nobody"
	consumers = "consumers"
	producers = "producers"
	both      = "consumers and producers"
)

func TestASchemaThatChangesIsJudgedInTheRightDirection(t *testing.T) {
	for _, test := range []struct{ old, now, event, command string }{
		// Types.
		{`{"type":"string"}`, `{"type":"string"}`, same, same},
		{`{"type":"string"}`, `{"type":"integer"}`, both, producers},
		{`{"type":"integer"}`, `{"type":"number"}`, consumers, fine},
		{`{"type":"number"}`, `{"type":"integer"}`, producers, producers},
		{`{"type":"string"}`, `{"type":["string","null"]}`, consumers, fine},
		{`{"type":["string","null"]}`, `{"type":"string"}`, producers, producers},
		{`{"type":"string"}`, `true`, consumers, fine},
		{`{}`, `{"type":"string"}`, producers, producers},
		{`true`, `{}`, same, same},
		{`{"type":["null","string"]}`, `{"type":["string","null"]}`, same, same},
		{`{"type":["integer","number"]}`, `{"type":"number"}`, same, same},
		{`{"type":"number","multipleOf":1}`, `{"type":"integer"}`, same, same},
		{`true`, `false`, producers, producers},
		{`false`, `true`, consumers, fine},

		// Members.
		{`{"type":"object"}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, fine, fine},
		{`{"type":"object"}`, `{"type":"object","properties":{"a":true}}`, fine, fine},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object"}`, consumers, producers},
		{`{"type":"object","properties":{"a":true}}`, `{"type":"object"}`, consumers, producers},
		{`{"type":"object"}`, `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, producers, producers},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, producers, producers},
		{`{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, consumers, fine},
		{`{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, `{"type":"object"}`, consumers, producers},
		{`{"properties":{"a":{"type":"string"}}}`, `{"properties":{"b":{"type":"string"}}}`, consumers, producers},
		{`{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":{"type":"integer"}}}`, both, producers},
		{`{"properties":{"a":{"properties":{"b":{"minimum":1}}}}}`, `{"properties":{"a":{"properties":{"b":{"minimum":2}}}}}`, producers, producers},
		{`{"required":["a"]}`, `{"required":["a","b"]}`, producers, producers},
		{`{"required":["a","b"]}`, `{"required":["b","a"]}`, same, same},
		{`{"properties":{"a":true}}`, `{"properties":{"a":false}}`, producers, producers},
		{`{"properties":{"a":false}}`, `{}`, consumers, fine},
		{`{}`, `{"properties":{"a":false}}`, producers, producers},

		// Members that nothing declares.
		{`{"additionalProperties":false}`, `{"additionalProperties":false,"properties":{"a":{"type":"string"}}}`, consumers, fine},
		{`{"additionalProperties":false,"properties":{"a":true}}`, `{"additionalProperties":false}`, both, producers},
		{`{"additionalProperties":false}`, `{}`, consumers, fine},
		{`{}`, `{"additionalProperties":false}`, producers, producers},
		{`{"additionalProperties":true}`, `{}`, same, same},
		{`{"additionalProperties":true}`, `{"additionalProperties":true,"properties":{"a":{"type":"string"}}}`, fine, fine},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":["string","null"]}}`, consumers, fine},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":"string"},"properties":{"a":{"type":"string"}}}`, same, same},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":"string"},"properties":{"a":{"type":"string","maxLength":3}}}`, producers, producers},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":"string"},"properties":{"a":{"type":"integer"}}}`, both, producers},
		{`{"properties":{"a":true},"additionalProperties":false}`, `{"properties":{"a":true},"unevaluatedProperties":false}`, same, same},
		{`{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"properties":{"a":true},"additionalProperties":false}`, same, same},
		{`{"if":{"properties":{"a":true,"n":false}},"then":{"minProperties":1}}`, `{"if":{"properties":{"a":{},"n":{"not":{}}}},"then":{"minProperties":1}}`, same, same},
		{`{"if":{"properties":{"a":{"title":"A"},"n":false}},"then":{"minProperties":1}}`, `{"if":{"properties":{"a":true,"n":{"not":true}}},"then":{"minProperties":1}}`, same, same},
		{`{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"allOf":[{"properties":{"a":true,"b":true}}],"unevaluatedProperties":false}`, consumers, fine},
		{`{"patternProperties":{"^x-":{"type":"string"}}}`, `{"patternProperties":{"^x-":{"type":"string","maxLength":9}}}`, producers, producers},
		{`{"patternProperties":{"^x-":{"type":"string"}}}`, `{}`, consumers, fine},
		{`{"patternProperties":{"^x-":{"type":"string"}}}`, `{"patternProperties":{"^x-":{"type":"string"}},"properties":{"x-a":{"type":"string"}}}`, same, same},
		{`{"propertyNames":{"maxLength":5}}`, `{"propertyNames":{"maxLength":9}}`, consumers, fine},
		{`{}`, `{"propertyNames":{"maxLength":9}}`, producers, producers},
		{`{"minProperties":1}`, `{"minProperties":2}`, producers, producers},
		{`{"maxProperties":1}`, `{"maxProperties":2}`, consumers, fine},
		{`{}`, `{"minProperties":0}`, same, same},
		{`{}`, `{"dependentRequired":{"a":["b"]}}`, producers, producers},
		{`{"dependentRequired":{"a":["b","c"]}}`, `{"dependentRequired":{"a":["b"]}}`, consumers, fine},
		{`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"dependentSchemas":{"a":{"required":["b","c"]}}}`, producers, producers},
		{`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{}`, consumers, fine},

		// Values.
		{`{"enum":["a"]}`, `{"enum":["a","b"]}`, consumers, fine},
		{`{"enum":["a","b"]}`, `{"enum":["b"]}`, producers, producers},
		{`{"enum":["a","b"]}`, `{"enum":["b","a"]}`, same, same},
		{`{"enum":["a","b"]}`, `{"enum":["a","c"]}`, both, producers},
		{`{"enum":["a"]}`, `{"const":"a"}`, same, same},
		{`{"const":1}`, `{"const":1.0}`, same, same},
		{`{"const":"a"}`, `{"const":"b"}`, both, producers},
		{`{"enum":["a","b"]}`, `{"type":"string"}`, consumers, fine},
		{`{"type":"string"}`, `{"enum":["a","b"]}`, producers, producers},
		{`{"type":"string"}`, `{"enum":["a",1]}`, both, producers},
		{`{"type":"string","enum":["a"]}`, `{"type":["string","null"],"enum":["a",null]}`, consumers, fine},
		{`{"enum":[true,false]}`, `{"type":"boolean"}`, same, same},
		{`{"type":"boolean"}`, `{"const":true}`, producers, producers},

		// Numbers.
		{`{"type":"integer","minimum":1}`, `{"type":"integer","minimum":0}`, consumers, fine},
		{`{"type":"integer","minimum":0}`, `{"type":"integer","minimum":1}`, producers, producers},
		{`{"maximum":10}`, `{"maximum":20}`, consumers, fine},
		{`{"maximum":10}`, `{}`, consumers, fine},
		{`{}`, `{"exclusiveMaximum":10}`, producers, producers},
		{`{"type":"number","exclusiveMinimum":0}`, `{"type":"number","minimum":0}`, consumers, fine},
		{`{"type":"integer","exclusiveMinimum":0}`, `{"type":"integer","minimum":1}`, same, same},
		{`{"type":"integer","maximum":1.5}`, `{"type":"integer","exclusiveMaximum":2}`, same, same},
		{`{"type":"integer","minimum":-1.5}`, `{"type":"integer","minimum":-1}`, same, same},
		{`{"minimum":1,"maximum":9}`, `{"minimum":0,"maximum":8}`, both, producers},
		{`{"multipleOf":2}`, `{"multipleOf":4}`, producers, producers},
		{`{"multipleOf":4}`, `{"multipleOf":2}`, consumers, fine},
		{`{"multipleOf":2}`, `{"multipleOf":3}`, both, producers},
		{`{"multipleOf":0.01}`, `{}`, consumers, fine},
		{`{"type":"string","minimum":1}`, `{"type":"string"}`, same, same},

		// Strings.
		{`{"type":"string","maxLength":10}`, `{"type":"string","maxLength":20}`, consumers, fine},
		{`{"type":"string","maxLength":20}`, `{"type":"string","maxLength":10}`, producers, producers},
		{`{"type":"string"}`, `{"type":"string","minLength":1}`, producers, producers},
		{`{"type":"string"}`, `{"type":"string","pattern":"^a"}`, producers, producers},
		{`{"type":"string","pattern":"^a"}`, `{"type":"string"}`, consumers, fine},
		{`{"type":"string","pattern":"^a"}`, `{"type":"string","pattern":"^b"}`, both, producers},
		{`{"type":"string","format":"date-time"}`, `{"type":"string"}`, consumers, fine},
		{`{"type":"string","format":"date-time"}`, `{"type":"string","format":"date"}`, both, producers},
		{`{"type":"string"}`, `{"type":"string","contentEncoding":"base64"}`, both, producers},

		// Arrays.
		{`{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":{"type":"number"}}`, both, producers},
		{`{"type":"array","items":{"maximum":1}}`, `{"type":"array","items":{"maximum":2}}`, consumers, fine},
		{`{"type":"array"}`, `{"type":"array","items":{"type":"string"}}`, producers, producers},
		{`{"maxItems":3}`, `{"maxItems":4}`, consumers, fine},
		{`{"minItems":3}`, `{"minItems":4}`, producers, producers},
		{`{}`, `{"uniqueItems":true}`, producers, producers},
		{`{"uniqueItems":true}`, `{"uniqueItems":false}`, consumers, fine},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `{"prefixItems":[{"type":"string"},{"type":"number"}],"items":false}`, consumers, fine},
		{`{"prefixItems":[{"type":"string"}],"items":{"type":"string"}}`, `{"items":{"type":"string"}}`, same, same},
		{`{"contains":{"minimum":2}}`, `{"contains":{"minimum":1}}`, consumers, fine},
		{`{"contains":{"minimum":2}}`, `{}`, consumers, fine},
		{`{"contains":{"minimum":2},"minContains":2}`, `{"contains":{"minimum":2},"minContains":3}`, both, producers},

		// Schemas of schemas.
		{`{"type":"string"}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, consumers, fine},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"type":["string","null"]}`, same, same},
		{`{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"type":["null","string"]}`, same, same},
		{`{"oneOf":[{"type":"string","maxLength":5},{"type":"integer"}]}`, `{"oneOf":[{"type":"integer"},{"type":"string","maxLength":5}]}`, same, same},
		{`{"anyOf":[{"const":"a"},{"const":"b"}]}`, `{"enum":["a","b"]}`, same, same},
		{`{"type":"object","oneOf":[{"required":["k"],"properties":{"k":{"const":"a"}}},{"required":["k"],"properties":{"k":{"const":"b"}}}]}`,
			`{"type":"object","oneOf":[{"required":["k"],"properties":{"k":{"const":"a"}}},{"required":["k"],"properties":{"k":{"const":"b"}}},{"required":["k"],"properties":{"k":{"const":"c"}}}]}`, consumers, fine},
		{`{"type":"object","oneOf":[{"required":["k"],"properties":{"k":{"const":"a"}}},{"required":["k"],"properties":{"k":{"const":"b"}}}]}`,
			`{"type":"object","oneOf":[{"required":["k"],"properties":{"k":{"const":"b"}}},{"required":["k"],"properties":{"k":{"const":"a"},"new":{"type":"string"}}}]}`, fine, fine},
		{`{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, `{"oneOf":[{"required":["a"]},{"required":["b"]},{"required":["c"]}]}`, both, producers},
		{`{"oneOf":[{"maximum":5},{"minimum":3}]}`, `{"oneOf":[{"maximum":5},{"minimum":3}]}`, same, same},
		{`{"oneOf":[{"maximum":5},{"minimum":3}]}`, `{"oneOf":[{"maximum":5},{"minimum":4}]}`, both, producers},
		{`{"anyOf":[{"maximum":5},{"minimum":9}]}`, `{"anyOf":[{"maximum":4},{"minimum":9}]}`, producers, producers},
		{`{"anyOf":[{"maximum":5},{"minimum":9}]}`, `{"maximum":5}`, producers, producers},
		{`{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"type":"object","required":["b"]}]}`,
			`{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"type":"object","required":["b"]}]}`, same, same},
		{`{"allOf":[{"minimum":1},{"maximum":5}]}`, `{"minimum":1,"maximum":5}`, same, same},
		{`{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{"allOf":[{"required":["a"]}]}`, consumers, fine},
		{`{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`, `{"type":"string"}`, same, same},
		{`{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`, `{"$ref":"#/$defs/x","$defs":{"x":{"type":"string","maxLength":5}}}`, producers, producers},
		{`{"type":"object","properties":{"next":{"$ref":"#"}}}`, `{"type":"object","properties":{"next":{"$ref":"#"}}}`, same, same},
		{`{"type":"object","properties":{"n":{"maximum":1},"next":{"$ref":"#"}}}`, `{"type":"object","properties":{"n":{"maximum":2},"next":{"$ref":"#"}}}`, consumers, fine},
		{`{"not":{"type":"string"}}`, `{"not":{"type":"string"}}`, same, same},
		{`{}`, `{"not":{"required":["a"]}}`, producers, producers},
		{`{"not":{"required":["a"]}}`, `{"not":{"required":["a","b"]}}`, consumers, fine},
		{`{"not":{"minProperties":1,"additionalProperties":{"type":"string"}}}`, `{"not":{"minProperties":1}}`, producers, producers},
		{`{"not":{"additionalProperties":false}}`, `{"not":{"additionalProperties":{"type":"string"}}}`, producers, producers},
		{`{"not":{"required":["a","b"]}}`, `{"not":{"required":["a"]}}`, producers, producers},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"if":{"required":["a"]},"then":{"required":["b"]}}`, same, same},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"if":{"required":["a"]},"then":{"required":["b","c"]}}`, producers, producers},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"if":{"required":["z"]},"then":{"required":["b"]}}`, both, producers},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{}`, consumers, fine},

		// What is said.
		{`{"description":"A"}`, `{"description":"B"}`, fine, fine},
		{`{"properties":{"a":{"title":"A"}}}`, `{"properties":{"a":{"title":"B","deprecated":true}}}`, fine, fine},
		{`{"$comment":"A"}`, `{"$comment":"B","$defs":{"x":true}}`, same, same},
	} {
		changes := contract.Compare(typesOf(t, test.old), typesOf(t, test.now))
		if got := verdict(changes, true); got != test.event {
			t.Errorf("event %s → %s\nbreaks %s, want %s:\n%s", test.old, test.now, got, test.event, told(changes))
		}
		if got := verdict(changes, false); got != test.command {
			t.Errorf("command %s → %s\nbreaks %s, want %s:\n%s", test.old, test.now, got, test.command, told(changes))
		}
	}
}

// streams gives a contract of YAML.
func streams(t *testing.T, version, text string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte("leat: 1\ninfo: { title: T, version: "+version+" }\nstreams:\n"+text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func TestAPromiseThatChangesIsJudged(t *testing.T) {
	const events = "events: { e: { schema: { type: object, required: [id, no], properties: { id: { type: string }, no: { type: string } } } } }"
	stream := func(rest string) string { return "  s: { " + rest + events + " }\n" }
	const backend = "backend: { url: http://127.0.0.1:1 }, "
	for _, test := range []struct{ old, now, want string }{
		{stream(""), stream(""), ""},
		{stream(""), stream("") + "  new: { " + events + " }\n", `5:8: compatible: stream "new": is new`},
		{stream("") + "  old: { " + events + " }\n", stream(""), `4:3: breaking for consumers and producers: stream "old": is removed`},
		{stream(""), stream("heartbeat: 30s, coalesce: 5ms, "), `4:19: compatible: stream "s": heartbeat: 15s → 30s
4:34: compatible: stream "s": coalesce: 0s → 5ms`},
		{stream("key: /id, "), stream("key: /no, "), `4:13: breaking for consumers and producers: stream "s": key: /id → /no`},
		{stream(""), stream("key: path, "), `4:13: breaking for consumers and producers: stream "s": key: none → path`},
		{stream("key: /id, "), stream("key: /id, mode: state, "), `4:24: breaking for consumers: stream "s": mode: events → state`},
		{stream("transports: [sse, grpc], "), stream("transports: [sse, websocket], "), `4:20: breaking for consumers: stream "s": can no longer be subscribed over grpc
4:20: compatible: stream "s": can also be subscribed over websocket`},
		{stream(""), stream("durability: memory, "), `4:20: breaking for consumers and producers: stream "s": durability: disk → memory`},
		{stream("durability: memory, "), stream(""), `4:6: compatible: stream "s": durability: memory → disk`},
		{stream("durability: none, "), stream("durability: memory, "), `4:20: compatible: stream "s": durability: none → memory
4:6: compatible: stream "s": slow: skip → replay`},
		{stream(""), stream("slow: skip, "), `4:14: breaking for consumers: stream "s": slow: replay → skip`},
		{stream("slow: skip, "), stream(""), `4:6: compatible: stream "s": slow: skip → replay`},
		{stream(""), stream("maxEventBytes: 1KiB, "), `4:23: breaking for producers: stream "s": maxEventBytes: 64KiB → 1KiB`},
		{stream(""), stream("maxEventBytes: 1MiB, "), `4:23: compatible: stream "s": maxEventBytes: 64KiB → 1MiB`},
		{stream(""), stream("retention: { age: 1h, events: 5, bytes: 2GiB }, "), `4:19: compatible: stream "s": retention.age: 24h → 1h (less for a client that was away: it is told by a leat.gap)
4:19: compatible: stream "s": retention.bytes: 1GiB → 2GiB
4:19: compatible: stream "s": retention.events: no bound → 5 (less for a client that was away: it is told by a leat.gap)`},
		{stream(""), stream("access: { subscribe: authenticated }, "), `4:16: compatible: stream "s": access: none → subscribe: authenticated (whoever is kept out by it is not told by this comparison)`},
		{stream(backend), stream("backend: { url: http://127.0.0.1:2 }, "), ""},
		{stream(backend), stream("backend: { url: http://127.0.0.1:1, timeout: 1s }, "), `4:17: compatible: stream "s": backend changed`},
		{stream(backend), stream("backend: { url: http://127.0.0.1:1, lifecycle: true }, "), `4:17: compatible: stream "s": backend changed`},
		{stream(""), stream(backend + "commands: { c: { schema: {} } }, "), `4:17: compatible: stream "s": backend changed
4:61: compatible: stream "s": command "c": is new`},
		{stream(backend + "commands: { c: { schema: {} }, d: { schema: {} } }, "), stream(backend + "commands: { d: { schema: {} } }, "),
			`4:56: breaking for producers: stream "s": command "c": is removed`},
		{stream(""), "  s: { events: { f: { schema: { type: object } } } }\n", `4:21: compatible: stream "s": event "f": is new
4:16: breaking for consumers and producers: stream "s": event "e": is removed`},
		{"  s: { events: { e: { schema: { type: object } } } }\n", "  s: { events: { e: { schema: { type: object, properties: { type: { type: string } } } } } }\n",
			`4:21: breaking for consumers and producers: stream "s": event "e": the flat WebSocket framing no longer puts the members of the data beside type: that needs type: object, and no member type
4:67: compatible: stream "s": event "e": /type is new, optional`},
		{"  s: { events: { e: { schema: {} } } }\n", "  s: { summary: S, events: { e: { summary: S, schema: {}, examples: [1] } } }\n", `4:17: compatible: stream "s": texts changed
4:33: compatible: stream "s": event "e": texts or examples changed`},
		{"  s: { events: { e: { schema: {} } } }\n", "  s: { events: { e: { deprecated: true, schema: {} } } }\n", `4:21: compatible: stream "s": event "e": deprecated: false → true`},
	} {
		got := strings.ReplaceAll(strings.TrimSpace(told(contract.Compare(streams(t, "1.0.0", test.old), streams(t, "1.0.0", test.now)))), "leat.yaml:", "")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s→\n%s(-want +got):\n%s", test.old, test.now, diff)
		}
	}
}

func TestTheVersionSaysWhatChanged(t *testing.T) {
	const (
		stream = "  s: { events: { e: { schema: {} } } }\n"
		text   = "  s: { summary: S, events: { e: { schema: {} } } }\n"
		more   = stream + "  t: { events: { e: { schema: {} } } }\n"
		other  = "  t: { events: { e: { schema: {} } } }\n"
	)
	for _, test := range []struct {
		from, to, now string
		bump          contract.Bump
		wants         string
		enough        bool
	}{
		{"1.2.3", "1.2.3", stream, contract.Unchanged, "1.2.3", true},
		{"1.2.3", "1.2.3", text, contract.Patch, "1.2.4", false},
		{"1.2.3", "1.2.4", text, contract.Patch, "1.2.4", true},
		{"1.2.3", "1.2.4", more, contract.Minor, "1.3.0", false},
		{"1.2.3", "1.3.0", more, contract.Minor, "1.3.0", true},
		{"1.2.3", "2.0.0", more, contract.Minor, "1.3.0", true},
		{"1.2.3", "1.3.0", other, contract.Major, "2.0.0", false},
		{"1.2.3", "2.0.0-rc.1", other, contract.Major, "2.0.0", true},
		{"1.2.3", "0.9.0", more, contract.Minor, "1.3.0", false},
		{"0.2.3", "0.3.0", other, contract.Minor, "0.3.0", true},
		{"0.2.3", "0.2.4", other, contract.Minor, "0.3.0", false},
		{"0.2.3", "0.2.4", more, contract.Patch, "0.2.4", true},
		{"2.0.0-rc.1", "2.0.0-rc.2", other, contract.Major, "3.0.0", true},
		{"2.0.0-rc.1", "2.0.0-rc.1", other, contract.Major, "3.0.0", false},
		{"2.0.0-rc.1", "1.9.0", other, contract.Major, "3.0.0", false},
	} {
		changes := contract.Compare(streams(t, test.from, stream), streams(t, test.to, test.now))
		if changes.Bump() != test.bump || changes.Wants() != test.wants || changes.Enough() != test.enough {
			t.Errorf("%s → %s: got %s, %s, enough %t; want %s, %s, %t:\n%s", test.from, test.to, changes.Bump(), changes.Wants(), changes.Enough(),
				test.bump, test.wants, test.enough, told(changes))
		}
	}
}

func TestADifferenceIsToldAtItsPlace(t *testing.T) {
	schema := func(text string) *contract.Contract {
		return streams(t, "1.0.0", "  s:\n    events:\n      e:\n        schema:\n"+text)
	}
	old := schema(`          type: object
          properties:
            lines:
              type: array
              items:
                type: object
                required: [a/b]
                properties:
                  a/b: { type: string, maxLength: 10 }
                  kind: { enum: [x, y] }
`)
	now := schema(`          type: object
          properties:
            lines:
              type: array
              items:
                $ref: "#/$defs/line"
          $defs:
            line:
              type: object
              properties:
                a/b: { type: string, maxLength: 20 }
                kind: { enum: [x, z] }
`)
	want := `leat.yaml:18:38: breaking for consumers: stream "s": event "e": /lines/*/a~1b maxLength: 10 → 20
leat.yaml:18:22: breaking for consumers: stream "s": event "e": /lines/*/a~1b is no longer required
leat.yaml:19:25: breaking for consumers: stream "s": event "e": /lines/*/kind can also be "z"
leat.yaml:19:25: breaking for producers: stream "s": event "e": /lines/*/kind can no longer be "y"
`
	if diff := cmp.Diff(want, told(contract.Compare(old, now))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Many ways to be valid make very many pairs to compare: that has an end.
func TestEntangledSchemasAreComparedInTime(t *testing.T) {
	entangled := func(limit int) string {
		var defs []string
		for i := range 8 {
			var branches []string
			for j := range 8 {
				branches = append(branches, fmt.Sprintf(`{"type":"object","required":["k%d"],"properties":{"k%d":{"$ref":"#/$defs/x%d"},"n":{"maximum":%d}}}`, j, j, j, limit+j))
			}
			defs = append(defs, fmt.Sprintf(`"x%d":{"anyOf":[%s]}`, i, strings.Join(branches, ",")))
		}
		return `{"$ref":"#/$defs/x0","$defs":{` + strings.Join(defs, ",") + `}}`
	}
	if got := verdict(contract.Compare(typesOf(t, entangled(1)), typesOf(t, entangled(2))), true); got != consumers && got != both {
		t.Errorf("breaks %s", got)
	}
}
