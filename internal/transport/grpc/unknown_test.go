package grpc_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

func TestAnUnknownMethodIsToldWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		for method, says := range map[string][]string{
			"/leat.v1.StreamService/Publsh":     {`"Publsh"`, `did you mean "Publish"?`, "Connect, ListStreams, Publish, PublishStream, Subscribe"},
			"/leat.v1.StreamServise/Publish":    {`"leat.v1.StreamServise"`, `did you mean "leat.v1.StreamService"?`, "grpc.health.v1.Health"},
			"/orders.v2.OrdersService/Nonsense": {`"orders.v2.OrdersService"`, `did you mean "orders.v1.OrdersService"?`, "leat.v1.StreamService"},
			"/orders.v1.OrdersService/Nonsense": {"Publish, Subscribe"},
		} {
			err := leat.conn.Invoke(within(t), method, shipped("or_1"), new(leatv1.PublishResponse))
			told := wantProblem(t, err, codes.Unimplemented)
			if told.Status != 405 || told.Retryable {
				t.Errorf("%s: problem %+v, want 405, not to be repeated", method, told)
			}
			for _, want := range says {
				if !strings.Contains(told.Detail, want) {
					t.Errorf("%s: %s: want %s", method, told.Detail, want)
				}
			}
		}
	})
}
