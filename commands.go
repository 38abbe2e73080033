package leat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/problem"
)

// A Command is a client's message, as the contract says it has to be.
type Command struct {
	Stream, Type string
	Key          string          // of the command, such as the room; empty where it has none
	Data         json.RawMessage // compact
	Connection   string          // the id of the connection it came by; empty: none
	Principal    string          // who sends it; empty: nobody knows
}

// An Answer is what becomes of a command. Nothing of it goes out where any of it is not what the contract says.
type Answer struct {
	Reply   []Message // to the sender alone
	Publish []Message // to everyone, through the event log
}

// A Message is an event of the command's stream.
type Message struct {
	Type string
	Key  string // of what is published; empty: the command's on a stream of rooms, else where the contract finds it in the data
	Data any    // marshalled as JSON; json.RawMessage as it is
}

// A Problem refuses a command: as the error of a handler it reaches the sender as it is (RFC 9457).
type Problem struct {
	Status     int    // 400 to 499; 400 where it is none of these
	Type       string // a URI; empty: about:blank
	Title      string // empty: the status' own
	Detail     string
	Violations []Violation
}

// A Violation is one place where a command is not what it should be.
type Violation struct {
	Pointer string `json:"pointer"` // JSON Pointer into the command, such as /data/text (RFC 6901)
	Detail  string `json:"detail"`
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// foreign is the problem as that of a backend.
func (p *Problem) foreign() error {
	body, err := json.Marshal(struct {
		Type       string      `json:"type,omitempty"`
		Title      string      `json:"title,omitempty"`
		Detail     string      `json:"detail,omitempty"`
		Violations []Violation `json:"errors,omitempty"`
	}{p.Type, p.Title, p.Detail, p.Violations})
	if err != nil {
		return err
	}
	status := p.Status
	if status < 400 || status > 499 {
		status = 400
	}
	return problem.Foreign(status, body)
}

// A CommandHandler handles commands. It has to return when ctx ends, which is after the timeout of the stream's backend
// in the contract (5 s without one), or with Close. A *Problem reaches the sender; of any other error, and of a panic,
// the sender is told an id, under which the log says more. It may be called from many goroutines; the commands of one
// connection come one after the other.
type CommandHandler func(ctx context.Context, c Command) (Answer, error)

// HandleCommand has a command of a stream handled in this process, in place of the contract's backend.
func (s *Server) HandleCommand(stream, command string, handle CommandHandler) error {
	var h backend.Handler
	if handle != nil {
		h = func(ctx context.Context, c backend.Command) (backend.Answer, error) { return call(ctx, handle, c) }
	}
	if err := s.backends.Handle(stream, command, h); err != nil {
		return fmt.Errorf("HandleCommand: %w", err)
	}
	return nil
}

// call puts a handler's types into those of package backend.
func call(ctx context.Context, handle CommandHandler, c backend.Command) (backend.Answer, error) {
	given := Command{Stream: c.Stream, Type: c.Type, Data: c.Data, Connection: c.Connection, Principal: c.Principal}
	if c.Key != nil {
		given.Key = *c.Key
	}
	answer, err := handle(ctx, given)
	if refusal, ok := errors.AsType[*Problem](err); ok {
		return backend.Answer{}, refusal.foreign()
	}
	if err != nil {
		return backend.Answer{}, err
	}
	var out backend.Answer
	for i, m := range answer.Reply {
		data, err := marshal(m.Data)
		if err != nil {
			return backend.Answer{}, fmt.Errorf("data of reply %d, %s: %w", i, m.Type, err)
		}
		out.Reply = append(out.Reply, backend.Reply{Type: m.Type, Data: data})
	}
	for i, m := range answer.Publish {
		data, err := marshal(m.Data)
		if err != nil {
			return backend.Answer{}, fmt.Errorf("data of publication %d, %s: %w", i, m.Type, err)
		}
		p := backend.Publication{Type: m.Type, Data: data}
		if m.Key != "" {
			p.Key = &m.Key
		}
		out.Publish = append(out.Publish, p)
	}
	return out, nil
}
