package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/problem"
	"github.com/sony/gobreaker/v2"
)

// A forwarder brings a command to a backend, and its answer back, of which nothing is checked against the contract yet.
// It holds to the deadline of ctx. Errors are problems; each but problem.Refused counts against the backend.
type forwarder interface {
	forward(ctx context.Context, c Command) (Answer, error)
	close() error
}

// A gate lets commands through to one backend: so many at once, the others as their clients' turns come, and none while
// the circuit is open.
type gate struct {
	stream  string
	timeout time.Duration
	to      forwarder
	running context.Context //nolint:containedctx // Backends'
	slots   *slots
	breaker *gobreaker.CircuitBreaker[Answer]
	blame   blame
}

const (
	maxInFlight = 256         // commands at one backend at a time
	tripAfter   = 10          // failures in a row
	openFor     = time.Second // then a few are let through, and the backend is up again if all of these are answered
	tries       = 3
)

func newGate(s *contract.Stream, to forwarder, logger *slog.Logger, running context.Context) *gate {
	return &gate{
		stream:  s.Name,
		timeout: s.Backend.Timeout,
		to:      to,
		running: running,
		slots:   newSlots(maxInFlight),
		breaker: gobreaker.NewCircuitBreaker[Answer](gobreaker.Settings{
			MaxRequests: tries,
			Timeout:     openFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				logger.Warn("the circuit to a backend has changed", "stream", s.Name, "from", from.String(), "to", to.String())
			},
			IsSuccessful: isSuccess,
			IsExcluded: func(err error) bool {
				_, own := errors.AsType[errOwn](err)
				return err != nil && (own || running.Err() != nil || errors.Is(err, errWithOthers))
			},
		}),
	}
}

// isOpen tells whether the circuit is open.
func (g *gate) isOpen() bool { return g.breaker.State() == gobreaker.StateOpen }

// send waits for its turn and forwards a command, within the backend's timeout for both.
func (g *gate) send(ctx context.Context, c Command) (Answer, error) {
	if g.isOpen() {
		return Answer{}, g.circuitOpen()
	}
	deadline := time.Now().Add(g.timeout)
	// Half of the time is left to the backend at least: nothing is sent that nobody will hear the answer of.
	place, err := g.wait(ctx, c, g.timeout/2)
	if err != nil {
		return Answer{}, err
	}
	defer g.slots.leave(place)
	// What a backend may have begun is carried through, though the sender be gone: what it publishes is for everyone.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	defer context.AfterFunc(g.running, cancel)()
	answer, err := g.breaker.Execute(func() (Answer, error) {
		answer, err := g.to.forward(ctx, c)
		return answer, g.blame.judge(laneOf(c), err)
	})
	if own, ok := errors.AsType[errOwn](err); ok {
		err = own.error
	}
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return Answer{}, g.circuitOpen()
	case err != nil && g.running.Err() != nil:
		return Answer{}, cutOff()
	}
	return answer, err
}

// wait takes a place, unless that takes too long.
func (g *gate) wait(ctx context.Context, c Command, patience time.Duration) (*lane, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(g.running, cancel)()
	place, err := g.slots.take(waiting, laneOf(c))
	if err == nil {
		return place, nil
	}
	if many, ok := errors.AsType[errTooMany](err); ok {
		return nil, problem.New(problem.TooMany, "%d other commands of this client wait for the backend, which is the most; this one was not sent: "+
			"send it again", many.waiting)
	}
	switch {
	case g.running.Err() != nil:
		return nil, problem.New(problem.Draining, "this node is shutting down; the command was not sent: send it again")
	case ctx.Err() != nil:
		return nil, problem.New(problem.Unavailable, "the sender has gone while the command waited for its turn; it was not sent: %w", ctx.Err())
	}
	others := fmt.Sprintf("%d other commands", maxInFlight)
	if n := g.slots.heldBy(place); n > 0 {
		others = fmt.Sprintf("%d other commands of this client", n)
	}
	return nil, problem.New(problem.Unavailable, "the backend has had %s to answer for %s; this one was not sent: send it again", others, patience)
}

func (g *gate) circuitOpen() error {
	err := problem.New(problem.Unavailable, "the backend has failed %d times in a row, and gets a moment of rest; the command was not sent: "+
		"send it again", tripAfter)
	err.RetryAfter = openFor
	return err
}

// cutOff is the problem of a command that Close has ended.
func cutOff() error {
	return problem.New(problem.Draining, "this node is shutting down, and the backend may have handled the command: "+
		"send it again if twice is as good as once")
}

func late(timeout time.Duration) *problem.Error {
	return problem.New(problem.BackendLate, "the backend has not answered within %s; it may have handled the command", timeout)
}
