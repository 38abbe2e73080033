package grpc

import (
	grpcgo "google.golang.org/grpc"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/leatv1"
)

// connectTyped speaks of one stream as leat.v1 does, in messages with the fields of its events and commands.
func (t *typedService) connectTyped(stream grpcgo.ServerStream) error {
	framing := leatv1.Framing{Transport: contract.GRPC, Name: "grpc typed connect " + t.stream, Apart: true, Queued: true,
		Frame: unframed, Dialect: dialect{t}, Stream: t.stream}
	return talk(t.service, stream, framing, func(to *sender) leatv1.Sender { return to }, func(m *raw) []byte { return *m })
}

func unframed(dst, message []byte) []byte { return append(dst, message...) }

// A dialect is that of a typed service.
type dialect struct{ *typedService }

// Parse reads a ConnectRequest.
func (d dialect) Parse(message []byte) (leatv1.Operation, error) {
	asked, err := d.of().DecodeConnect(message)
	o := leatv1.Operation{Ref: []byte(asked.Ref), Stream: &d.stream}
	switch {
	case asked.Subscribe != nil:
		o.Op, o.Key = leatv1.OpSubscribe, asked.Subscribe.Key
		if err == nil {
			o.Params, err = params(asked.Subscribe)
		}
	case asked.Unsubscribe != nil:
		o.Op, o.Key = leatv1.OpUnsubscribe, asked.Unsubscribe.Key
		o.Params.AllKeys = flag(asked.Unsubscribe.AllKeys)
	case asked.Publish != nil:
		o.Op, o.Event, o.Key = leatv1.OpPublish, given(*asked.Publish), asked.Publish.Key
		o.Options = ingest.Options{IdempotencyKey: asked.Publish.IdempotencyKey, IfMatch: asked.Publish.IfMatch, Names: names}
	case asked.Command != nil:
		o.Op, o.Event, o.Key = leatv1.OpCommand, given(*asked.Command), asked.Command.Key
	}
	return o, err
}

// AppendEvent appends event.
func (d dialect) AppendEvent(dst []byte, e *event.Event) []byte {
	return appendTyped(d.of().AppendConnectEvent)(dst, e)
}

// AppendPushed appends the reply that carries an event to this connection alone.
func (d dialect) AppendPushed(dst []byte, e *event.Event) []byte {
	return d.of().AppendReply(dst, "", e.Key.String(), e.Type.String(), e.Data)
}

// AppendSubscribed appends subscribed.
func (d dialect) AppendSubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte {
	return d.of().AppendSubscribed(dst, string(ref), keyOf(sub), id)
}

// AppendUnsubscribed appends unsubscribed.
func (d dialect) AppendUnsubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte {
	return d.of().AppendUnsubscribed(dst, string(ref), keyOf(sub), id)
}

func keyOf(sub hub.Subscription) *string {
	if sub.Key.IsZero() {
		return nil
	}
	key := sub.Key.String()
	return &key
}

// AppendReply appends the reply to a command.
func (d dialect) AppendReply(dst, ref []byte, r backend.Reply) []byte {
	return d.of().AppendReply(dst, string(ref), "", r.Type, r.Data)
}

// AppendAck appends ack.
func (d dialect) AppendAck(dst, ref []byte, r ingest.Result) []byte {
	return d.of().AppendAck(dst, string(ref), r.ID.String(), r.Duplicate)
}

// AppendError appends error.
func (d dialect) AppendError(dst []byte, o leatv1.Operation, p *problem.Error) []byte {
	if o.Op == leatv1.OpCommand {
		return d.of().AppendCommandError(dst, string(o.Ref), o.Event.Type, p)
	}
	return d.of().AppendError(dst, string(o.Ref), o.Event.Type, p)
}
