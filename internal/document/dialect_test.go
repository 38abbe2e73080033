package document_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

// inOpenAPI30 gives the components of a contract with one schema.
func inOpenAPI30(t *testing.T, schema string) (*contract.Schema, map[string]any) {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { a: { events: { data: { schema: "+schema+" } } } }\n"))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	_, text := write(t, document.OpenAPI(c, document.OpenAPI30, local))
	var doc struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return c.Stream("a").Event("data").Schema, doc.Components.Schemas
}

func compact(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOpenAPI30SaysInItsWordsWhatItCan(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{`{ type: string }`, `{"type":"string"}`},
		{`true`, `{}`},
		{`false`, `{"not":{}}`},
		{`{ const: { a: 1 } }`, `{"enum":[{"a":1}]}`},
		{`{ const: a, enum: [a, b] }`, `{"enum":["a"]}`},
		{`{ type: [string, "null"] }`, `{"nullable":true,"type":"string"}`},
		{`{ exclusiveMinimum: 1, exclusiveMaximum: 2.5 }`, `{"exclusiveMaximum":true,"exclusiveMinimum":true,"maximum":2.5,"minimum":1}`},
		{`{ exclusiveMinimum: 1, minimum: 1 }`, `{"exclusiveMinimum":true,"minimum":1}`},
		{`{ minimum: 0, exclusiveMinimum: 1 }`, `{"exclusiveMinimum":true,"minimum":1}`},
		{`{ maximum: 1, exclusiveMaximum: 3 }`, `{"maximum":1}`},
		{`{ type: array }`, `{"items":{},"type":"array"}`},
		{`{ examples: [1], $comment: for us }`, `{"example":1}`},
		{`{ required: [], properties: { a: true, b: false }, additionalProperties: false }`, `{"additionalProperties":false,"properties":{"a":{},"b":{"not":{}}}}`},
		{`{ $ref: "#/$defs/a", description: d, allOf: [{ minLength: 1 }], $defs: { a: { type: string } } }`,
			`{"allOf":[{"$ref":"#/components/schemas/A"},{"minLength":1}],"description":"d"}`},
		{`{ properties: { next: { $ref: "#" } } }`, `{"properties":{"next":{"$ref":"#/components/schemas/Data"}}}`},
		{`{ default: { const: 1 }, enum: [{ const: 1 }] }`, `{"default":{"const":1},"enum":[{"const":1}]}`},
	} {
		_, components := inOpenAPI30(t, test.schema)
		if got := compact(t, components["Data"]); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.schema, got, test.want)
		}
	}
}

// What is left out must not make the rest refuse what the schema takes, and is kept in the extension.
func TestOpenAPI30LeavesOutWhatItCannotSay(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{`{ type: [string, integer, "null"] }`, `{"anyOf":[{"nullable":true,"type":"string"},{"nullable":true,"type":"integer"}]}`},
		{`{ type: [string, integer], anyOf: [{ minLength: 1 }] }`, `{"allOf":[{"anyOf":[{"minLength":1}]}],"anyOf":[{"type":"string"},{"type":"integer"}]}`},
		{`{ type: "null" }`, `{"enum":[null],"nullable":true,"type":"string"}`},
		{`{ if: { minLength: 1 }, then: { maxLength: 2 }, else: false }`, `{}`},
		{`{ prefixItems: [{ type: string }, { const: 1 }], items: false }`, `{"items":{"anyOf":[{"type":"string"},{"enum":[1]}]},"maxItems":2}`},
		{`{ prefixItems: [{ type: string }], items: { type: integer } }`, `{"items":{"anyOf":[{"type":"string"},{"type":"integer"}]}}`},
		{`{ prefixItems: [{ type: string }] }`, `{"items":{}}`},
		{`{ patternProperties: { "^a": { type: string } }, additionalProperties: false }`, `{"additionalProperties":{"type":"string"}}`},
		{`{ patternProperties: { "^a": { type: string } }, additionalProperties: { type: integer } }`, `{"additionalProperties":{"anyOf":[{"type":"string"},{"type":"integer"}]}}`},
		{`{ patternProperties: { "^a": false } }`, `{}`},
		{`{ not: { contains: { const: 1 } } }`, `{}`},
		{`{ oneOf: [{ contains: true }, { type: string }] }`, `{"anyOf":[{},{"type":"string"}]}`},
		{`{ properties: { a: { dependentRequired: { a: [b] } } } }`, `{"properties":{"a":{}}}`},
		{`{ propertyNames: { maxLength: 1 }, unevaluatedProperties: false, dependentSchemas: { a: false } }`, `{}`},
		{`{ items: { type: string, contentMediaType: application/json, contentSchema: false } }`, `{"items":{"type":"string"}}`},
	} {
		_, components := inOpenAPI30(t, test.schema)
		data, _ := components["Data"].(map[string]any)
		kept, _ := data["x-leat"].(map[string]any)
		if kept["schema"] == nil {
			t.Errorf("%s: what it was is not kept", test.schema)
		}
		delete(data, "x-leat")
		if got := compact(t, data); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.schema, got, test.want)
		}
	}
}

