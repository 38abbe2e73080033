package leatv1

import (
	"context"

	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/ingest"
)

// command forwards a command to the stream's backend, and passes its replies on, then an ack. That it waits for the
// backend keeps the commands of a connection in order, and slows a client down that sends faster than they are answered.
func (s *Session) command(ctx context.Context, o Operation) error {
	c := backend.Command{
		Stream: *o.Stream, Type: o.Event.Type, Key: o.Key, PathKey: s.pathKey, Data: o.Event.Data,
		Connection: s.conn.ID(), Source: s.source(*o.Stream),
	}
	c.Traceparent, c.Tracestate = s.conn.Trace()
	replies, err := s.backends.Send(ctx, c)
	if err != nil {
		return s.refuse(ctx, o, err)
	}
	if err := s.conn.FlushPushes(s.sender); err != nil { // what greets the connection, where the backend does
		return err
	}
	for _, r := range replies {
		if err := s.sender.Send(s.framing.Dialect.AppendReply(nil, o.Ref, r)); err != nil {
			return err
		}
	}
	return s.sender.Send(s.framing.Dialect.AppendAck(nil, o.Ref, ingest.Result{}))
}

// source tells a backend which way a command has come: the gRPC method, or the address on which a WebSocket speaks of the
// stream.
func (s *Session) source(stream string) string {
	if method := s.conn.Method(); method != "" {
		return method
	}
	return "/ws/" + stream
}
