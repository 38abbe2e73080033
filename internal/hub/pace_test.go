package hub_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
)

// paced runs a test with 100 subscribers whose writers only queue: a pass over them lasts 3 ms, pause included.
func paced(t *testing.T, test func(b *bench, clients []*client)) {
	o := hub.Options{Logger: slog.New(slog.DiscardHandler)}
	inOneBubble(t, "ticks", o, func(l *memlog.Log) hub.Log { return l }, true, func(b *bench) {
		b.queued = true
		var clients []*client
		for range 100 {
			c := b.subscribe(all())
			defer c.close()
			clients = append(clients, c)
		}
		time.Sleep(30 * time.Millisecond) // fake: all rest with the pump, and the pause after they have met the tail is over
		test(b, clients)
	})
}

func TestAnEventThatIsAloneIsQueuedAtOnce(t *testing.T) {
	paced(t, func(b *bench, clients []*client) {
		began := time.Now()
		b.publish(1, "tick", "k")
		for _, c := range clients {
			c.want("alone", "1")
		}
		if passed := time.Since(began); passed > 0 { // of fake time, which passes where all wait for it
			t.Errorf("it came after %v", passed)
		}
	})
}

func TestWhatComesInThePauseAfterAPassIsQueuedTogether(t *testing.T) {
	paced(t, func(b *bench, clients []*client) {
		b.publish(1, "tick", "k")
		clients[0].want("alone", "1")
		wrote := clients[0].writes()
		b.publish(1, "tick", "k")
		clients[0].want("in the pause", "")
		b.publish(1, "tick", "k")
		time.Sleep(30 * time.Millisecond) // fake: the longest pause
		for _, c := range clients[1:] {
			c.want("all", "1 2 3")
		}
		clients[0].want("after the pause", "2 3")
		if n := clients[0].writes() - wrote; n != 1 {
			t.Errorf("in %d writes; want one", n)
		}
	})
}