func TestOpenAPI30TakesAtLeastWhatTheContractTakes(t *testing.T) {
	for _, schema := range []string{
		`{ type: [string, "null"], enum: [a, null] }`, `{ type: [integer, "null"], exclusiveMinimum: 0 }`, `{ type: number, exclusiveMaximum: 1.5, maximum: 1 }`,
		`{ type: [array, object], items: { type: string }, required: [user] }`, `{ prefixItems: [{ const: a }], items: false }`, `{ type: "null" }`,
		`{ not: { type: object, patternProperties: { "^x": { type: integer } }, additionalProperties: false } }`,
		`{ oneOf: [{ type: object, propertyNames: { maxLength: 3 } }, { type: object, required: [user] }] }`,
		`{ anyOf: [{ const: 1.5 }, { if: { type: string }, then: { minLength: 1 }, else: false }] }`,
		`{ type: object, patternProperties: { "^x-": { type: integer } }, additionalProperties: { type: string } }`,
		`{ type: array, minItems: 1, contains: { const: a } }`, `{ $ref: "#/$defs/a", minLength: 1, $defs: { a: { type: string } } }`,
		`{ type: object, properties: { parent: { $ref: "#" }, order: { type: object } }, unevaluatedProperties: false }`,
	} {
		of, components := inOpenAPI30(t, schema)
		text, err := json.Marshal(map[string]any{"components": map[string]any{"schemas": in202012(components)}})
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("file:///doc", value); err != nil {
			t.Fatal(err)
		}
		compiled, err := compiler.Compile("file:///doc#/components/schemas/Data")
		if err != nil {
			t.Fatal(err)
		}
		_, lossy := components["Data"].(map[string]any)["x-leat"]
		for _, sample := range samples {
			data, err := contract.DecodeJSON(sample)
			if err != nil {
				t.Fatal(err)
			}
			got, want := compiled.Validate(data) == nil, len(of.Validate(data)) == 0
			if want && !got || !lossy && got != want {
				t.Errorf("%s: %s is valid: %v, in 3.0 %v (%s)", schema, sample, want, got, text)
			}
		}
	}
}

// in202012 reads 3.0's dialect as its specification explains it.
func in202012(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = in202012(value[i])
		}
	case map[string]any:
		for name := range value {
			if name != "enum" && name != "example" && name != "x-leat" {
				value[name] = in202012(value[name])
			}
		}
		if value["nullable"] == true {
			value["type"] = []any{value["type"], "null"}
		}
		for exclusive, inclusive := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
			if value[exclusive] == true {
				value[exclusive] = value[inclusive]
			}
		}
	}
	return value
}
