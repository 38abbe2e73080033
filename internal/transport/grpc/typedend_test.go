package grpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// typedCalls are the calls of a typed service, each with a message that it takes and one that is larger than any event.
var typedCalls = []struct{ method, takes, tooLarge string }{
	{"Subscribe", `{"key":"k"}`, `{"key":"…"}`},
	{"Publish", `{"key":"k","said":{"text":"x"}}`, ""}, // which is one event of an upload that is refused
	{"Connect", `{"ref":"1","subscribe":{"key":"k"}}`, `{"ref":"…"}`},
}

func TestEachTypedCallEndsWithItsDeadline(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		for _, test := range typedCalls {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			call, err := leat.open(ctx, t, "chat", test.method)
			if err == nil {
				err = call.tell(t, test.takes)
			}
			for err == nil { // subscribed comes before
				err = call.RecvMsg(call.out())
			}
			cancel()
			if status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("%s: got %v, want DEADLINE_EXCEEDED", test.method, err)
			}
		}
		leat.wantConnections(t, 0)
	})
}

func TestWhatACancelledUploadHasStoredStays(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		events := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "chat"})
		ctx, cancel := context.WithCancel(within(t))
		upload := leat.call(ctx, t, "chat", "Publish")
		const count = 100
		for range count {
			upload.say(t, `{"said":{"text":"x"}}`)
		}
		for range count { // all are stored: whoever reads them knows
			if got := events.next(t); got.Type != "said" {
				t.Fatalf("got %v", got)
			}
		}
		cancel()
		if err := upload.RecvMsg(upload.out()); status.Code(err) != codes.Canceled && !errors.Is(err, context.Canceled) {
			t.Errorf("the upload ended with %v", err)
		}
		leat.wantConnections(t, 1) // the upload's is gone
		last := leat.publish(t, &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "chat", Type: "said", Data: []byte(`{"text":"last"}`)}})
		if got := events.next(t); got.Id != last {
			t.Errorf("%v came after the upload, want %s", got, last)
		}
	})
}

func TestATypedMessageLargerThanAnyEventIsRefusedWithTheLimit(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		for _, test := range typedCalls {
			if test.tooLarge == "" {
				continue
			}
			call := leat.call(within(t), t, "chat", test.method)
			call.say(t, strings.Replace(test.tooLarge, "…", strings.Repeat("x", 300<<10), 1))
			told := wantProblem(t, call.end(t), codes.ResourceExhausted)
			if told.Status != 413 || !strings.Contains(told.Detail, "270336 are allowed") {
				t.Errorf("%s: %+v, want 413 with the limit", test.method, told)
			}
		}
	})
}

// wantConnections waits until the hub has so many.
func (c *client) wantConnections(t testing.TB, want int) {
	t.Helper()
	for ctx := within(t); ; {
		all, err := c.node.hub.Connections("")
		if err == nil && len(all) == want {
			return
		}
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%d connections (%v), want %d", len(all), err, want)
		}
	}
}
