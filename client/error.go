package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
)

// An Error is the server's refusal: RFC 9457's problem, the same over every transport.
type Error struct {
	Status     int    // as over HTTP
	Detail     string // what was wrong, where, and what would be right
	Retryable  bool   // the same request can succeed later, unchanged
	Violations []Violation
	RetryAfter time.Duration  // where the server named one
	Position   event.Position // of the newest event, where a precondition failed
}

// A Violation is one place where an event is not what the contract says.
type Violation struct {
	Pointer string `json:"pointer"` // JSON Pointer into the event, such as /data/orderId (RFC 6901)
	Detail  string `json:"detail"`
}

// Error gives the detail and every violation.
func (e *Error) Error() string {
	parts := make([]string, 0, 1+len(e.Violations))
	parts = append(parts, e.Detail)
	for _, v := range e.Violations {
		parts = append(parts, v.Pointer+": "+v.Detail)
	}
	return strings.Join(parts, "; ")
}

// An UnreachableError says that there was no answer from a server: nothing listens, or what listens is no leat server.
type UnreachableError struct {
	Server string // its address
	Err    error  // why
}

// Error names the server, and why it gave no answer.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no leat server answers at %s: %v", e.Server, e.Err)
}

// Unwrap gives Err.
func (e *UnreachableError) Unwrap() error { return e.Err }

// maxProblem bounds what is read of an answer that refuses: a batch's violations are the longest.
const maxProblem = 1 << 20

// refusal makes an Error of an answer whose status says no.
func refusal(answer *http.Response) *Error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem)) // what came of it is worth showing
	e := problem(text, answer.StatusCode)
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// problem reads a problem object; a proxy's page instead of one is a problem too.
func problem(text []byte, status int) *Error {
	var raw struct {
		Status    int         `json:"status"`
		Title     string      `json:"title"`
		Detail    string      `json:"detail"`
		Retryable bool        `json:"retryable"`
		Position  string      `json:"position"`
		Errors    []Violation `json:"errors"`
	}
	if err := json.Unmarshal(text, &raw); err != nil || (raw.Detail == "" && raw.Title == "") {
		return &Error{Status: status, Retryable: passes(status), Detail: foreign(text, status)}
	}
	if raw.Status == 0 {
		raw.Status = status
	}
	if raw.Detail == "" {
		raw.Detail = raw.Title
	}
	position, _ := event.ParsePosition(raw.Position) // none where there is none
	return &Error{
		Status: raw.Status, Detail: raw.Detail, Retryable: raw.Retryable, Violations: raw.Errors, Position: position,
	}
}

// passes tells whether a status that did not come from leat itself passes by itself: a proxy in front of a server that
// restarts.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// foreign describes an answer that is no problem of leat's.
func foreign(text []byte, status int) string {
	shown := strings.TrimSpace(strings.ToValidUTF8(string(text[:min(len(text), 200)]), ""))
	if shown == "" {
		return fmt.Sprintf("the server answers %d %s", status, http.StatusText(status))
	}
	return fmt.Sprintf("the server answers %d %s, not as leat does: %q", status, http.StatusText(status), shown)
}
