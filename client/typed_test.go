package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/internal/wiretest"
)

const everyShape = `
leat: 1
info: { title: Shapes, version: 1.0.0 }
streams:
  all-shapes:
    durability: memory
    events:
      order.shipped:
        schema:
          type: object
          required: [orderId, n]
          properties:
            orderId: { type: string }
            n: { type: integer }
            price: { type: number }
            gift: { type: boolean }
            when: { type: string, format: date-time }
            took: { type: string, format: duration }
            note: { type: [string, "null"] }
            picture: { type: string, contentEncoding: base64 }
            mixed: { type: [string, integer, boolean, array, object] }
            any: true
            tags: { type: object, additionalProperties: { type: integer } }
            lines: { type: array, items: { type: object, properties: { n: { type: integer } }, additionalProperties: false } }
            matrix: { type: array, items: { type: array, items: { type: number } } }
            maybe: { type: array, items: { type: [integer, "null"] } }
            additional_properties: { type: object, additionalProperties: { type: string } }
            venue:
              oneOf:
                - { type: object, required: [kind, code], properties: { kind: { const: exchange }, code: { type: string } } }
                - { type: object, required: [kind], properties: { kind: { const: otc } } }
            status: { enum: [new, in-transit] }
            parent: { $ref: '#' }
      ticked: { schema: { type: integer } }
      listed: { schema: { type: array, items: { type: string } } }
      counted: { schema: { type: object, additionalProperties: { type: integer } } }
      maybe-so: { schema: { type: [boolean, "null"] } }
      whatever: { schema: {} }
      subscribeRequest: { schema: { type: string } }
  ssewire:
    transports: [sse]
    events: { tick: { schema: {} } }
`

// What each event is over every other transport too, the order of members and the spelling of values apart.
var shapes = []struct{ eventType, data string }{
	{"order.shipped", `{"orderId":"","n":0}`},
	{"order.shipped", `{"orderId":"<a> é 🎉","n":-9223372036854775808,"price":0.1,"gift":false}`},
	{"order.shipped", `{"orderId":"a","n":9007199254740993,"when":"2024-05-01T10:00:00.123456789Z","took":"PT1H0M5S","note":null,"picture":"AAE="}`},
	{"order.shipped", `{"orderId":"a","n":1,"price":0.1000000000000000055511151231257827,"when":"2016-12-31T23:59:60Z","took":"P1M","note":""}`},
	{"order.shipped", `{"orderId":"a","n":1,"mixed":"x","any":{"a/b~":[1,null,true,"x",{"n":0.1000000000000000055511151231257827}]}}`},
	{"order.shipped", `{"orderId":"a","n":1,"mixed":[1,[2]],"any":null,"tags":{"a":1,"b":2},"lines":[{"n":0},{}],"matrix":[[1.5],[]],"maybe":[1,null,0]}`},
	{"order.shipped", `{"orderId":"a","n":1,"mixed":{"deep":{"er":[]}},"additional_properties":{"a":"b"},"venue":{"kind":"exchange","code":"X","more":1}}`},
	{"order.shipped", `{"orderId":"a","n":1,"venue":{"kind":"otc"},"parent":{"orderId":"b","n":2,"note":null,"x":[{}]},"extra":"y"}`},
	{"ticked", `0`}, {"ticked", `-7`},
	{"listed", `["a","b"]`}, {"listed", `[]`},
	{"counted", `{"a":1}`}, {"counted", `{}`},
	{"maybe-so", `null`}, {"maybe-so", `false`},
	{"whatever", `[{"a":null}]`},
	{"subscribeRequest", `"x"`},
}

func TestATypedSubscriptionShowsTheSameEvents(t *testing.T) {
	server := wiretest.Start(t, everyShape)
	c := newClient(t, server.URL)
	for _, s := range shapes {
		server.Publish("all-shapes", s.eventType, s.data)
	}
	server.Publish("all-shapes", "order.shipped", `{"orderId":"a","n":1,"status":"in-transit"}`)
	followed := func(transport client.Transport) (all []string) {
		for e, err := range c.Subscribe(wiretest.Context(t), client.Subscription{Stream: "all-shapes", Transport: transport, After: "earliest"}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Type.String() == "leat.live" {
				e.Time = e.Time.Truncate(1e18) // that of the moment
			}
			all = append(all, string(e.AppendEnvelope(nil)))
			if e.Type.String() == "leat.live" {
				break
			}
		}
		return all
	}
	want := followed(client.NDJSON)
	for i := range want {
		want[i] = strings.Replace(want[i], `"status":"in-transit"`, `"status":"STATUS_IN_TRANSIT"`, 1)
	}
	if diff := cmp.Diff(want, followed(client.GRPCTyped)); diff != "" {
		t.Errorf("(-ndjson +typed)\n%s", diff)
	}
	for e, err := range c.Subscribe(wiretest.Context(t), client.Subscription{Stream: "all-shapes", Transport: client.GRPCTyped, After: "zzz9-7"}) {
		if err != nil || e.Type.String() != "leat.gap" || !strings.Contains(string(e.Data), `{"after":"zzz9-7","resumedAfter":"`) {
			t.Errorf("got %s %s, %v, want a gap", e.Type, e.Data, err)
		}
		break
	}
}

func TestAStreamThatIsNotTypedSaysSo(t *testing.T) {
	c := newClient(t, wiretest.Start(t, everyShape).URL)
	for stream, want := range map[string]string{"all-shape": `did you mean "all-shapes"`, "ssewire": "grpc"} {
		_, err := first(context.Background(), c, client.Subscription{Stream: stream, Transport: client.GRPCTyped})
		var refused *client.Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a refusal with %q", stream, err, want)
		}
	}
}
