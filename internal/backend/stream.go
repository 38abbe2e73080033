package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// stream is a stream of the contract with those who handle its commands.
type stream struct {
	*contract.Stream
	backends *Backends
	commands *ingest.Checker
	events   *ingest.Checker
	gate     *gate              // nil where the contract names no backend
	handlers map[string]Handler // guarded by Backends.mu
	timeout  time.Duration
}

// handlerTimeout bounds a handler in this process where the contract has no backend, and so no timeout.
const handlerTimeout = 5 * time.Second

func (b *Backends) newStream(s *contract.Stream, fits ingest.Fits) *stream {
	return b.newStreamLike(&stream{Stream: &contract.Stream{}, handlers: map[string]Handler{}}, s, fits)
}

// newStreamLike keeps the handlers of the stream as it was, and its gate where the backend is the same.
func (b *Backends) newStreamLike(old *stream, s *contract.Stream, fits ingest.Fits) *stream {
	st := &stream{
		Stream:   s,
		backends: b,
		commands: ingest.NewCommandChecker(s),
		events:   ingest.NewChecker(s),
		handlers: old.handlers,
		timeout:  handlerTimeout,
	}
	st.commands.Restrict(fits)
	st.events.Restrict(fits)
	if s.Backend == nil {
		return st
	}
	st.timeout = s.Backend.Timeout
	if was := old.Backend; was != nil && was.URL == s.Backend.URL && was.Timeout == s.Backend.Timeout && maps.Equal(was.Headers, s.Backend.Headers) {
		st.gate = old.gate
	} else {
		st.gate = newGate(s, newForwarder(s, b), b.logger, b.running)
	}
	return st
}

func newForwarder(s *contract.Stream, b *Backends) forwarder {
	if !strings.HasPrefix(s.Backend.URL, "grpc") {
		return newOverHTTP(s)
	}
	g, err := newOverGRPC(s, b.logger, b.metrics.dropped.WithLabelValues(s.Name))
	if err != nil {
		panic(err) // the contract's URL was checked, and grpc-go dials later
	}
	return g
}

// send takes a command that is busy.
func (s *stream) send(ctx context.Context, c Command) (_ []Reply, err error) {
	start, forwarded := time.Now(), false
	defer func() {
		s.backends.metrics.command(s.Name, err)
		if forwarded {
			s.backends.metrics.seconds.WithLabelValues(s.Name).Observe(time.Since(start).Seconds())
		}
		s.log(c.Type, err)
	}()
	key, err := s.check(&c)
	if err != nil {
		return nil, err
	}
	if s.isTold() && c.Connection != "" {
		defer s.backends.takeTurn(connection{s.Name, c.Connection})()
	}
	forwarded = true
	answer, err := s.handle(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.bring(ctx, answer, key)
}

// check makes a command what the contract says, and gives its key; zero where it has none.
func (s *stream) check(c *Command) (event.Key, error) {
	pathKey, err := s.commands.PathKey(c.PathKey)
	if err != nil {
		return event.Key{}, err
	}
	data, key, err := s.commands.CheckCommand(ingest.Event{Type: c.Type, Key: c.Key, Data: c.Data}, pathKey)
	if err != nil {
		return event.Key{}, err
	}
	c.Data, c.Key, c.PathKey = data, nil, nil
	if !key.IsZero() {
		text := key.String()
		c.Key = &text
	}
	return key, nil
}

// handle has a checked command handled, by whoever does.
func (s *stream) handle(ctx context.Context, c Command) (Answer, error) {
	s.backends.mu.Lock()
	handler := s.handlers[c.Type]
	s.backends.mu.Unlock()
	switch {
	case handler != nil:
		return s.call(ctx, handler, c)
	case s.gate != nil:
		return s.gate.send(ctx, c)
	}
	return Answer{}, problem.New(problem.BackendFailed, "nobody handles the command %q: stream %q has no backend in the contract, "+
		"and the program that serves it has no handler for it", c.Type, s.Name)
}

// call has a handler of this process handle a command.
func (s *stream) call(ctx context.Context, handler Handler, c Command) (Answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	defer context.AfterFunc(s.backends.running, cancel)()
	answer, err := guarded(ctx, handler, c)
	if err == nil {
		return answer, nil
	}
	refusal, ok := errors.AsType[*problem.Error](err)
	switch {
	case ok && refusal.Kind == problem.Refused:
		return Answer{}, refusal
	case s.backends.running.Err() != nil:
		return Answer{}, cutOff()
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return Answer{}, late(s.timeout).Because(err)
	}
	hidden := problem.From(errors.New(err.Error())) // a problem within it is one of the handler's, not of the sender
	return Answer{}, problem.New(problem.BackendFailed, "the handler of %q has failed: %s", c.Type, hidden.Detail).Because(hidden.Unwrap())
}

// guarded makes an error of a panic.
func guarded(ctx context.Context, handler Handler, c Command) (_ Answer, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return handler(ctx, c)
}

// log tells the operator what went wrong behind a command. That the circuit is open is told once, by the gate.
func (s *stream) log(command string, err error) {
	if err == nil {
		return
	}
	p := problem.From(err)
	switch p.Kind {
	case problem.Internal, problem.BackendFailed, problem.BackendUnavailable, problem.BackendGone, problem.BackendLate:
		s.backends.logger.Warn("a command has failed", "stream", s.Name, "command", command, "error", p.Detail, "cause", p.Unwrap())
	}
}
