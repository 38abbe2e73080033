package wiretest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/wiretest"
	"golang.org/x/sync/errgroup"
)

// Those who come back together, behind more than the tail holds, share what is read of the log for them. A process that
// was killed and started again has no tail at all, so this is also what it meets then.
func TestAStormFromTheLogCostsFewReads(t *testing.T) {
	const (
		clients = 300
		events  = 120
		reads   = 4 // two stretches of 256 events, and each once more where it grew meanwhile
	)
	s := wiretest.Start(t, wiretest.Orders, leat.WithTail(16))
	for _, w := range wiretest.Wires() {
		t.Run(w.Name, func(t *testing.T) {
			ids := publishTicks(t, s, events)
			before := logReads(t, s)
			g, ctx := errgroup.WithContext(wiretest.Context(t))
			for i := range clients {
				behind := i % 20
				g.Go(func() error { return resume(ctx, w, s, ids[behind:]) })
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if n := logReads(t, s) - before; n > reads {
				t.Errorf("%v reads of the log for %d clients; want at most %d", n, clients, reads)
			}
		})
	}
}

// publishTicks stores n events in one request, and gives their ids.
func publishTicks(t *testing.T, s *wiretest.Server, n int) []string {
	t.Helper()
	list := strings.Repeat(`,{"type":"tick","data":7}`, n)[1:]
	status, text := s.Post("/events/plain", "application/json", "["+list+"]")
	if status != http.StatusCreated {
		t.Fatalf("publish: %d %s", status, text)
	}
	_, text, _ = strings.Cut(text, "[")
	text, _, _ = strings.Cut(text, "]")
	return strings.Split(strings.ReplaceAll(text, `"`, ""), ",")
}

// resume comes back behind the first of the ids, and takes all the others.
func resume(ctx context.Context, w wiretest.Wire, s *wiretest.Server, ids []string) error {
	r, err := w.Subscribe(ctx, s, wiretest.Subscription{Stream: "plain", After: ids[0], Resume: true}, wiretest.Plain)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, id := range ids[1:] {
		e, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if e.ID != id || e.Type != "tick" {
			return fmt.Errorf("got %v, want the event %s", e, id)
		}
	}
	return nil
}
