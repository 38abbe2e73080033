// Package leatv1 speaks leat.v1, the protocol of many streams over one connection of messages: JSON objects whose
// member op says what to do. A WebSocket and the gRPC method Connect carry it alike; a typed service's Connect says the
// same of one stream in messages of its own.
package leatv1

import (
	"context"
	"log/slog"
	"sync"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A Session is one client's conversation in leat.v1.
type Session struct {
	hub      *hub.Hub
	ingest   *ingest.Ingest
	backends *backend.Backends
	conn     *hub.Connection
	framing  Framing
	sender   Sender
	logger   *slog.Logger

	// The fields below belong to whoever calls Open, Handle and Close, one call after the other.
	home    *contract.Stream // what the connection's address names, nil where it names nothing
	homeKey event.Key        // that of the address's subscription: the default room, too, where the address names none
	pathKey *string          // what the address names; nil: none
	opened  *hub.Subscriber  // the address's subscriber, until it begins
	running []*running       // the subscriptions; so few that a list is the smallest and fast enough
}

// Running is a subscription whose events flow. That of a whole stream has the zero Key, and is the stream's only one.
type running struct {
	stream     string
	key        event.Key
	subscriber *hub.Subscriber
	writes     sync.WaitGroup // done when nothing of it is written any more
}

// A Sender writes to the client. Both methods are called by several goroutines at once; what each call is given goes
// out whole, and an error means that the connection is broken or too slow, which its transport knows by then.
type Sender interface {
	hub.Writer
	// Send frames and writes one message; it may not keep it.
	Send(message []byte) error
}

// Framing is how a transport wraps messages.
type Framing struct {
	Transport contract.Transport
	Name      string // as in hub.Format: connections with the same Name share the frames of events
	Apart     bool   // as in hub.Format
	Queued    bool   // as in hub.Format
	// Frame appends the frame that carries one message; it may not keep it.
	Frame   func(dst, message []byte) []byte
	Dialect Dialect
	// Stream is the only one that the connection can speak of; empty: any.
	Stream string
}

// MaxSubscriptions is how many subscriptions a connection can have at a time.
const MaxSubscriptions = 128

// New makes a session on a connection of the hub. It starts nothing; the caller must Close it.
func New(h *hub.Hub, in *ingest.Ingest, b *backend.Backends, conn *hub.Connection, framing Framing, sender Sender, logger *slog.Logger) *Session {
	s := &Session{
		hub: h, ingest: in, backends: b, conn: conn, framing: framing, sender: sender,
		logger: logger,
	}
	conn.PushThrough(pusher{s}, framing.Stream)
	return s
}

// Open subscribes to what the connection's own address names, before there is a connection to write to: begin then
// sends `subscribed` and lets the events flow. From now on, operations are about that stream and key where they
// name none, and naming another stream is an error; pathKey, nil where the address names no key, is that of events and
// commands. Errors are problems.
func (s *Session) Open(ctx context.Context, sub hub.Subscription, pathKey *string) (begin func() error, err error) {
	subscriber, err := s.conn.Subscribe(ctx, sub, s.format(sub.Key))
	if err != nil {
		return nil, err
	}
	s.home, s.homeKey, s.pathKey, s.opened = sub.Stream, sub.Key, pathKey, subscriber
	return func() error {
		s.opened = nil
		return s.begin(sub, subscriber, nil)
	}, nil
}

// AcceptPushes lets what is pushed to the connection go out, which can be written to from now on.
func (s *Session) AcceptPushes() { s.conn.WritePushes() }

// A pusher is a session, for the hub to write to. Events come as replies to nothing that was asked.
type pusher struct{ *Session }

func (p pusher) Write(b hub.Batch) error { return p.sender.Write(b) }

func (p pusher) AppendPushed(dst []byte, e *event.Event) []byte {
	return p.framing.Frame(dst, p.framing.Dialect.AppendPushed(nil, e))
}

// Handle does what one message of the client asks, and answers it; what is wrong with a message is an answer too,
// so an error means that the answer could not be sent. The reading side calls it for one message after the other;
// that it blocks is the backpressure. ctx is the connection's: the subscriptions made live until it ends. Nothing is begun
// any more once the server has ended the connection: it would keep the client waiting for its end.
func (s *Session) Handle(ctx context.Context, message []byte) error {
	o, err := s.framing.Dialect.Parse(message)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	if s.conn.Reason() != "" {
		return s.refuse(ctx, o, problem.New(problem.Draining, "the server has ended this connection; nothing was stored or sent: send it again on another one"))
	}
	if err := s.locate(&o); err != nil {
		return s.refuse(ctx, o, err)
	}
	switch o.Op {
	case OpSubscribe:
		return s.subscribe(ctx, o)
	case OpUnsubscribe:
		return s.unsubscribe(ctx, o)
	case OpCommand:
		return s.command(ctx, o)
	default:
		return s.publish(ctx, o)
	}
}

// Subscriptions is how many there are.
func (s *Session) Subscriptions() int { return len(s.running) }

// Close ends the subscriptions and pushes, and waits for their goroutines: at once where the client is gone, after each one's
// leat.end where the server has ended the connection (hub.Connection.Ended). No Handle may be running or follow.
func (s *Session) Close() {
	s.conn.StopPushes()
	if s.conn.Reason() == "" {
		for _, r := range s.running {
			r.subscriber.Stop()
		}
	}
	for _, r := range s.running {
		r.writes.Wait()
	}
	if s.opened != nil {
		s.opened.Close()
	}
}

// locate fills in what the connection's address says where the message says nothing.
func (s *Session) locate(o *Operation) error {
	switch {
	case s.home == nil && o.Stream == nil:
		return problem.New(problem.Malformed, `%s: the member "stream" is missing: it names the stream`, o.Op)
	case s.home == nil:
		return nil
	case o.Stream == nil:
		o.Stream = &s.home.Name
	case *o.Stream != s.home.Name:
		return problem.New(problem.Malformed, "%s: this connection is about stream %q alone, as its address says, and not about %.100q: connect to /ws for several streams",
			o.Op, s.home.Name, *o.Stream)
	}
	subscribes := o.Op == OpSubscribe || o.Op == OpUnsubscribe
	if subscribes && o.Key == nil && o.Params.AllKeys == nil && !s.homeKey.IsZero() {
		key := s.homeKey.String()
		o.Key = &key
	}
	return nil
}

func (s *Session) publish(ctx context.Context, o Operation) error {
	e, options := o.Event, o.Options
	e.Key, options.PathKey = o.Key, s.pathKey
	result, err := s.ingest.Publish(ctx, *o.Stream, e, options)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	return s.sender.Send(s.framing.Dialect.AppendAck(nil, o.Ref, result))
}

// refuse answers with the problem within err. Where ctx has ended, that is all that is wrong: the client is gone.
func (s *Session) refuse(ctx context.Context, o Operation, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := problem.From(err)
	if p.Kind == problem.Internal {
		s.logger.Error("a leat.v1 message could not be handled", "connection", s.conn.ID(), "error", p.Error())
	}
	return s.sender.Send(s.framing.Dialect.AppendError(nil, o, p))
}
