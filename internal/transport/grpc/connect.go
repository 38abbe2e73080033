package grpc

import (
	"cmp"
	"context"
	"errors"
	"io"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/leatstream/leat/contract"
	pb "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/leatv1"
)

// Connect speaks leat.v1, the protocol that WebSocket has too.
func (s *service) Connect(stream grpcgo.BidiStreamingServer[pb.ConnectRequest, pb.ConnectResponse]) error {
	return talk(s, stream, connectFraming, func(to *sender) leatv1.Sender { return wrapping{to} },
		func(request *pb.ConnectRequest) []byte { return request.Json })
}

// talk holds a conversation; text is what the session reads of a message of the client.
func talk[M any](s *service, stream grpcgo.ServerStream, framing leatv1.Framing, through func(*sender) leatv1.Sender, text func(*M) []byte) error {
	ctx := stream.Context()
	conn, err := s.connect(ctx)
	if err != nil {
		return s.server.fail(ctx, err)
	}
	return s.converse(stream, conn, func(to *sender) error {
		session := leatv1.New(s.hub, s.ingest, s.backends, conn, framing, through(to), s.server.logger)
		err := exchange(ctx, s, stream, conn, session, text)
		session.Close() // each subscription has sent its leat.end then, where the server ends the connection
		return cmp.Or(err, ended(conn))
	})
}

// exchange answers the client until it has said all and waits for no events, or the connection ends.
func exchange[M any](ctx context.Context, s *service, stream grpcgo.ServerStream, conn *hub.Connection, session *leatv1.Session, text func(*M) []byte) error {
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	session.AcceptPushes()
	messages := receive[M](s.server, stream)
	for {
		select {
		case m := <-messages:
			if errors.Is(m.err, io.EOF) { // which is no goodbye: events may still be wanted
				if session.Subscriptions() == 0 {
					return nil
				}
				messages = nil
				continue
			}
			if m.err != nil {
				return m.err
			}
			if err := session.Handle(ctx, text(m.body)); err != nil {
				return err
			}
		case <-conn.Ended():
			select {
			case m := <-messages: // it was read, and gets to know that it was not done
				if m.err == nil {
					return session.Handle(ctx, text(m.body))
				}
			default:
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// connectFraming makes a ConnectResponse of each object.
var connectFraming = leatv1.Framing{Transport: contract.GRPC, Name: "grpc-connect", Apart: true, Queued: true,
	Frame: appendConnectResponse, Dialect: leatv1.JSON{}}

func appendConnectResponse(dst, object []byte) []byte {
	dst = protowire.AppendTag(dst, 1, protowire.BytesType) // json
	return protowire.AppendBytes(dst, object)
}

// A wrapping sender makes a ConnectResponse of each object.
type wrapping struct{ *sender }

// Send sends one leat.v1 object.
func (w wrapping) Send(object []byte) error { return w.sender.Send(appendConnectResponse(nil, object)) }

// Send sends one message.
func (s *sender) Send(frame []byte) error {
	return s.Write(hub.Batch{Frames: [][]byte{frame}, Bytes: len(frame)})
}
