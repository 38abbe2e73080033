package websocket

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leatstream/leat/internal/problem"
)

// Members tells where in a JSON object its members are, so that the others stay byte for byte as they are when one
// is taken out.
type members struct {
	is         bool // there is a member type
	name       *string
	begin, end int // of the member type, name and value
	others     []memberAt
}

// A memberAt is another member, and where its value is.
type memberAt struct {
	name       string
	begin, end int
}

// findType finds the member type of an object, and the others.
func findType(object []byte) (members, error) {
	var found members
	// The decoder also refuses what I-JSON (RFC 7493) excludes: duplicate names, invalid UTF-8, lone surrogates.
	d := jsontext.NewDecoder(bytes.NewReader(object))
	if kind := d.PeekKind(); kind != '{' && kind != 0 {
		return found, problem.New(problem.Malformed, `a message is a JSON object, such as {"type":"…", …}`)
	}
	if _, err := d.ReadToken(); err != nil {
		return found, syntaxProblem(err)
	}
	for d.PeekKind() != '}' {
		before := int(d.InputOffset())
		token, err := d.ReadToken()
		if err != nil {
			return found, syntaxProblem(err)
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return found, syntaxProblem(err)
		}
		end := int(d.InputOffset())
		if name != "type" {
			found.others = append(found.others, memberAt{name, end - len(value), end})
			continue
		}
		found.is, found.begin, found.end = true, before+bytes.IndexByte(object[before:], '"'), end
		if value.Kind() == '"' {
			if err := json.Unmarshal(value, &found.name); err != nil {
				return found, syntaxProblem(err)
			}
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return found, syntaxProblem(err)
	}
	if _, err := d.ReadToken(); err == nil {
		return found, problem.New(problem.Malformed, "there is more after the JSON object: one message carries one")
	} else if !errors.Is(err, io.EOF) {
		return found, syntaxProblem(err)
	}
	return found, nil
}

// cut gives the object without its member type.
func (m members) cut(object []byte) []byte {
	const space = " \t\r\n"
	before, after := object[:m.begin], object[m.end:]
	if rest := bytes.TrimLeft(after, space); rest[0] == ',' {
		after = rest[1:]
	} else {
		before = bytes.TrimSuffix(bytes.TrimRight(before, space), []byte(","))
	}
	return append(bytes.Clone(before), after...)
}

func syntaxProblem(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return problem.New(problem.Malformed, "the message is not valid JSON (I-JSON, RFC 7493) at offset %d: %w", syntax.ByteOffset, syntax.Err)
	case errors.Is(err, io.EOF):
		return problem.New(problem.Malformed, `the message is empty: it should be a JSON object, such as {"type":"…", …}`)
	default:
		return problem.New(problem.Malformed, "the message is not valid JSON: %w", err)
	}
}
