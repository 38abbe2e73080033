package typed_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/typed"
)

const head = "leat: 1\ninfo: { title: Test, version: 1.0.0 }\nstreams:\n"

func parse(t testing.TB, text string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(head+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func build(t testing.TB, text string) *typed.API {
	t.Helper()
	api, err := typed.Build(parse(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

const orders = `
  price-feed:
    summary: Prices
    events:
      order.shipped:
        summary: The parcel left
        schema:
          type: object
          required: [orderId, when, items, status, note]
          properties:
            orderId: { type: string, description: "The order's name" }
            when: { type: string, format: date-time }
            took: { type: string, format: duration }
            amount: { type: integer }
            small: { type: integer, minimum: 0, maximum: 10 }
            price: { type: number }
            gift: { type: boolean }
            status: { type: string, enum: [new, in-transit, ""] }
            note: { type: [string, "null"] }
            address:
              type: object
              properties: { street: { type: string }, town: { $ref: '#/$defs/town' } }
            items:
              type: array
              items: { type: object, required: [n], properties: { n: { type: integer } }, additionalProperties: false }
            labels: { type: object, additionalProperties: { type: string } }
            matrix: { type: array, items: { type: array, items: { type: number } } }
            maybe: { type: array, items: { type: [integer, "null"] } }
            picture: { type: string, contentEncoding: base64 }
            mixed: { type: [string, integer, array] }
            any: true
            shape:
              oneOf:
                - { type: object, required: [type], properties: { type: { const: circle }, radius: { type: number } } }
                - { $ref: '#/$defs/square' }
            parent: { $ref: '#' }
          $defs:
            town: { type: object, properties: { name: { type: string } } }
            square: { type: object, required: [type], properties: { type: { const: square }, side: { type: number } } }
      ticks: { schema: { type: array, items: { type: number } } }
    commands:
      cancelOrder: { schema: { type: object, required: [id], properties: { id: { type: string } } } }
    backend: { url: http://127.0.0.1:8090 }
`

func TestX(t *testing.T) {
	api := build(t, orders)
	t.Log("\n" + api.Proto("price-feed"))
	s := api.Service("price-feed")
	data := `{"orderId":"a","when":"2024-05-01T12:00:00.123456789+02:00","took":"PT90M","amount":9007199254740993,"small":3,"price":1.5,"gift":false,"status":"","note":null,"address":{"street":"x","town":{"name":"y"},"extra":{"a":[1,null,12345678901234567890]}},"items":[{"n":1},{"n":0}],"labels":{"a":"b"},"matrix":[[1,2],[]],"maybe":[1,null,0],"picture":"aGFsbG8=","mixed":["x"],"any":{"q":null},"shape":{"radius":2,"type":"circle"},"parent":{"orderId":"","when":"2024-05-01T10:00:00Z","items":[],"status":"new","note":"n"}}`
	wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("order.shipped"), Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Subscribe").Output())
	if err := proto.Unmarshal(wire, m); err != nil {
		t.Fatal(err)
	}
	t.Log(protojson.Format(m))
	p, err := s.DecodePublish(republish(t, s, wire))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(string(p.Data))
}

// republish makes of a SubscribeResponse the PublishRequest that a client would send with the same event in it.
func republish(t fataler, s *typed.Service, wire []byte) []byte {
	t.Helper()
	from := dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Subscribe").Output())
	if err := proto.Unmarshal(wire, from); err != nil {
		t.Fatal(err)
	}
	to := dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Publish").Input())
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		if name == "id" || strings.HasPrefix(name, "leat_") {
			return true
		}
		same := to.Descriptor().Fields().ByName(f.Name())
		if f.IsMap() {
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				to.Mutable(same).Map().Set(k, v)
				return true
			})
			return true
		}
		to.Set(same, v)
		return true
	})
	out, err := proto.Marshal(to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
