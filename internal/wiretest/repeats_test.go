package wiretest_test

import (
	"encoding/json"
	"strings"
	"testing"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/wiretest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A repeatable is a way to publish one event with an idempotency key; it gives the answer.
type repeatable struct {
	name    string
	publish func(t *testing.T, key string) (id string, duplicate bool)
}

func repeatables(t *testing.T, s *wiretest.Server) []repeatable {
	conn, err := grpc.NewClient("passthrough:///"+s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	all := []repeatable{{"grpc", func(t *testing.T, key string) (string, bool) {
		request := &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "plain", Type: "tick", Data: []byte("1")}, IdempotencyKey: key}
		answer, err := leatv1.NewStreamServiceClient(conn).Publish(wiretest.Context(t), request)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Id, answer.Duplicate
	}}}
	for _, wire := range []string{"websocket", "grpc-connect"} {
		all = append(all, repeatable{wire, func(t *testing.T, key string) (string, bool) {
			ops, err := wiretest.OpenOps(wiretest.Context(t), s, wire)
			if err != nil {
				t.Fatal(err)
			}
			defer ops.Close()
			text, err := ops.Ask(`{"op":"publish","stream":"plain","type":"tick","data":1,"idempotencyKey":"` + key + `"}`)
			var ack struct {
				ID        string
				Duplicate bool
			}
			if err != nil || json.Unmarshal([]byte(text), &ack) != nil {
				t.Fatalf("%s, %v", text, err)
			}
			return ack.ID, ack.Duplicate
		}})
	}
	return all
}

func TestARepeatOverAnotherProtocolIsAnsweredAsTheFirst(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	const one, array = `{"type":"tick","data":1}`, `[{"type":"tick","data":1},{"type":"tick","data":2}]`
	for _, wire := range repeatables(t, s) {
		t.Run(wire.name, func(t *testing.T) {
			post := func(body, key string) (int, string) {
				status, text := s.Post("/events/plain", "application/json", body, "Idempotency-Key", key+wire.name)
				return status, strings.TrimSpace(text)
			}
			// One event first: an array gets its id, and no list.
			id, duplicate := wire.publish(t, "one"+wire.name)
			if id == "" || duplicate {
				t.Fatalf("the first got %q, duplicate: %v", id, duplicate)
			}
			for _, body := range []string{one, array} {
				if status, text := post(body, "one"); status != 200 || text != `{"id":"`+id+`","duplicate":true}` {
					t.Errorf("%s got %d %s, want the id %s", body, status, text, id)
				}
			}
			// An array first: where an answer has room for one id, it is that of the array's first event.
			status, text := post(array, "array")
			var first struct{ IDs []string }
			if err := json.Unmarshal([]byte(text), &first); status != 201 || err != nil || len(first.IDs) != 2 {
				t.Fatalf("the array got %d %s", status, text)
			}
			if id, duplicate := wire.publish(t, "array"+wire.name); id != first.IDs[0] || !duplicate {
				t.Errorf("the repeat got %s, duplicate: %v, want %s", id, duplicate, first.IDs[0])
			}
			if status, again := post(one, "array"); status != 200 || again != strings.Replace(text, "}", `,"duplicate":true}`, 1) {
				t.Errorf("the repeat over HTTP got %d %s, want what was got first, %s", status, again, text)
			}
		})
	}
}
