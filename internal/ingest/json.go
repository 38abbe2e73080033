package ingest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/leatstream/leat/internal/problem"
)

const (
	// MaxEvents is how many an array or a batch has, and an answer of a backend publishes.
	MaxEvents       = 1000
	maxRequestBytes = 8 << 20 // of any body but an upload; a single event's data has its own, lower limit
)

// compact takes the insignificant white space out of JSON; numbers and strings stay byte for byte. Whether it is I-JSON
// (RFC 7493) is for contract.DecodeJSON to say. The result shares nothing with text.
func compact(text []byte) ([]byte, error) {
	value := jsontext.Value(bytes.Clone(text))
	return value, value.Compact()
}

// NotJSON is the problem of text that is no I-JSON; what names the text: the offset is into it.
func NotJSON(what string, err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return problem.New(problem.Malformed, "%s is not valid JSON: %w", what, err)
	}
	reason := strings.TrimPrefix(syntax.Err.Error(), "jsontext: ")
	if errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "it ends too early"
	}
	in := ""
	if syntax.JSONPointer != "" {
		in = ", in " + brief(string(syntax.JSONPointer))
	}
	return problem.New(problem.Malformed, "%s is not valid I-JSON at byte %d%s: %s", what, syntax.ByteOffset, in, brief(reason))
}

// A decoder reads the JSON of one request body, or one line of an upload.
type decoder struct {
	*jsontext.Decoder
	buffer bytes.Buffer // of text
	text   []byte
	what   string // names text in errors
	noun   string // what it has to hold
	like   string // an example of that
}

// Decoders are used again for their memory of names: 19 allocations of the 33 that a small event took from its body to
// its record.
var decoders = sync.Pool{New: func() any { return &decoder{Decoder: jsontext.NewDecoder(&bytes.Buffer{})} }}

// newDecoder gives a decoder to release; what it read of text stays valid after that.
func newDecoder(what string, text []byte) *decoder {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // it has nothing else
	d.read(what, text)
	return d
}

func (d *decoder) read(what string, text []byte) {
	d.what, d.noun, d.text, d.buffer = what, "an event", text, *bytes.NewBuffer(text)
	d.like = `{"type":"…","data":{…}}`
	d.Reset(&d.buffer)
}

// maxReused is the longest text after which a decoder is used again. It keeps the names of each level until it next
// comes to that level: of larger texts, made for it, gigabytes.
const maxReused = 4 << 10

func (d *decoder) release() {
	if len(d.text) > maxReused {
		return
	}
	d.read("", nil)
	decoders.Put(d)
}

// decodeEvents reads one event, or an array of them.
func decodeEvents(d *decoder, one func(*decoder) (Event, error)) (events []Event, array bool, err error) {
	switch d.PeekKind() {
	case '{':
		events = make([]Event, 1)
		events[0], err = one(d)
	case '[':
		array = true
		events, err = decodeArray(d, one)
	default:
		return nil, false, d.unexpected()
	}
	if err == nil {
		err = d.end()
	}
	return events, array, err
}

// decodeOne reads one event, and no array.
func decodeOne(d *decoder, one func(*decoder) (Event, error)) (Event, error) {
	if d.PeekKind() != '{' {
		return Event{}, d.unexpected()
	}
	e, err := one(d)
	if err == nil {
		err = d.end()
	}
	return e, err
}

func decodeArray(d *decoder, one func(*decoder) (Event, error)) ([]Event, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, NotJSON(d.what, err)
	}
	var events []Event
	for d.PeekKind() != ']' {
		if d.PeekKind() != '{' {
			return nil, at(len(events), d.unexpected())
		}
		if len(events) == MaxEvents {
			return nil, tooMany()
		}
		e, err := one(d)
		if err != nil {
			return nil, at(len(events), err)
		}
		events = append(events, e)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, NotJSON(d.what, err)
	}
	return events, nil
}

// decodeEvent reads leat's own form: type, data, key and time.
func decodeEvent(d *decoder) (Event, error) {
	var e Event
	err := d.members(func(name string, value jsontext.Value) (err error) {
		switch name {
		case "type":
			var t *string
			if t, err = stringMember(name, value); err == nil {
				e.Type = *t
			}
		case "key":
			e.Key, err = stringMember(name, value)
		case "time":
			e.Time, err = stringMember(name, value)
		case "data":
			e.Data = value
		default:
			err = d.unknown(name, "type", "data", "key", "time")
		}
		return err
	})
	return e, err
}

func (d *decoder) unknown(name string, known ...string) error {
	return problem.New(problem.Malformed, "%s: %s has no member %q%s (it has %s)",
		d.what, d.noun, brief(name), problem.DidYouMean(name, known), strings.Join(known, ", "))
}

// members reads an object; the values stay valid as long as the decoder's text.
func (d *decoder) members(member func(name string, value jsontext.Value) error) error {
	if _, err := d.ReadToken(); err != nil {
		return NotJSON(d.what, err)
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return NotJSON(d.what, err)
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return NotJSON(d.what, err)
		}
		end := d.InputOffset()
		if err := member(name, d.text[end-int64(len(value)):end]); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return NotJSON(d.what, err)
	}
	return nil
}

// stringMember gives the text of a member that must be a string.
func stringMember(name string, value jsontext.Value) (*string, error) {
	if value.Kind() != '"' {
		return nil, invalid("", problem.Violation{Pointer: "/" + name, Detail: "must be a string"})
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return nil, problem.New(problem.Malformed, "%s: %w", name, err) // cannot be: the value was read
	}
	s := string(text)
	return &s, nil
}

// unexpected is the problem of text that does not hold an event where one is due.
func (d *decoder) unexpected() error {
	rest := bytes.TrimLeft(d.text[d.InputOffset():], " \t\r\n,")
	token, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return problem.New(problem.Malformed, "%s is empty: %s is a JSON object such as %s", d.what, d.noun, d.like)
	case err != nil:
		return NotJSON(d.what, err)
	}
	return problem.New(problem.Malformed, "%s has a JSON %s at byte %d: %s is an object such as %s",
		d.what, kindName(token.Kind()), len(d.text)-len(rest), d.noun, d.like)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '"':
		return "string"
	case '0':
		return "number"
	case '[', ']':
		return "array"
	}
	return k.String() // null, true and false
}

// end makes sure that nothing but white space follows.
func (d *decoder) end() error {
	if rest := bytes.TrimLeft(d.text[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return problem.New(problem.Malformed, "%s goes on after its JSON value, at byte %d: it has to be one value", d.what, len(d.text)-len(rest))
	}
	return nil
}
