package hub_test

import (
	"testing"
	"time"

	"github.com/leatstream/leat/internal/hub"
)

func TestAStreamInMemoryThatBeginsAnewAndCatchesUpIsTold(t *testing.T) {
	inBubble(t, "memory", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		b.publish(5, "tick", "k")
		c.want("live", "1 2 3 4 5")
		b.log.Restart(true)
		b.publish(7, "tick", "k") // the last sequence is beyond what the hub knows before it looks again
		time.Sleep(time.Second)
		c.want("other events have these numbers now", "gap(0) 1 2 3 4 5 6 7")
	})
}
