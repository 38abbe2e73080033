package contract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/leatstream/leat/contract"
)

// bundled writes a bundle as one schema.
func bundled(s *contract.Schema) string {
	text := string(s.Bundle.JSON)
	for i, d := range s.Bundle.Definitions {
		text += map[bool]string{true: " with ", false: ", "}[i == 0] + d.Name + " " + string(d.JSON)
	}
	return text
}

func TestABundleIsASchemaOnItsOwn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"money.json":  `{"$id":"https://x.example/money","type":"object","properties":{"amount":{"$ref":"#/$defs/amount"}},"$defs":{"amount":{"type":"integer"}}}`,
		"tree.yaml":   "type: object\nproperties: { children: { items: { $ref: '#' } }, price: { $ref: money.json } }\n",
		"anchor.json": `{"$defs":{"a":{"$anchor":"here","const":{"$ref":"#/no"}}}}`,
		"amount.json": `{"type":"string"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ schema, want string }{
		{`{ type: object }`, `{"type":"object"}`},
		{`{ $ref: money.json }`, `{"$ref":"#/$defs/money"} with money {"type":"object","properties":{"amount":{"$ref":"#/$defs/amount"}}}, amount {"type":"integer"}`},
		{`{ allOf: [{ $ref: money.json }, { $ref: "https://x.example/money#/$defs/amount" }], examples: [{ $ref: money.json }] }`,
			`{"allOf":[{"$ref":"#/$defs/money"},{"$ref":"#/$defs/amount"}],"examples":[{"$ref":"money.json"}]} with ` +
				`money {"type":"object","properties":{"amount":{"$ref":"#/$defs/amount"}}}, amount {"type":"integer"}`},
		{`{ $ref: tree.yaml }`, `{"$ref":"#/$defs/tree"} with tree {"type":"object","properties":{"children":{"items":{"$ref":"#/$defs/tree"}},"price":{"$ref":"#/$defs/money"}}}, ` +
			`money {"type":"object","properties":{"amount":{"$ref":"#/$defs/amount"}}}, amount {"type":"integer"}`},
		{`{ anyOf: [{ $ref: "money.json#/$defs/amount" }, { $ref: amount.json }] }`, `{"anyOf":[{"$ref":"#/$defs/amount"},{"$ref":"#/$defs/amount-2"}]} with amount {"type":"integer"}, amount-2 {"type":"string"}`},
		{`{ $ref: "anchor.json#here" }`, `{"$ref":"#/$defs/here"} with here {"const":{"$ref":"#/no"}}`},
		{`{ properties: { next: { $ref: "#" }, a: { $ref: "#/$defs/a%20b~1c" } }, $defs: { "a b/c": true } }`,
			`{"properties":{"next":{"$ref":"#"},"a":{"$ref":"#/$defs/a-b-c"}}} with a-b-c true`},
		{`{ $ref: "https://json-schema.org/draft/2020-12/schema" }`, `{"type":["object","boolean"],"$comment":"a schema of JSON Schema 2020-12"}`},
		{`{ items: { $dynamicRef: "#n" }, $dynamicAnchor: n }`, `{"items":{"$comment":"the contract has a $dynamicRef here"}}`},
	} {
		text := "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { a: { events: { e: { schema: " + test.schema + " } } } }\n"
		c, err := contract.Parse(filepath.Join(dir, "leat.yaml"), []byte(text))
		if err != nil {
			t.Errorf("%s: %v", test.schema, err)
			continue
		}
		if got := bundled(c.Stream("a").Event("e").Schema); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.schema, got, test.want)
		}
	}
}

// The name of a definition is that of one schema, so that documents of the whole contract can hold it once.
func TestEventTypesShareTheDefinitionsOfAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "id.json"), []byte(`{"type":"string"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := contract.Parse(filepath.Join(dir, "leat.yaml"), []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams:\n"+
		"  a: { events: { e: { schema: { $ref: '#/$defs/id', $defs: { id: { type: integer } } } }, f: { schema: { $ref: id.json } } } }\n"+
		"  b: { events: { e: { schema: { $ref: id.json } } } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := bundled(c.Stream("a").Event("e").Schema) + "; " + bundled(c.Stream("a").Event("f").Schema) + "; " + bundled(c.Stream("b").Event("e").Schema)
	want := `{"$ref":"#/$defs/id"} with id {"type":"integer"}; {"$ref":"#/$defs/id-2"} with id-2 {"type":"string"}; {"$ref":"#/$defs/id-2"} with id-2 {"type":"string"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A bundle takes what the schema takes, and refuses what it refuses.
func TestABundleMeansWhatTheSchemaMeans(t *testing.T) {
	c, err := contract.Load("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, s := range c.Streams {
		for _, e := range append(s.Events, s.Commands...) {
			compiler := jsonschema.NewCompiler()
			compiler.AssertFormat()
			if err := compiler.AddResource("file:///bundle", oneSchema(t, e.Schema)); err != nil {
				t.Fatal(err)
			}
			compiled, err := compiler.Compile("file:///bundle")
			if err != nil {
				t.Errorf("%s: %v", e.Name, err)
				continue
			}
			for _, example := range e.Examples {
				data, err := contract.DecodeJSON(example)
				if err != nil {
					t.Fatal(err)
				}
				for _, data := range []any{data, map[string]any{}, nil, "text", json.Number("1"), []any{}} {
					checked++
					if got, want := compiled.Validate(data) == nil, e.Schema.Validate(data) == nil; got != want {
						t.Errorf("%s: the bundle takes %v: %v, the schema: %v", e.Name, data, got, want)
					}
				}
			}
		}
	}
	if checked == 0 {
		t.Error("the contract has no example")
	}
}

func TestABundleOfAnySchemaMeansTheSame(t *testing.T) { rapid.Check(t, checkBundle) }

// oneSchema writes a bundle as a schema that has its definitions within.
func oneSchema(t rapid.TB, s *contract.Schema) any {
	t.Helper()
	var text strings.Builder
	root := string(s.Bundle.JSON)
	switch root {
	case "true", "{}":
		root = "{ "
	case "false":
		root = `{"not":{}}`
	}
	text.WriteString(root[:len(root)-1])
	if len(root) > 2 {
		text.WriteString(",")
	}
	text.WriteString(`"$defs":{`)
	for i, d := range s.Bundle.Definitions {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString(strconv.Quote(d.Name) + ":" + string(d.JSON))
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text.String() + "}}"))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
