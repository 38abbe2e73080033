// Package problem holds the kinds of errors that clients see, and is the only place that knows their status on each wire.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
)

// A Kind says what sort of error it is; each wire has a status for it.
type Kind int

// The kinds of errors.
const (
	Internal           Kind = iota // our bug
	Malformed                      // a bad parameter, or text that is not what it should be
	Forbidden                      // the caller may not
	NotFound                       // no such stream, key or route
	MethodNotAllowed               //
	NotAcceptable                  // no representation that the client takes
	UnsupportedMedia               // a body of a kind that is not taken
	HTTPVersion                    // of a version of HTTP that cannot carry it
	Conflict                       // overlaps with what is there
	PreconditionFailed             // If-Match or If-None-Match does not hold
	TooLarge                       //
	HeadersTooLarge                //
	Invalid                        // well-formed, but not what the contract says
	TooMany                        // a limit is reached
	Unavailable                    // passes by itself: the log does not answer
	Draining                       // passes by itself: this node is shutting down
	Refused                        // the backend's own refusal of a command, see Foreign
	BackendUnavailable             // the backend has not handled the command: it cannot be reached, or says so
	BackendFailed                  // the backend may have handled the command, but gave no answer that counts
	BackendGone                    // the backend may have handled the command, but what should have brought its answer broke off for another reason
	BackendLate                    // the backend may have handled the command, but has not answered in time
)

type status struct {
	http      int
	grpc      codes.Code
	close     uint16 // the WebSocket close code where the error ends a connection
	retryable bool
}

var kinds = [...]status{
	Internal:           {http.StatusInternalServerError, codes.Internal, 1011, false},
	Malformed:          {http.StatusBadRequest, codes.InvalidArgument, 1007, false},
	Forbidden:          {http.StatusForbidden, codes.PermissionDenied, 1008, false},
	NotFound:           {http.StatusNotFound, codes.NotFound, 1008, false},
	MethodNotAllowed:   {http.StatusMethodNotAllowed, codes.Unimplemented, 1003, false},
	NotAcceptable:      {http.StatusNotAcceptable, codes.InvalidArgument, 1003, false},
	UnsupportedMedia:   {http.StatusUnsupportedMediaType, codes.InvalidArgument, 1003, false},
	HTTPVersion:        {http.StatusHTTPVersionNotSupported, codes.Unimplemented, 1003, false},
	Conflict:           {http.StatusConflict, codes.AlreadyExists, 1008, false},
	PreconditionFailed: {http.StatusPreconditionFailed, codes.FailedPrecondition, 1008, false},
	TooLarge:           {http.StatusRequestEntityTooLarge, codes.ResourceExhausted, 1009, false},
	HeadersTooLarge:    {http.StatusRequestHeaderFieldsTooLarge, codes.ResourceExhausted, 1009, false},
	Invalid:            {http.StatusUnprocessableEntity, codes.InvalidArgument, 1008, false},
	TooMany:            {http.StatusTooManyRequests, codes.ResourceExhausted, 1013, true},
	Unavailable:        {http.StatusServiceUnavailable, codes.Unavailable, 1013, true},
	Draining:           {http.StatusServiceUnavailable, codes.Unavailable, 1012, true},
	Refused:            {http.StatusBadRequest, codes.FailedPrecondition, 1008, false}, // where foreign does not say
	BackendUnavailable: {http.StatusBadGateway, codes.Unavailable, 1013, true},
	BackendFailed:      {http.StatusBadGateway, codes.Unavailable, 1011, false},
	BackendGone:        {http.StatusBadGateway, codes.Unavailable, 1013, true},
	BackendLate:        {http.StatusGatewayTimeout, codes.DeadlineExceeded, 1013, false},
}

// A Violation is one place where an event is not what the contract says.
type Violation struct {
	Pointer string `json:"pointer"` // JSON Pointer into the event, such as /data/orderId (RFC 6901)
	Detail  string `json:"detail"`
}

