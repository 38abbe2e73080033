package leat

import (
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
)

// joined has backends told of connections, as hub.Options.Joined.
func (s *Server) joined(c *hub.Connection, stream string, key event.Key) func() {
	if !s.backends.IsTold(stream) {
		return nil
	}
	conn := backend.Conn{ID: c.ID(), Stream: stream, Source: sourceOf(c, stream)}
	conn.Traceparent, conn.Tracestate = c.Trace()
	if !key.IsZero() {
		text := key.String()
		conn.Key = &text
	}
	conn.Reply = func(replies []backend.Reply) { s.greet(c, stream, key, replies) }
	s.backends.Connected(conn)
	return func() { s.backends.Disconnected(conn) }
}

// sourceOf is the route by which a connection has subscribed to a stream.
func sourceOf(c *hub.Connection, stream string) string {
	switch c.Transport() {
	case contract.WebSocket:
		return "/ws/" + stream
	case contract.GRPC:
		return c.Method()
	default:
		return "/events/" + stream
	}
}

// greet pushes what a backend answers to leat.connected.
func (s *Server) greet(c *hub.Connection, stream string, key event.Key, replies []backend.Reply) {
	events := make([]*event.Event, len(replies))
	for i, r := range replies {
		events[i] = &event.Event{Stream: stream, Type: event.MustType(r.Type), Key: key, Time: time.Now(), Data: r.Data}
	}
	if err := c.Push(events); err != nil {
		s.logger.Debug("a reply to leat.connected did not reach its connection", "connection", c.ID(), "stream", stream, "error", err)
	}
}
