package grpc

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/mem"

	"github.com/leatstream/leat/internal/problem"
)

// What cannot become a message begins with one of these where it is handed to the codec, and the reason follows: no
// message does, as it would be a field with the number 0. grpc-go would end the call by itself, in words of its own.
const (
	brokenOff   = 0x05 // and nothing comes after it
	oversize    = 0x06 // the reason is how many bytes it has
	notProtobuf = 0x07
)

// untaken is a message of gRPC in place of one that cannot be taken.
func untaken(why byte, format string, args ...any) []byte {
	return frame(0, fmt.Appendf([]byte{why}, format, args...))
}

// unreadable is the problem of what is no message; nil for all others.
func unreadable(message mem.BufferSlice, limit int) error {
	if message.Len() == 0 {
		return nil
	}
	var first byte
	for _, part := range message {
		if part.Len() > 0 {
			first = part.ReadOnlyData()[0]
			break
		}
	}
	switch first {
	case notProtobuf:
		return malformed(string(message.Materialize()[1:]))
	case oversize:
		return tooLarge(string(message.Materialize()[1:]), limit)
	case brokenOff:
		return brokenOffError{problem.New(problem.Malformed, "%s", message.Materialize()[1:])}
	}
	return nil
}

// malformed makes a problem of a reason, and of the field before it where fromJSON knows that.
func malformed(reason string) *problem.Error {
	field, told, ok := strings.Cut(reason, "\x00")
	if !ok {
		field, told = "", reason
	}
	p := problem.New(problem.Malformed, "the message could not be read: %s", told)
	if field != "" {
		p.Violations = []problem.Violation{{Pointer: field, Detail: told}}
	}
	return p
}

func tooLarge(size string, limit int) *problem.Error {
	return problem.New(problem.TooLarge, "the message has %s bytes, and %d are allowed, which is the contract's "+
		"largest event and what is around it: store the body elsewhere and publish a reference", size, limit)
}

// A brokenOffError is a problem with all that the client says from there on.
type brokenOffError struct{ problem *problem.Error }

// Error gives the problem's detail.
func (e brokenOffError) Error() string { return e.problem.Error() }

// Unwrap gives the problem.
func (e brokenOffError) Unwrap() error { return e.problem }

// isProblem tells whether an error is about one message, after which others may come.
func isProblem(err error) bool {
	if _, ok := errors.AsType[brokenOffError](err); ok {
		return false
	}
	_, ok := errors.AsType[*problem.Error](err)
	return ok
}
