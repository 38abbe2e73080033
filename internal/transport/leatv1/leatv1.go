// Package leatv1 speaks leat.v1, the protocol of many streams over one connection of messages: JSON objects whose
// member op says what to do. A WebSocket and the gRPC method Connect carry it alike.
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
	// Send frames and writes one message, a JSON object; it may not keep it.
	Send(message []byte) error
}

// Framing is how a transport wraps messages.
type Framing struct {
	Transport contract.Transport
	Name      string // as in hub.Format: connections with the same Name share the frames of events
	Apart     bool   // as in hub.Format
	Queued    bool   // as in hub.Format
	// Frame appends the frame that carries one message, a JSON object; it may not keep it.
	Frame func(dst, message []byte) []byte
}

// MaxSubscriptions is how many subscriptions a connection can have at a time.
const MaxSubscriptions = 128

// New makes a session on a connection of the hub. It starts nothing; the caller must Close it.
func New(h *hub.Hub, in *ingest.Ingest, b *backend.Backends, conn *hub.Connection, framing Framing, sender Sender, logger *slog.Logger) *Session {
	s := &Session{
		hub: h, ingest: in, backends: b, conn: conn, framing: framing, sender: sender,
		logger: logger,
	}
	conn.PushThrough(pusher{s})
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
	return p.framing.Frame(dst, appendReply(nil, e))
}

// Handle does what one message of the client asks, and answers it; what is wrong with a message is an answer too,
// so an error means that the answer could not be sent. The reading side calls it for one message after the other;
// that it blocks is the backpressure. ctx is the connection's: the subscriptions made live until it ends.
func (s *Session) Handle(ctx context.Context, message []byte) error {
	m, err := parse(message)
	if err != nil {
		return s.refuse(ctx, m.ref, err)
	}
	if err := s.locate(&m); err != nil {
		return s.refuse(ctx, m.ref, err)
	}
	switch m.op {
	case opSubscribe:
		return s.subscribe(ctx, m)
	case opUnsubscribe:
		return s.unsubscribe(ctx, m)
	case opCommand:
		return s.command(ctx, m)
	default:
		return s.publish(ctx, m)
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
func (s *Session) locate(m *message) error {
	switch {
	case s.home == nil && m.stream == nil:
		return problem.New(problem.Malformed, `%s: the member "stream" is missing: it names the stream`, m.op)
	case s.home == nil:
		return nil
	case m.stream == nil:
		m.stream = &s.home.Name
	case *m.stream != s.home.Name:
		return problem.New(problem.Malformed, "%s: this connection is about stream %q alone, as its address says, and not about %.100q: connect to /ws for several streams",
			m.op, s.home.Name, *m.stream)
	}
	subscribes := m.op == opSubscribe || m.op == opUnsubscribe
	if subscribes && m.key == nil && m.allKeys == nil && !s.homeKey.IsZero() {
		key := s.homeKey.String()
		m.key = &key
	}
	return nil
}

// names are those of the members of publish.
var names = ingest.Names{IdempotencyKey: "idempotencyKey", IfMatch: "ifMatch"}

func (s *Session) publish(ctx context.Context, m message) error {
	e := ingest.Event{Type: m.typ, Key: m.key, Time: m.time, Data: m.data}
	o := ingest.Options{PathKey: s.pathKey, IdempotencyKey: m.idempotencyKey, IfMatch: m.ifMatch, Names: names}
	result, err := s.ingest.Publish(ctx, *m.stream, e, o)
	if err != nil {
		return s.refuse(ctx, m.ref, err)
	}
	return s.sender.Send(appendAck(nil, m.ref, result))
}

// refuse answers with the problem within err. Where ctx has ended, that is all that is wrong: the client is gone.
func (s *Session) refuse(ctx context.Context, ref []byte, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := problem.From(err)
	if p.Kind == problem.Internal {
		s.logger.Error("a leat.v1 message could not be handled", "connection", s.conn.ID(), "error", p.Error())
	}
	return s.sender.Send(appendError(nil, ref, p))
}
