package typed_test

import (
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
)

// A choice between values of several types is as typed as the list of these types.
func TestAChoiceOfTypesIsTyped(t *testing.T) {
	api := build(t, `
  s:
    events:
      e:
        schema:
          type: object
          properties:
            at: { oneOf: [{ type: integer }, { type: string, format: date-time }] }
            link: { oneOf: [{ type: string, format: uri }, { type: string, enum: [""] }] }
            owner: { anyOf: [{ type: string }, { $ref: '#/$defs/user' }, { type: "null" }] }
            labels: { type: object, additionalProperties: { oneOf: [{ type: string }, { type: array, items: { type: string } }] } }
            tree: { anyOf: [{ type: string }, { type: array, items: { $ref: '#/properties/tree' } }] }
            open: { anyOf: [{ type: string }, {}] }
            any: { oneOf: [{ type: boolean }, { type: number }, { type: string }, { type: array, items: { type: integer } }, { type: object, additionalProperties: { type: string } }, { type: "null" }] }
            either: { oneOf: [{ $ref: '#/$defs/user' }, { type: object, properties: { id: { type: integer } } }] }
          $defs:
            user: { type: object, required: [name], properties: { name: { type: string } } }
`)
	text := api.Proto("s")
	for _, want := range []string{
		"oneof kind {\n      int64 integer_value = 1;\n      google.protobuf.Timestamp string_value = 2;\n    }",
		"optional string link = 2;", "Owner owner = 3;", "oneof kind {\n      string string_value = 1;\n      User object_value = 2;\n    }",
		"map<string, Labels> labels = 4;", "Tree tree = 5;", "google.protobuf.Value open = 6;", "Any any = 7;",
		"double number_value = 2;", "ArrayValue array_value = 4;", "google.protobuf.Value either = 8;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s := api.Service("s")
	for _, data := range []string{`{"at":7}`, `{"at":"2024-05-01T10:00:00Z"}`, `{"owner":"a"}`, `{"owner":{"name":"a"}}`, `{"owner":null}`, `{"link":""}`,
		`{"labels":{"a":"x","b":["y"]}}`, `{"tree":["a",["b"]]}`, `{"open":[1]}`, `{"any":null}`, `{"any":1.5}`, `{"any":[1,2]}`, `{"any":{"a":"b"}}`, `{"either":{"id":1}}`} {
		wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("e"), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DecodePublish(asPublishRequest(t, s, wire))
		if err != nil || string(got.Data) != data {
			t.Errorf("%s comes back as %s (%v)", data, got.Data, err)
		}
	}
}
