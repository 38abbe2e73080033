package leatv1

import (
	"context"
	"errors"
	"slices"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

func (s *Session) subscribe(ctx context.Context, o Operation) error {
	params := o.Params
	params.Stream, params.Key = *o.Stream, o.Key
	sub, err := s.hub.Parse(s.framing.Transport, params)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	if err := s.admit(sub); err != nil {
		return s.refuse(ctx, o, err)
	}
	subscriber, err := s.conn.Subscribe(ctx, sub, s.format(sub.Key))
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	return s.begin(sub, subscriber, o.Ref)
}

// admit refuses what overlaps with the subscriptions that are there: an event must not come twice, and `unsubscribe`
// must be able to say which one it means.
func (s *Session) admit(sub hub.Subscription) error {
	name := sub.Stream.Name
	ofStream := func(r *running) bool { return r.stream == name }
	switch {
	case s.find(name, event.Key{}) != nil:
		return problem.New(problem.Conflict, "this connection is subscribed to all of stream %q already: unsubscribe first", name)
	case s.find(name, sub.Key) != nil:
		return problem.New(problem.Conflict, "this connection is subscribed to key %q of stream %q already: unsubscribe first", sub.Key, name)
	case sub.Key.IsZero() && slices.ContainsFunc(s.running, ofStream):
		return problem.New(problem.Conflict, "this connection is subscribed to single keys of stream %q: a stream is subscribed either whole or by keys; unsubscribe from those first", name)
	case len(s.running) >= MaxSubscriptions:
		return problem.New(problem.TooMany, "this connection has %d subscriptions, which is the most: unsubscribe from some, or open another connection", len(s.running))
	}
	return nil
}

// find gives the subscription of a key, or with the zero Key of a whole stream; nil where there is none.
func (s *Session) find(stream string, key event.Key) *running {
	for _, r := range s.running {
		if r.key == key && r.stream == stream {
			return r
		}
	}
	return nil
}

// begin answers `subscribed` before it lets the events flow.
func (s *Session) begin(sub hub.Subscription, subscriber *hub.Subscriber, ref []byte) error {
	if err := s.sender.Send(s.framing.Dialect.AppendSubscribed(nil, ref, sub, subscriber.StartID())); err != nil {
		subscriber.Close()
		return err
	}
	s.conn.WritePushes() // behind the first `subscribed`, which opens the connection where its address subscribes
	r := &running{stream: sub.Stream.Name, key: sub.Key, subscriber: subscriber}
	s.running = append(s.running, r)
	r.writes.Add(1)
	subscriber.Start(s.sender, func(err error) {
		defer r.writes.Done()
		subscriber.Close()
		if err != nil && !errors.Is(err, context.Canceled) {
			s.logger.Debug("a subscription ended", "connection", s.conn.ID(), "stream", r.stream, "key", r.key.String(), "error", err)
		}
	})
	return nil
}

func (s *Session) unsubscribe(ctx context.Context, o Operation) error {
	stream, err := s.hub.Contract(*o.Stream)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	key, err := s.subscribedKey(stream.Name, stream.Key.Path, o)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	r := s.find(stream.Name, key)
	if r == nil {
		what := "all of stream"
		if !key.IsZero() {
			what = "key " + string(event.AppendString(nil, key.String())) + " of stream"
		}
		return s.refuse(ctx, o, problem.New(problem.NotFound, "this connection is not subscribed to %s %q", what, stream.Name))
	}
	r.subscriber.Stop()
	r.writes.Wait() // so that `unsubscribed` comes after the last event
	r.subscriber.Leave()
	s.running = slices.DeleteFunc(s.running, func(other *running) bool { return other == r })
	return s.sender.Send(s.framing.Dialect.AppendUnsubscribed(nil, o.Ref, hub.Subscription{Stream: stream, Key: key}, r.subscriber.Position()))
}

// subscribedKey gives the key under which the subscription that `unsubscribe` means would be, by the same rules as
// for `subscribe`; where a stream of rooms is subscribed whole, naming no key can only mean that.
func (s *Session) subscribedKey(stream string, rooms bool, o Operation) (event.Key, error) {
	if o.Key != nil {
		key, err := event.ParseKey(*o.Key)
		if err != nil {
			return event.Key{}, problem.New(problem.Malformed, "unsubscribe: %w", err)
		}
		return key, nil
	}
	if !rooms || o.Params.AllKeys != nil && *o.Params.AllKeys == "true" || s.find(stream, event.Key{}) != nil {
		return event.Key{}, nil
	}
	return event.MustKey(contract.DefaultRoom), nil
}

// format is that of a subscription: events are the same for all, and a control event names the subscription's key,
// because a connection can have several subscriptions of one stream.
func (s *Session) format(key event.Key) *hub.Format {
	frame, appendEvent := s.framing.Frame, s.framing.Dialect.AppendEvent
	return &hub.Format{
		Name:  s.framing.Name,
		Apart: s.framing.Apart, Queued: s.framing.Queued,
		Event: func(dst []byte, e *event.Event) []byte { return frame(dst, appendEvent(nil, e)) },
		Control: func(dst []byte, e *event.Event) []byte {
			about := *e
			about.Key = key
			return frame(dst, appendEvent(nil, &about))
		},
	}
}
