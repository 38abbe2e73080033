package grpc_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// grpc-go's transport resets a stream whose deadline has passed, net/http's ends it with a status: clients see the same.
func TestADeadlineIsToldAsOne(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		stream, err := leat.Subscribe(ctx, &leatv1.SubscribeRequest{Stream: "orders"})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
	})
}
