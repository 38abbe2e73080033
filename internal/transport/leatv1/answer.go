package leatv1

import (
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// AppendEvent appends `event`.
func (JSON) AppendEvent(dst []byte, e *event.Event) []byte {
	return e.AppendMembers(append(dst, `{"op":"event",`...))
}

// AppendSubscribed appends `subscribed`.
func (JSON) AppendSubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte {
	return appendSubscription(dst, "subscribed", ref, sub, id)
}

// AppendUnsubscribed appends `unsubscribed`.
func (JSON) AppendUnsubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte {
	return appendSubscription(dst, "unsubscribed", ref, sub, id)
}

func appendSubscription(dst []byte, op string, ref []byte, sub hub.Subscription, id string) []byte {
	dst = appendHead(dst, op, ref)
	dst = append(dst, `,"stream":`...)
	dst = event.AppendString(dst, sub.Stream.Name)
	if !sub.Key.IsZero() {
		dst = append(dst, `,"key":`...)
		dst = event.AppendString(dst, sub.Key.String())
	}
	dst = appendID(dst, id)
	return append(dst, '}')
}

// AppendPushed appends the `reply` that carries an event to this connection alone.
func (JSON) AppendPushed(dst []byte, e *event.Event) []byte {
	dst = appendHead(dst, "reply", nil)
	dst = append(dst, `,"stream":`...)
	dst = event.AppendString(dst, e.Stream)
	if !e.Key.IsZero() {
		dst = append(dst, `,"key":`...)
		dst = event.AppendString(dst, e.Key.String())
	}
	dst = append(dst, `,"type":`...)
	dst = event.AppendString(dst, e.Type.String())
	dst = append(dst, `,"data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// AppendAck appends `ack`.
func (JSON) AppendAck(dst, ref []byte, r ingest.Result) []byte {
	dst = appendHead(dst, "ack", ref)
	dst = appendID(dst, r.ID.String())
	if r.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return append(dst, '}')
}

// AppendReply appends the `reply` to a command.
func (JSON) AppendReply(dst, ref []byte, r backend.Reply) []byte {
	dst = appendHead(dst, "reply", ref)
	dst = append(dst, `,"type":`...)
	dst = event.AppendString(dst, r.Type)
	dst = append(dst, `,"data":`...)
	dst = append(dst, r.Data...)
	return append(dst, '}')
}

// AppendError appends `error`.
func (JSON) AppendError(dst []byte, o Operation, p *problem.Error) []byte {
	dst = appendHead(dst, "error", o.Ref)
	dst = append(dst, `,"error":`...)
	dst = append(dst, p.JSON()...)
	return append(dst, '}')
}

// appendHead begins an answer: op, and ref just as the client wrote it.
func appendHead(dst []byte, op string, ref []byte) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, op...)
	dst = append(dst, '"')
	if len(ref) > 0 {
		dst = append(dst, `,"ref":`...)
		dst = append(dst, ref...)
	}
	return dst
}

func appendID(dst []byte, id string) []byte {
	if id == "" {
		return dst
	}
	dst = append(dst, `,"id":`...)
	return event.AppendString(dst, id)
}
