package grpc

import (
	"context"

	grpcgo "google.golang.org/grpc"

	"github.com/leatstream/leat/internal/hub"
)

// converse runs a stream on a connection of the hub. Talk may block in SendMsg, so it runs on a goroutine of its own.
func (s *service) converse(stream grpcgo.ServerStream, conn *hub.Connection, talk func(*sender) error) error {
	ctx := stream.Context()
	method, _ := grpcgo.Method(ctx)
	to := newSender(stream)
	done := s.server.start(method, func() error {
		how := "error" // as after a panic
		defer func() { conn.Close(how) }()
		err := talk(to)
		how = outcome(ctx, conn, to, err)
		return err
	})
	e := ending{server: s.server, stream: stream, conn: conn, to: to, open: true}
	return e.await(done, func() {})
}

// outcome tells the metrics why a connection is gone.
func outcome(ctx context.Context, conn *hub.Connection, to *sender, err error) string {
	switch {
	case closed(to.stalled):
		return "slow"
	case conn.Reason() != "":
		return string(conn.Reason())
	case err == nil || ctx.Err() != nil:
		return "client"
	default:
		return "error"
	}
}

// receive hands on the client's messages one by one; an error is a problem with that message, or else the last:
// io.EOF where the client has said all. It ends with the stream.
func receive[M any](s *Server, stream grpcgo.ServerStream) <-chan message[M] {
	ctx := stream.Context()
	method, _ := grpcgo.Method(ctx)
	messages := make(chan message[M])
	s.start(method, func() error {
		for {
			m := message[M]{body: new(M)}
			m.err = stream.RecvMsg(m.body)
			select {
			case messages <- m:
			case <-ctx.Done():
				return nil
			}
			if m.err != nil && !isProblem(m.err) {
				return nil
			}
		}
	})
	return messages
}

type message[M any] struct {
	body *M
	err  error
}
