package typed_test

import (
	"strings"
	"testing"

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

func BenchmarkEvent(b *testing.B) {
	s := build(b, `
  orders:
    events:
      order.shipped:
        schema:
          type: object
          required: [orderId, when, amount, customer]
          properties:
            orderId: { type: string }
            when: { type: string, format: date-time }
            amount: { type: integer }
            price: { type: number }
            gift: { type: boolean }
            status: { enum: [new, shipped] }
            customer: { type: object, properties: { name: { type: string }, town: { type: string } } }
            items: { type: array, items: { type: integer } }
`).Service("orders")
	data := []byte(`{"orderId":"or_12345","when":"2024-05-01T10:00:00Z","amount":129900,"price":12.5,"gift":true,"status":"shipped","customer":{"name":"Alice Example","town":"Aachen on the Rhine"},"items":[1,2,3,4,5,6]}`)
	e := &event.Event{Position: event.NewPosition("b7k2", 1042), Type: event.MustType("order.shipped"), Data: data}
	wire, err := s.AppendEvent(nil, e)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst, _ = s.AppendEvent(dst[:0], e)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Check("order.shipped", data)
		}
	})
	request := republish(b, s, wire)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.DecodePublish(request); err != nil {
				b.Fatal(err)
			}
		}
	})
}
