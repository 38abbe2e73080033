package demo

import (
	"context"
	"log/slog"
	"time"

	"github.com/leatstream/leat"
)

// Produce runs a producer that publishes once a second.
func Produce(ctx context.Context, server *leat.Server, stream string, logger *slog.Logger, next func() leat.Event) error {
	p := &producer{server: server, stream: stream, logger: logger}
	return p.run(ctx, func() time.Duration { return time.Second }, next)
}

// Order gives the next one that a shop makes up.
func Order(now time.Time) func() leat.Event {
	s := newShop(now)
	return func() leat.Event { return s.next(now) }
}

// Price gives the next one that a market makes up.
func Price() func() float64 {
	m := newMarket()
	return func() float64 { return m.next().Price }
}