// An Error is what a client is told: RFC 9457's problem.
type Error struct {
	Kind       Kind
	Detail     string
	Violations []Violation
	Position   string        // of the newest event, where a precondition failed
	RetryAfter time.Duration // for kinds that pass by themselves; a second where zero
	Allow      string        // for MethodNotAllowed: what is allowed, comma-separated
	cause      error
	foreign    *foreign // for Refused
}

// New makes an error; the text says what was wrong, where, and what would be right. %w keeps a cause for the log.
func New(kind Kind, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Detail: wrapped.Error(), cause: errors.Unwrap(wrapped)}
}

// Because keeps a cause for the log that clients are not told.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// From gives the problem within err. Anything else is Internal: clients see an id of it and no more, and the log has
// the same id and the cause.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, err.Error()) // never fails
	id := fmt.Sprintf("%08x", hash.Sum32())
	return &Error{Kind: Internal, Detail: "something went wrong in the server; its log says what under id " + id,
		cause: fmt.Errorf("id %s: %w", id, err)}
}

// Caught makes a problem of a panic, with the stack for the log, where it is deferred at the top of what a connection's
// goroutine does: a bug ends one connection, not the process.
func Caught(err *error) {
	if cause := recover(); cause != nil {
		*err = From(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
	}
}

// Error gives the detail and, for our own bugs, the cause.
func (e *Error) Error() string {
	if e.Kind == Internal && e.cause != nil {
		return e.cause.Error()
	}
	return e.Detail
}

// Unwrap gives the cause, nil where there is none.
func (e *Error) Unwrap() error { return e.cause }

// HTTP is the HTTP status.
func (e *Error) HTTP() int {
	if e.foreign != nil {
		return e.foreign.status
	}
	return kinds[e.Kind].http
}

// GRPC is the gRPC status code.
func (e *Error) GRPC() codes.Code {
	if e.foreign != nil {
		return e.foreign.grpc()
	}
	return kinds[e.Kind].grpc
}

// Close is the WebSocket close code (RFC 6455, section 7.4) for an error that ends the connection.
func (e *Error) Close() uint16 { return kinds[e.Kind].close }

// Retryable tells whether the same request can succeed later, unchanged.
func (e *Error) Retryable() bool {
	if e.foreign != nil {
		return e.foreign.retryable
	}
	return kinds[e.Kind].retryable
}

// Wait is how long a client should wait before it tries again; zero where that would not help.
func (e *Error) Wait() time.Duration {
	if !e.Retryable() {
		return 0
	}
	return max(e.RetryAfter, time.Second)
}

// MarshalJSON gives the object of RFC 9457, section 3.
func (e *Error) MarshalJSON() ([]byte, error) {
	if e.foreign != nil {
		return e.foreign.json, nil
	}
	return json.Marshal(struct {
		Type      string      `json:"type"`
		Title     string      `json:"title"`
		Status    int         `json:"status"`
		Detail    string      `json:"detail"`
		Retryable bool        `json:"retryable"`
		Position  string      `json:"position,omitempty"`
		Errors    []Violation `json:"errors,omitempty"`
	}{"about:blank", http.StatusText(e.HTTP()), e.HTTP(), e.Detail, e.Retryable(), e.Position, e.Violations})
}

// JSON is MarshalJSON for use where it cannot fail.
func (e *Error) JSON() []byte {
	text, err := e.MarshalJSON()
	if err != nil {
		panic(err) // strings, numbers and a bool alone
	}
	return text
}

// Write answers an HTTP request with the problem within err, with the headers that its kind asks for
// (Retry-After, Allow, ETag).
func Write(w http.ResponseWriter, err error) {
	e := From(err)
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	if wait := e.Wait(); wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	if e.Allow != "" {
		header.Set("Allow", e.Allow)
	}
	if e.Position != "" {
		header.Set("ETag", `"`+e.Position+`"`)
	}
	text := append(e.JSON(), '\n')
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(e.HTTP())
	_, _ = w.Write(text) // the client is gone, and there is nobody to tell
}
