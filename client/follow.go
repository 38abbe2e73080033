package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/leatstream/leat/event"
)

// A connection is one subscription on one connection, until that is lost.
type connection interface {
	// next waits for what comes next, until ctx ends, the one that the connection was made with. An error that is not an *Error means that the connection is lost.
	next(ctx context.Context) (message, error)
	close()
}

// A message is what a connection brings: an event, or a position without one.
type message struct {
	event *event.Event   // control events too; nil where only the position moves
	at    event.Position // what to resume after from now on; zero: no news
	retry time.Duration  // how long to wait before the next connection; zero: no news
}

// A protocolError says that the other end does not speak leat: trying again would not help.
type protocolError struct{ err error }

func (e *protocolError) Error() string {
	return "the server does not speak as leat does: " + e.err.Error()
}
func (e *protocolError) Unwrap() error { return e.err }

func protocolErrorf(format string, args ...any) error {
	return &protocolError{fmt.Errorf(format, args...)}
}

// Subscribe follows a stream until ctx ends, the reader breaks off, or the server refuses for good; the last two
// values are then a nil event and the error. Of the control events it hands on leat.gap (events are missing, and which)
// and leat.live (everything stored before has come); it sees to the others itself.
func (c *Client) Subscribe(ctx context.Context, s Subscription) iter.Seq2[*event.Event, error] {
	return func(yield func(*event.Event, error) bool) {
		key, err := s.check()
		if err != nil {
			yield(nil, err)
			return
		}
		f := &follower{
			client: c, subscription: s, key: key,
			from: start{after: s.After, since: s.Since, last: s.Last},
		}
		if err := f.run(ctx, yield); err != nil {
			yield(nil, err)
		}
	}
}

// A follower keeps a subscription alive over its connections.
type follower struct {
	client       *Client
	subscription Subscription
	key          event.Key

	from     start
	retry    time.Duration // what the server asked for with SSE's retry; zero: nothing
	wait     time.Duration // what the server asked for with the last end or refusal; zero: nothing
	failures int           // connections in a row that brought nothing
	watch    watchdog
}

// errBroken means that the reader wants no more.
var errBroken = errors.New("the reader broke off")

func (f *follower) run(ctx context.Context, yield func(*event.Event, error) bool) error {
	for {
		err := f.connect(ctx, yield)
		if errors.Is(err, errBroken) {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if final(err) {
			return err
		}
		wait := f.pause(err)
		if f.subscription.Lost != nil {
			if err := f.subscription.Lost(err, wait); err != nil {
				return err
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// final tells whether trying again would not help.
func final(err error) bool {
	var refused *Error
	var protocol *protocolError
	return errors.As(err, &protocol) || errors.As(err, &refused) && !refused.Retryable
}

// connect runs one connection until it is lost.
func (f *follower) connect(ctx context.Context, yield func(*event.Event, error) bool) error {
	f.failures++ // until something came
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.watch.guard(cancel)
	defer f.watch.stop()

	f.watch.start(connectLimit)
	conn, err := f.dial(ctx)
	f.watch.stop()
	if err != nil {
		if err = f.watch.reason(ctx, err); errors.Is(err, errSilent) {
			return &UnreachableError{f.client.server, fmt.Errorf("no answer within %s", connectLimit)}
		}
		return err
	}
	defer conn.close()
	if f.subscription.Connected != nil {
		f.subscription.Connected()
	}
	for {
		f.watch.start(f.watch.limit())
		m, err := conn.next(ctx)
		f.watch.stop()
		if err != nil {
			return f.watch.reason(ctx, err)
		}
		if err := f.take(m, yield); err != nil {
			return err
		}
	}
}

func (f *follower) dial(ctx context.Context) (connection, error) {
	switch f.subscription.Transport {
	case NDJSON, "":
		return f.dialNDJSON(ctx)
	case SSE:
		return f.dialSSE(ctx)
	case WebSocket:
		return f.dialWebSocket(ctx)
	case GRPC, GRPCTyped:
		return f.dialGRPC(ctx)
	}
	return nil, protocolErrorf("no transport %q: there are %s, %s, %s, %s and %s",
		f.subscription.Transport, NDJSON, SSE, WebSocket, GRPC, GRPCTyped)
}

// endError says that the server ended the subscription.
type endError struct{ reason event.EndReason }

func (e *endError) Error() string { return "the server ended the subscription: " + string(e.reason) }

// take hands a message on. The position is kept first: an event that reached the reader is never asked for again.
func (f *follower) take(m message, yield func(*event.Event, error) bool) error {
	if !m.at.IsZero() {
		f.from = start{resume: m.at}
	}
	if m.retry > 0 {
		f.retry = m.retry
	}
	if m.event == nil {
		return nil
	}
	switch m.event.Type {
	case event.TypeEnd:
		return f.ended(m.event)
	case event.TypeHeartbeat:
		f.failures = 0
		f.watch.heartbeat()
		return nil
	case event.TypeGap, event.TypeLive:
	default:
		if m.event.Type.IsControl() {
			return nil // of a newer server
		}
	}
	f.failures = 0
	if !yield(m.event, nil) {
		return errBroken
	}
	return nil
}

func (f *follower) ended(e *event.Event) error {
	var end event.End
	if err := json.Unmarshal(e.Data, &end); err != nil {
		return protocolErrorf("data of %s: %w", e.Type, err)
	}
	if end.Reason == event.EndDisconnected {
		return &Error{Status: http.StatusForbidden, Detail: "the server has disconnected this client: an operator or a backend does not want it now"}
	}
	f.wait = time.Duration(end.ReconnectAfterMs) * time.Millisecond
	return &endError{end.Reason}
}

// maxPause is where doubling ends.
const maxPause = 30 * time.Second

// pause is how long to wait before the next connection: what the server asked for, else a draw from a range that
// doubles with each failure ("full jitter"), so that the clients of a server that went down do not come back as one.
func (f *follower) pause(err error) time.Duration {
	ceiling := min(maxPause, f.client.firstPause<<min(max(f.failures-1, 0), 10))
	drawn := rand.N(ceiling)
	asked := f.wait
	f.wait = 0
	if refused, ok := errors.AsType[*Error](err); ok {
		asked = max(asked, refused.RetryAfter)
	}
	var unreachable *UnreachableError
	if asked == 0 && !errors.As(err, &unreachable) {
		asked = f.retry
	}
	switch {
	case asked == 0:
		return drawn
	case f.failures <= 1:
		return min(asked, f.client.maxAsked)
	}
	return min(asked+drawn, f.client.maxAsked)
}
