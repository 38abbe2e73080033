package hub_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// HTTP servers around the hub end by themselves, and may ask to the last moment and beyond.
func TestAHubThatHasEndedAsksItsLogNothing(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		b.publish(3, "tick", "k")
		p := all()
		p.Stream = b.name
		sub, err := b.hub.Parse(contract.SSE, p)
		if err != nil {
			t.Fatal(err)
		}
		if at, err := b.hub.StartPosition(context.Background(), sub); err != nil || at.Sequence() != 3 {
			t.Errorf("while it runs: got %v, %v; want the third event's", at, err)
		}
		b.stop()
		for err == nil {
			_, err = b.hub.StartPosition(context.Background(), sub)
			synctest.Wait()
		}
		if problem.From(err).Kind != problem.Unavailable {
			t.Errorf("when it has ended: got %v, want unavailable", err)
		}
	})
}
