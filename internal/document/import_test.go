package document_test

import (
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

const ordersDocument = `openapi: 3.0.3
info: { title: "Orders Events Stream API - Streaming Pattern Example", version: 1.0.0 }
servers: [{ url: "https://api.example.com" }]
paths:
  /events/orders:
    get:
      summary: Stream order-related events using SSE
      tags: [Events]
      parameters:
        - { in: query, name: eventTypes, required: false, schema: { type: array, items: { type: string } }, example: ["order.shipped", "order.cancelled"] }
      responses:
        '200':
          description: SSE stream of order events
          content:
            text/event-stream:
              schema: { $ref: '#/components/schemas/OrderEvent' }
              examples:
                default:
                  value: |
                    event: order.shipped
                    data: {"orderId":"or_12345","when":"2024-05-01T10:00:00Z"}
components:
  schemas:
    OrderEvent:
      type: object
      properties:
        eventType: { type: string, example: "order.shipped" }
        data: { type: object, example: { orderId: "or_12345", when: "2024-05-01T10:00:00Z" } }
      required: [eventType, data]
`

func TestThePatternsOrdersDocumentIsImported(t *testing.T) {
	got := importText(t, "orders.yaml", ordersDocument)
	const want = `leat: 1
info:
  title: Orders Events Stream API - Streaming Pattern Example
  version: 1.0.0
streams:
  orders:
    summary: Stream order-related events using SSE
    events:
      order.shipped:
        schema:
          $comment: Inferred from examples
          type: object
          properties:
            orderId:
              type: string
            when:
              type: string
        examples:
          - orderId: or_12345
            when: "2024-05-01T10:00:00Z"
      order.cancelled:
        schema:
          $comment: "Inferred: the document says this of the data of all events"
          type: object
`
	if normal(string(got.YAML)) != normal(want) {
		t.Errorf("got\n%s\nwant\n%s", got.YAML, want)
	}
	c := parsed(t, got)
	if s := c.Stream("orders"); s == nil || len(s.Events) != 2 || len(s.Events[0].Examples) != 1 {
		t.Fatalf("stream orders with two events is wanted, not %+v", s)
	}
	wantSkipped(t, got,
		"orders.yaml:3:1: servers are not carried over",
		"the schema of order.shipped is inferred from its example",
		"the schema of order.cancelled is inferred")
}

// normal leaves out quotes, which say nothing where a text needs none.
func normal(text string) string { return strings.ReplaceAll(text, `"`, "") }

func importText(t *testing.T, file, text string) *document.Imported {
	t.Helper()
	got, err := document.Import(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func parsed(t *testing.T, im *document.Imported) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("imported.yaml", im.YAML)
	if err != nil {
		t.Fatalf("%v in\n%s", err, im.YAML)
	}
	return c
}

func wantSkipped(t *testing.T, im *document.Imported, want ...string) {
	t.Helper()
	for _, text := range want {
		found := false
		for _, one := range im.Skipped {
			found = found || strings.Contains(one.Error(), text)
		}
		if !found {
			t.Errorf("nothing is said of %q in %v", text, im.Skipped)
		}
	}
}
