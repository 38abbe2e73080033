package leatv1

import (
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// The operations that clients ask for.
const (
	OpSubscribe   = "subscribe"
	OpUnsubscribe = "unsubscribe"
	OpPublish     = "publish"
	OpCommand     = "command"
)

// An Operation is what a client asks for; members that it did not give are nil.
type Operation struct {
	Op  string
	Ref []byte // as the dialect has it, for its answers

	Stream, Key *string
	Params      hub.Params     // of subscribe, and of unsubscribe AllKeys; stream and key are those above
	Event       ingest.Event   // of publish and command; the key is that above
	Options     ingest.Options // of publish
}

// A Dialect is how operations and their answers are written. Each Append appends one message.
type Dialect interface {
	// Parse reads a message. Where it is wrong, the operation has the ref and the type of the event all the same, if they
	// came so far.
	Parse(message []byte) (Operation, error)
	// AppendEvent appends an event of a subscription, control events too.
	AppendEvent(dst []byte, e *event.Event) []byte
	// AppendPushed appends an event for this connection alone, which has no id, being in no log.
	AppendPushed(dst []byte, e *event.Event) []byte
	// AppendSubscribed appends the answer to subscribe; id is empty where there is no position.
	AppendSubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte
	// AppendUnsubscribed appends the answer to unsubscribe; id is empty where there is no position.
	AppendUnsubscribed(dst, ref []byte, sub hub.Subscription, id string) []byte
	// AppendReply appends what a backend replies to a command.
	AppendReply(dst, ref []byte, r backend.Reply) []byte
	// AppendAck appends the answer to what is done.
	AppendAck(dst, ref []byte, r ingest.Result) []byte
	// AppendError appends the answer to what is refused.
	AppendError(dst []byte, o Operation, p *problem.Error) []byte
}

// JSON is the dialect of leat.v1 itself: objects whose member op says what to do.
type JSON struct{}
