package reference_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/leatstream/leat"

	"github.com/leatstream/leat/internal/wiretest"
)

// shop has a stream of each kind, and of each kind of field.
const shop = `
leat: 1
info:
  title: Shop
  version: 1.2.3
  description: "First.\n\nSecond."
  contact: { name: Who asks, url: "https://example.org/ask", email: ask@example.org }
  license: { name: Apache License 2.0, url: "https://www.apache.org/licenses/LICENSE-2.0" }
streams:
  orders:
    summary: What happens to orders
    key: /orderId
    events:
      order.placed:
        summary: Somebody wants something
        description: Or many things.
        schema:
          type: object
          required: [orderId, when, lines, ship]
          properties:
            orderId: { type: string, minLength: 1, description: As the shop calls it }
            when: { type: string, format: date-time }
            count: { type: integer, minimum: 1, maximum: 9007199254740993 }
            gift: { type: boolean }
            colour: { enum: [red, blue, 7] }
            note: { type: [string, "null"], maxLength: 40 }
            tags: { type: object, additionalProperties: { type: integer } }
            lines:
              type: array
              minItems: 1
              items: { type: object, required: [sku], properties: { sku: { type: string }, price: { $ref: "#/properties/total" } } }
            total: { type: object, required: [amount], properties: { amount: { type: number }, currency: { const: EUR } } }
            ship:
              oneOf:
                - { title: By post, type: object, required: [kind, street], properties: { kind: { const: post }, street: { type: string } } }
                - { title: To collect, type: object, required: [kind], properties: { kind: { const: collect } } }
            parent: { $ref: "#" }
        examples:
          - { orderId: or_1, when: 2024-05-01T10:00:00Z, count: 9007199254740993, lines: [{ sku: A1, price: { amount: 1.5, currency: EUR } }], ship: { kind: collect }, extra: kept }
      order.cancelled:
        deprecated: true
        schema: { type: object, required: [orderId], properties: { orderId: { type: string } } }
  rooms:
    key: path
    durability: memory
    commands:
      say:
        summary: Say something
        schema: { type: object, required: [text], properties: { text: { type: string } } }
        examples: [{ text: Hello! }]
    events:
      said: { summary: Somebody spoke, schema: { type: object, required: [text], properties: { text: { type: string } } }, examples: [{ text: Hello! }] }
  ticks:
    durability: none
    transports: [websocket, grpc]
    events: { tick: { schema: { type: integer }, examples: [7] } }
  services:
    transports: [grpc]
    events: { tock: { schema: {} } }
`

// startShop serves the shop, whose rooms repeat what is said in them.
func startShop(t *testing.T) *wiretest.Server {
	t.Helper()
	t.Cleanup(closeIdle)
	s := wiretest.Start(t, shop)
	handle := func(_ context.Context, c leat.Command) (leat.Answer, error) {
		return leat.Answer{
			Reply:   []leat.Message{{Type: "said", Data: json.RawMessage(`{"text":"heard"}`)}},
			Publish: []leat.Message{{Type: "said", Data: c.Data}},
		}, nil
	}
	if err := s.Leat.HandleCommand("rooms", "say", handle); err != nil {
		t.Fatal(err)
	}
	return s
}

func closeIdle() { http.DefaultClient.CloseIdleConnections() }

// order is the data of an order.
func order(id string) string {
	return fmt.Sprintf(`{"orderId":%q,"when":"2024-05-01T10:00:00Z","lines":[{"sku":"A1"}],"ship":{"kind":"collect"}}`, id)
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
