package websocket

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A flat is a conversation in the flat framing: type first, then the members of the data. It is for people and
// simple clients.
type flat struct {
	handler *Handler
	conn    *hub.Connection
	stream  *contract.Stream
	key     event.Key // the address's; zero: none
	out     *writer
	opened  *hub.Subscriber // until it begins
	flows   *hub.Subscriber // from then on
	group   sync.WaitGroup
}

// open subscribes; begin then lets the events flow until Close, or until the server ends the connection.
func (f *flat) open(ctx context.Context, sub hub.Subscription) (begin func() error, err error) {
	subscriber, err := f.conn.Subscribe(ctx, sub, f.handler.flats[f.stream])
	if err != nil {
		return nil, err
	}
	f.opened = subscriber
	return func() error {
		f.opened, f.flows = nil, subscriber
		f.group.Add(1)
		subscriber.Start(f.out, func(err error) {
			defer f.group.Done()
			subscriber.Close()
			if err != nil && !errors.Is(err, context.Canceled) {
				f.handler.logger.Debug("a subscription ended", "connection", f.conn.ID(), "stream", f.stream.Name, "error", err)
			}
		})
		return nil
	}, nil
}

// Handle publishes what the client sends. Success is silent.
func (f *flat) Handle(ctx context.Context, message []byte) error {
	e, err := f.decode(message)
	if err != nil {
		return f.refuse(ctx, err)
	}
	var o ingest.Options
	if key := f.key.String(); key != "" {
		o.PathKey = &key
	}
	if _, err := f.handler.ingest.Publish(ctx, f.stream.Name, e, o); err != nil {
		return f.refuse(ctx, err)
	}
	return nil
}

// Close waits until no event is written any more: where the server has ended the connection, until after leat.end.
func (f *flat) Close() {
	if f.flows != nil && f.conn.Reason() == "" {
		f.flows.Stop()
	}
	f.group.Wait()
	if f.opened != nil {
		f.opened.Close()
	}
}

// refuse answers with the problem within err. Where ctx has ended, that is all that is wrong: the client is gone.
func (f *flat) refuse(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := problem.From(err)
	if p.Kind == problem.Internal {
		f.handler.logger.Error("a flat message could not be handled", "connection", f.conn.ID(), "error", p.Error())
	}
	answer := append([]byte(`{"type":"leat.error","error":`), p.JSON()...)
	return f.out.Send(append(answer, '}'))
}

// flatFormat encodes a stream's events flat. Heartbeats are left out: the server's pings do their work here.
func flatFormat(s *contract.Stream) *hub.Format {
	return &hub.Format{
		Name: "websocket leat.flat",
		Event: func(dst []byte, e *event.Event) []byte {
			declared := s.Event(e.Type.String())
			return appendText(dst, appendFlat(nil, e, declared != nil && declared.Flat))
		},
		Control: func(dst []byte, e *event.Event) []byte {
			if e.Type == event.TypeHeartbeat {
				return dst
			}
			return appendText(dst, appendFlat(nil, e, true))
		},
	}
}

// appendFlat appends an event in the flat framing.
func appendFlat(dst []byte, e *event.Event, members bool) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Type.String()...)
	dst = append(dst, '"')
	// Data that the log has kept from an earlier contract may be no object, or have a member type of its own.
	if members = members && len(e.Data) > 0 && e.Data[0] == '{'; members && bytes.Contains(e.Data, []byte(`"type"`)) {
		found, err := findType(e.Data)
		members = err == nil && !found.is
	}
	if !members {
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Data...)
		return append(dst, '}')
	}
	if !bytes.Equal(e.Data, []byte("{}")) {
		dst = append(dst, ',')
	}
	return append(dst, e.Data[1:]...)
}

// decode reads what a client wants to publish.
func (f *flat) decode(message []byte) (ingest.Event, error) {
	found, err := findType(message)
	if err != nil {
		return ingest.Event{}, err
	}
	names := f.stream.EventNames()
	if found.name == nil {
		return ingest.Event{}, problem.New(problem.Malformed, `the member "type" is missing, or is no string: it is the type of the event to publish (known are %s)`, strings.Join(names, ", "))
	}
	e := ingest.Event{Type: *found.name}
	declared := f.stream.Event(e.Type)
	if declared == nil || declared.Flat { // ingest says what is wrong with a type that is not declared
		e.Data = found.cut(message)
		return e, nil
	}
	for _, m := range found.others {
		if m.name != "data" {
			return ingest.Event{}, problem.New(problem.Malformed, "unknown member %.100q%s: events of type %q have the members type and data in the flat framing",
				m.name, problem.DidYouMean(m.name, []string{"data"}), e.Type)
		}
		e.Data = message[m.begin:m.end]
	}
	return e, nil
}
