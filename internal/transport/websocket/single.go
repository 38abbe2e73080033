package websocket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A single is the session of a connection that is about the one stream in its address: the address is the subscription,
// and whatever the client sends goes to that stream.
type single struct {
	framing
	handler *Handler
	conn    *hub.Connection
	stream  string
	key     *string // in the address; nil: none
	out     *writer
	opened  *hub.Subscriber // until it begins
	flows   *hub.Subscriber // from then on
	group   sync.WaitGroup
}

// A framing is how one stream's events look in messages.
type framing interface {
	// format encodes events.
	format() *hub.Format
	// decode reads an event that a client publishes, or a command.
	decode(message []byte) (ingest.Event, error)
	// refusal answers a message that could not be taken.
	refusal(message []byte, p *problem.Error) []byte
}

// Framed names a framing: those of a stream are shared by its connections.
type framed struct {
	subprotocol string
	stream      string
}

func newSingle(c *client, subprotocol string, stream *contract.Stream, key *string) *single {
	if subprotocol == "" {
		subprotocol = leatFlat
	}
	return &single{framing: c.handler.framing(framed{subprotocol, stream.Name}), handler: c.handler, conn: c.hub, stream: stream.Name, key: key, out: &c.out}
}

// open subscribes; begin then lets the events flow until Close, or until the server ends the connection.
func (s *single) open(ctx context.Context, sub hub.Subscription) (begin func() error, err error) {
	subscriber, err := s.conn.Subscribe(ctx, sub, s.format())
	if err != nil {
		return nil, err
	}
	s.opened = subscriber
	return func() error {
		s.opened, s.flows = nil, subscriber
		s.group.Add(1)
		subscriber.Start(s.out, func(err error) {
			defer s.group.Done()
			subscriber.Close()
			if err != nil && !errors.Is(err, context.Canceled) {
				s.handler.logger.Debug("a subscription ended", "connection", s.conn.ID(), "stream", s.stream, "error", err)
			}
		})
		return nil
	}, nil
}

// Handle publishes what the client sends, or has the backend handle it where it is a command. Success is silent.
func (s *single) Handle(ctx context.Context, message []byte) error {
	e, err := s.decode(message)
	stream := declared(s.handler.hub, s.stream)
	switch {
	case err != nil:
	case stream.Command(e.Type) != nil:
		var replies []backend.Reply
		if replies, err = s.command(ctx, e); err == nil {
			return s.reply(replies)
		}
	case stream.Event(e.Type) == nil && len(stream.Commands) > 0:
		err = unknownType(stream, e.Type)
	default:
		_, err = s.handler.ingest.Publish(ctx, s.stream, e, ingest.Options{PathKey: s.key})
	}
	if err != nil {
		return s.refuse(ctx, message, err)
	}
	return nil
}

// declared is what the contract says now of a stream that it has had.
func declared(h *hub.Hub, stream string) *contract.Stream {
	s, err := h.Contract(stream)
	if err != nil {
		panic(err) // streams stay
	}
	return s
}

// unknownType refuses what is neither an event nor a command: the client may have meant either.
func unknownType(s *contract.Stream, name string) error {
	events, commands := s.EventNames(), s.CommandNames()
	detail := fmt.Sprintf("%.100q is neither an event type nor a command of stream %q%s (event types: %s; commands: %s)", name, s.Name,
		problem.DidYouMean(name, slices.Concat(commands, events)), strings.Join(events, ", "), strings.Join(commands, ", "))
	err := problem.New(problem.Invalid, "/type %s", detail)
	err.Violations = []problem.Violation{{Pointer: "/type", Detail: detail}}
	return err
}

// command waits for the backend: so commands stay in order, and a client that sends faster than they are answered has
// to wait, because nothing is read meanwhile.
func (s *single) command(ctx context.Context, e ingest.Event) ([]backend.Reply, error) {
	c := backend.Command{
		Stream: s.stream, Type: e.Type, Key: e.Key, PathKey: s.key, Data: e.Data,
		Connection: s.conn.ID(), Source: "/ws/" + s.stream,
	}
	c.Traceparent, c.Tracestate = s.conn.Trace()
	if backend.IsTraceparent(e.Traceparent) {
		c.Traceparent, c.Tracestate = e.Traceparent, e.Tracestate
	}
	if declared(s.handler.hub, s.stream).Key.IsZero() {
		c.Key = nil // a CloudEvents subject, which producers set for purposes of their own
	}
	return s.handler.backends.Send(ctx, c)
}

// reply shows replies as events without a position.
func (s *single) reply(replies []backend.Reply) error {
	frames := make([][]byte, len(replies))
	for i, r := range replies {
		frames[i] = s.format().Event(nil, &event.Event{Stream: s.stream, Type: event.MustType(r.Type), Time: time.Now(), Data: r.Data})
	}
	if err := s.conn.FlushPushes(s.out); err != nil { // what greets the connection, where the backend does
		return err
	}
	return s.out.write(frames)
}

// Close waits until no event is written any more: where the server has ended the connection, until after leat.end.
func (s *single) Close() {
	if s.flows != nil && s.conn.Reason() == "" {
		s.flows.Stop()
	}
	s.group.Wait()
	if s.opened != nil {
		s.opened.Close()
	}
}

// refuse answers with the problem within err. Where ctx has ended, that is all that is wrong: the client is gone.
func (s *single) refuse(ctx context.Context, message []byte, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := problem.From(err)
	if p.Kind == problem.Internal {
		s.handler.logger.Error("a WebSocket message could not be handled", "connection", s.conn.ID(), "error", p.Error())
	}
	return s.out.Send(s.refusal(message, p))
}
