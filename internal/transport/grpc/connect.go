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
	ctx := stream.Context()
	conn, err := s.connect(ctx)
	if err != nil {
		return s.server.fail(ctx, err)
	}
	return s.converse(stream, conn, func(to *sender) error {
		session := leatv1.New(s.hub, s.ingest, s.backends, conn, connectFraming, to, s.server.logger)
		err := s.exchange(ctx, stream, conn, session)
		session.Close() // each subscription has sent its leat.end then, where the server ends the connection
		return cmp.Or(err, ended(conn))
	})
}

// exchange answers the client until it has said all and waits for no events, or the connection ends.
func (s *service) exchange(ctx context.Context, stream grpcgo.ServerStream, conn *hub.Connection, session *leatv1.Session) error {
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	session.AcceptPushes()
	messages := receive[pb.ConnectRequest](s.server, stream)
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
			if err := session.Handle(ctx, m.body.Json); err != nil {
				return err
			}
		case <-conn.Ended():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// connectFraming makes a ConnectResponse of each object.
var connectFraming = leatv1.Framing{Transport: contract.GRPC, Name: "grpc-connect", Apart: true, Queued: true, Frame: appendConnectResponse}

func appendConnectResponse(dst, object []byte) []byte {
	dst = protowire.AppendTag(dst, 1, protowire.BytesType) // json
	return protowire.AppendBytes(dst, object)
}

// Send sends one leat.v1 object.
func (s *sender) Send(object []byte) error {
	frame := appendConnectResponse(nil, object)
	return s.Write(hub.Batch{Frames: [][]byte{frame}, Bytes: len(frame)})
}
