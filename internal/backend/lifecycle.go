package backend

import (
	"context"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// A Conn is a connection with one of its subscriptions.
type Conn struct {
	ID, Stream string
	Key        *string // nil: none
	Source     string  // as in Command
	Principal  string

	Traceparent, Tracestate string // as in Command

	Reply func([]Reply) // takes what the backend answers to its connecting; nil: nobody does
}

// connection names one among all streams.
type connection struct{ stream, id string }

const (
	connected    = "leat.connected"
	disconnected = "leat.disconnected"
)

// IsTold tells whether a stream's backend wants to hear of connections.
func (b *Backends) IsTold(stream string) bool {
	s := b.stream(stream)
	return s != nil && s.isTold()
}

// Connected tells the stream's backend of a connection where the contract says lifecycle: true, before all commands that
// come later. It does not wait for the backend, unless the connection comes and goes much faster than that answers;
// Disconnected must follow.
func (b *Backends) Connected(conn Conn) {
	if b.IsTold(conn.Stream) {
		b.makeRoom(connection{conn.Stream, conn.ID})
		b.tell(conn, connected, 1)
	}
}

// Disconnected tells the backend of a connection that it was told of that it is gone, after all of its commands. It does
// not wait.
func (b *Backends) Disconnected(conn Conn) {
	of := connection{conn.Stream, conn.ID}
	b.mu.Lock()
	told := b.lines[of].open > 0
	if s := b.stream(conn.Stream); told && s.gate == nil { // the contract has a backend no longer
		delete(b.lines, of)
		told = false
	}
	b.mu.Unlock()
	if told { // also where the contract says lifecycle no longer
		b.tell(conn, disconnected, -1)
	}
}

func (b *Backends) tell(conn Conn, what string, opens int) {
	s := b.stream(conn.Stream)
	if !b.begin() {
		b.logger.Warn("a backend is not told of a connection: this node is shutting down", "stream", s.Name, "event", what, "connection", conn.ID)
		return
	}
	turn := b.join(connection{s.Name, conn.ID}, opens)
	go func() {
		defer b.busy.Done()
		defer turn.end()
		turn.wait()
		err := s.tell(conn, what)
		b.metrics.lifecycle.WithLabelValues(s.Name, outcome(err)).Inc()
		s.log(what, err)
	}()
}

// isTold tells whether the backend wants to hear of connections.
func (s *stream) isTold() bool { return s.gate != nil && s.Backend.Lifecycle }

func (s *stream) tell(conn Conn, what string) error {
	var key event.Key
	if conn.Key != nil {
		var err error
		if key, err = event.ParseKey(*conn.Key); err != nil {
			return problem.New(problem.Malformed, "key of connection %s: %w", conn.ID, err)
		}
	}
	ctx := context.Background() // the gate bounds it
	answer, err := s.gate.send(ctx, Command{
		Stream: s.Name, Type: what, Key: conn.Key, Data: []byte("{}"), Connection: conn.ID, Source: conn.Source, Principal: conn.Principal,
		Traceparent: conn.Traceparent, Tracestate: conn.Tracestate,
	})
	if err != nil {
		return err
	}
	replies, err := s.bring(ctx, answer, key)
	switch {
	case err != nil || len(replies) == 0:
		return err
	case what == disconnected || conn.Reply == nil:
		return problem.New(problem.BackendFailed, "the backend has answered %s with a reply, and nobody is there to get it", what)
	}
	conn.Reply(replies)
	return nil
}
