package problem

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/grpc/codes"
)

// foreign is a problem that another service has made.
type foreign struct {
	status    int
	retryable bool
	json      []byte // the object of RFC 9457, with leat's member retryable
}

// MaxForeign is how many bytes of a problem reach a client.
const MaxForeign = 64 << 10

// Foreign is the backend's refusal of a command with a status of 400 to 499. Where body is a problem (RFC 9457), clients
// see it with all its members, but for a status that contradicts the real one; of anything else they see the status.
func Foreign(status int, body []byte) *Error {
	members := problemMembers(body)
	e := &Error{Kind: Refused, foreign: &foreign{status: status, retryable: status == http.StatusTooManyRequests}}
	object := []member{{"type", quoted("about:blank")}, {"title", quoted(http.StatusText(status))}, {"status", marshal(status)}}
	for _, m := range members {
		switch m.name {
		case "type", "title", "detail":
			var text string
			if json.Unmarshal(m.value, &text) != nil {
				continue // "If a member's value type does not match the specified type, the member MUST be ignored" (3.1)
			}
			if m.name == "detail" {
				e.Detail = text
			}
		case "status":
			continue
		case "retryable":
			if json.Unmarshal(m.value, &e.foreign.retryable) == nil {
				continue
			}
		case "errors":
			if json.Unmarshal(m.value, &e.Violations) != nil { // it is whatever the backend means by it
				e.Violations = nil
			}
		}
		object = put(object, m)
	}
	if e.Detail == "" {
		e.Detail = "the backend has refused the command with the status " + statusText(status)
		object = put(object, member{"detail", quoted(e.Detail)})
	}
	object = put(object, member{"retryable", marshal(e.foreign.retryable)})
	e.foreign.json = appendObject(object)
	return e
}

// member is a member of an object, whose order is kept.
type member struct {
	name  string
	value []byte
}

func put(object []member, m member) []member {
	for i := range object {
		if object[i].name == m.name {
			object[i] = m
			return object
		}
	}
	return append(object, m)
}

// StatusIn gives the status that a problem (RFC 9457) says it has, 0 where body is none or has none.
func StatusIn(body []byte) int {
	status := 0
	for _, m := range problemMembers(body) {
		if m.name == "status" && json.Unmarshal(m.value, &status) != nil {
			return 0
		}
	}
	return status
}

// problemMembers reads an object of I-JSON, compact; nil where it is none, or too large for a client.
func problemMembers(body []byte) []member {
	text := jsontext.Value(bytes.Clone(body))
	if len(body) > MaxForeign || text.Compact() != nil || text.Kind() != '{' {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	var members []member
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		m.value = bytes.Clone(value)
		members = append(members, m)
	}
	return members
}

func appendObject(object []member) []byte {
	text := []byte{'{'}
	for i, m := range object {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, quoted(m.name)...), ':'), m.value...)
	}
	return append(text, '}')
}

func quoted(text string) []byte {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return marshal(text) // it replaces what is not UTF-8
	}
	return b
}

func marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and bools alone
	}
	return text
}

// statusText is such as "409 Conflict".
func statusText(status int) string {
	return strings.TrimSpace(string(marshal(status)) + " " + http.StatusText(status))
}

// grpc is the code of the kind that has the same status.
func (f *foreign) grpc() codes.Code {
	if f.status == http.StatusUnauthorized {
		return codes.Unauthenticated
	}
	for kind, s := range kinds {
		if s.http == f.status && Kind(kind) != Refused {
			return s.grpc
		}
	}
	return kinds[Refused].grpc
}
