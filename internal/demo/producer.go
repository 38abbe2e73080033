package demo

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/problem"
)

// A producer publishes to one stream.
type producer struct {
	server *leat.Server
	stream string
	logger *slog.Logger

	failing bool // so that a log which does not answer for an hour is told once
}

// retryAfter is how long a producer waits when the event log did not take an event.
const retryAfter = time.Second

// run publishes what next gives, and after each event waits as long as pause says, until ctx ends.
func (p *producer) run(ctx context.Context, pause func() time.Duration, next func() leat.Event) error {
	timer := time.NewTimer(pause())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.publish(ctx, next()); err != nil {
			return err
		}
		timer.Reset(pause())
	}
}

// publish tries until the event is stored: the idempotency key keeps one whose answer was lost from being there twice.
// An error is the end of ctx, or an event that is not what the contract says.
func (p *producer) publish(ctx context.Context, e leat.Event) error {
	e.IdempotencyKey = rand.Text()
	for {
		_, err := p.server.Publish(ctx, p.stream, e)
		switch {
		case err == nil:
			p.failing = false
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !problem.From(err).Retryable():
			return err
		case !p.failing:
			p.failing = true
			p.logger.Warn("the demo cannot publish; it tries again until it can", "stream", p.stream, "error", err)
		}
		again := time.NewTimer(retryAfter)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
}
