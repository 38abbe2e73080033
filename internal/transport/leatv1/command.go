package leatv1

import (
	"context"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/ingest"
)

// command forwards a command to the stream's backend, and passes its replies on, then an ack. That it waits for the
// backend keeps the commands of a connection in order, and slows a client down that sends faster than they are answered.
func (s *Session) command(ctx context.Context, m message) error {
	c := backend.Command{
		Stream: *m.stream, Type: m.typ, Key: m.key, PathKey: s.pathKey, Data: m.data,
		Connection: s.conn.ID(), Source: s.source(*m.stream),
	}
	replies, err := s.backends.Send(ctx, c)
	if err != nil {
		return s.refuse(ctx, m.ref, err)
	}
	if err := s.conn.FlushPushes(s.sender); err != nil { // what greets the connection, where the backend does
		return err
	}
	for _, r := range replies {
		if err := s.sender.Send(appendReplyTo(nil, m.ref, r)); err != nil {
			return err
		}
	}
	return s.sender.Send(appendAck(nil, m.ref, ingest.Result{}))
}

// source tells a backend which way a command has come: the address on which a WebSocket speaks of the stream, or the
// method.
func (s *Session) source(stream string) string {
	if s.framing.Transport == contract.GRPC {
		return "/leat.v1.StreamService/Connect"
	}
	return "/ws/" + stream
}
