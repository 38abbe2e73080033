// Package leatv1 speaks leat.v1, the protocol of many streams over one connection of messages: JSON objects whose
// member op says what to do. A WebSocket and the gRPC method Connect carry it alike.
package leatv1

import (
	"context"
	"errors"
	"log/slog"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
)

// A Sender writes to the client. Both methods are called by several goroutines at once; what each call is given goes
// out whole, and an error means that the connection is broken or too slow, which its transport knows by then.
type Sender interface {
	hub.Writer
	// Send frames and writes one message, a JSON object; it may not keep it.
	Send(message []byte) error
}

// Framing is how a transport wraps messages.
type Framing struct {
	Name  string // as in hub.Format: connections with the same Name share the frames of events
	Apart bool   // as in hub.Format
	// Frame appends the frame that carries one message, a JSON object; it may not keep it.
	Frame func(dst, message []byte) []byte
}

// A Session is one client's conversation in leat.v1.
type Session struct{}

// New makes a session on a connection of the hub. It starts nothing; the caller must Close it.
func New(h *hub.Hub, in *ingest.Ingest, conn *hub.Connection, transport contract.Transport, framing Framing, sender Sender, logger *slog.Logger) *Session {
	return &Session{}
}

// Open subscribes to what the connection's own address names, before there is a connection to write to: begin then
// sends `subscribed` and lets the events flow. From now on, operations are about that stream and key where they
// name none, and naming another stream is an error. Errors are problems.
func (s *Session) Open(ctx context.Context, sub hub.Subscription) (begin func() error, err error) {
	return nil, errors.New("leatv1")
}

// Handle does what one message of the client asks, and answers it; what is wrong with a message is an answer too,
// so an error means that the answer could not be sent. The reading side calls it for one message after the other;
// that it blocks is the backpressure. ctx is the connection's: the subscriptions made live until it ends.
func (s *Session) Handle(ctx context.Context, message []byte) error { return nil }

// Close ends the subscriptions and waits for their goroutines: at once where the client is gone, after each one's
// leat.end where the server has ended the connection (hub.Connection.Ended). No Handle may be running or follow.
func (s *Session) Close() {}
