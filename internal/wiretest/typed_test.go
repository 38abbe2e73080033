package wiretest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

func TestTheProtoOfAStreamIsServedUnderItsNameAndItsImportPath(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, strings.ReplaceAll(wiretest.Orders, "  few:", "  price-feed:"))
	for path, want := range map[string]string{
		"/protos/orders/v1/orders.proto":         "service OrdersService {",
		"/protos/price-feed/v1/price-feed.proto": "package price_feed.v1;",
		"/protos/price_feed/v1/price_feed.proto": "package price_feed.v1;",
		"/protos/ssewire/v1/ssewire.proto":       "/protos/orders/v1/orders.proto",
	} {
		response, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		status := http.StatusOK
		if strings.Contains(path, "ssewire") {
			status = http.StatusNotFound
		}
		if err != nil || response.StatusCode != status || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %.300s (%v), want %d and %q", path, response.Status, text, err, status, want)
		}
	}
}

func TestWhatNoFieldCanHoldIsRefusedWhileTheStreamOffersGRPC(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders+`
  counters:
    durability: memory
    commands: { add: { schema: { type: object, properties: { n: { type: integer } } } } }
    events: { added: { schema: { type: object } } }
    backend: { url: "http://127.0.0.1:1" }
`)
	const event = `{"type":"order.shipped","data":{"orderId":"a","n":9223372036854775808}}`
	if status, text := s.Post("/events/orders", "application/json", event); status != 422 || !strings.Contains(text, `"/data/n"`) {
		t.Errorf("an integer beyond int64: %d %s, want 422 at /data/n", status, text)
	}
	const command = `{"type":"add","data":{"n":9223372036854775808}}`
	if status, text := s.Post("/commands/counters", "application/json", command); status != 422 || !strings.Contains(text, `"/data/n"`) {
		t.Errorf("a command with an integer beyond int64: %d %s, want 422 at /data/n", status, text)
	}
	if status, text := s.Post("/events/ssewire", "application/json", `{"type":"tick","data":1e400}`); status != 201 {
		t.Errorf("a number beyond a double on a stream without gRPC: %d %s, want 201", status, text)
	}
}
