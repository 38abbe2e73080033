package websocket

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A single is the session of a connection that is about the one stream in its address: the address is the subscription,
// and whatever the client sends goes to that stream.
type single struct {
	framing framing
	ingest  *ingest.Ingest
	conn    *hub.Connection
	sub     hub.Subscription
	key     *string // in the address; nil: none
	out     *writer
	logger  *slog.Logger
	opened  *hub.Subscriber // until it begins
	flows   *hub.Subscriber // from then on
	group   sync.WaitGroup
}

// A framing is how one stream's events look in messages.
type framing interface {
	// format encodes events.
	format() *hub.Format
	// decode reads an event that a client publishes.
	decode(message []byte) (ingest.Event, error)
	// refusal answers a message that could not be published.
	refusal(message []byte, p *problem.Error) []byte
}

func (h *Handler) framing(subprotocol string, stream *contract.Stream) framing {
	if subprotocol == cloudEventsJSON {
		return cloudEvents{stream, &h.names}
	}
	return flat{stream}
}

func newSingle(h *Handler, c *client, subprotocol string, sub hub.Subscription, key string) *single {
	s := &single{framing: h.framing(subprotocol, sub.Stream), ingest: h.ingest, conn: c.hub, sub: sub, out: &c.out, logger: c.logger}
	if key != "" {
		s.key = &key
	}
	return s
}

// open subscribes; begin then lets the events flow until Close, or until the server ends the connection.
func (s *single) open(ctx context.Context) (begin func() error, err error) {
	subscriber, err := s.conn.Subscribe(ctx, s.sub, s.framing.format())
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
				s.logger.Debug("a subscription ended", "connection", s.conn.ID(), "stream", s.sub.Stream.Name, "error", err)
			}
		})
		return nil
	}, nil
}

// Handle publishes what the client sends. Success is silent.
func (s *single) Handle(ctx context.Context, message []byte) error {
	e, err := s.framing.decode(message)
	if err == nil {
		_, err = s.ingest.Publish(ctx, s.sub.Stream.Name, e, ingest.Options{PathKey: s.key})
	}
	if err != nil {
		return s.refuse(ctx, message, err)
	}
	return nil
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
		s.logger.Error("a WebSocket message could not be handled", "connection", s.conn.ID(), "error", p.Error())
	}
	return s.out.Send(s.framing.refusal(message, p))
}
