package document_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

func TestATypeWithoutAnExampleGetsOneFromItsSchema(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{`{ type: object, required: [b, a], properties: { a: { type: string }, b: { type: integer }, c: {} } }`, `{"b":1,"a":"text"}`},
		{`true`, `{}`},
		{`false`, ``},
		{`{ type: [\"null\", string], format: date-time }`, `"2024-05-01T10:00:00Z"`},
		{`{ type: \"null\" }`, `null`},
		{`{ enum: [x, y] }`, `"x"`},
		{`{ const: { n: 1 } }`, `{"n":1}`},
		{`{ type: string, pattern: \"^[0-9]+$\" }`, ``},
		{`{ type: number, exclusiveMinimum: 2.5, maximum: 10 }`, `3`},
		{`{ type: integer, minimum: 2.5 }`, `3`},
		{`{ type: integer, exclusiveMinimum: 3 }`, `4`},
		{`{ type: integer, maximum: -1.5 }`, `-2`},
		{`{ type: integer, exclusiveMaximum: 0 }`, `-1`},
		{`{ type: array, items: { type: boolean } }`, `[true]`},
		{`{ type: array, prefixItems: [{ type: string }, { const: 2 }], items: false }`, `["text",2]`},
		{`{ $ref: \"#/$defs/a\", required: [y], $defs: { a: { type: object, required: [x], properties: { x: { const: 1 } } } } }`, `{"x":1,"y":{}}`},
		{`{ allOf: [{ required: [x], properties: { x: { const: 1 } } }, { required: [y], properties: { y: { const: 2 } } }] }`, `{"x":1,"y":2}`},
		{`{ oneOf: [{ type: integer }, { type: string }] }`, `1`},
		{`{ type: object, required: [next], properties: { next: { $ref: \"#\" } } }`, ``},
		{`{ type: object, required: [children], properties: { children: { type: array, items: { $ref: \"#\" } } } }`, ``},
		{`{ type: object, required: [k], additionalProperties: { type: integer } }`, `{"k":1}`},
	} {
		var schema string
		if err := json.Unmarshal([]byte(`"`+test.schema+`"`), &schema); err != nil {
			t.Fatal(err)
		}
		c, err := contract.Parse("leat.yaml", []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { a: { events: { data: { schema: "+schema+" } } } }\n"))
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		_, text := write(t, document.OpenAPI(c, document.DefaultOpenAPI, local))
		var doc struct {
			Paths map[string]struct {
				Post struct {
					RequestBody struct {
						Content map[string]struct {
							Examples map[string]struct {
								Value json.RawMessage
								Leat  struct{ Made bool } `json:"x-leat"`
							}
						}
					}
				}
			}
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		example, ok := doc.Paths["/events/a"].Post.RequestBody.Content["application/json"].Examples["data"]
		var sent struct{ Data json.RawMessage }
		if ok {
			if err := json.Unmarshal(example.Value, &sent); err != nil {
				t.Fatal(err)
			}
		}
		var got bytes.Buffer
		if len(sent.Data) > 0 {
			if err := json.Compact(&got, sent.Data); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != test.want || ok && !example.Leat.Made {
			t.Errorf("%s: got %s, want %s (made: %v)", schema, got.String(), test.want, example.Leat.Made)
		}
	}
}
