package contract

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Accepted is data that is as its event type asks.
type Accepted struct {
	JSON []byte // the text without its insignificant white space, shared with nobody
	At   any    // what is at the pointer: a string or a json.Number
}

// Accept reads text once, and tells whether it is surely I-JSON that the schema takes, and that the flat framing can
// carry. Its false tells nothing: the data may be valid, and DecodeJSON and Validate judge, who also know what is
// wrong. The tokens of pointer, none or more, lead to a string or number, without which nothing is accepted either. It
// may be called from many goroutines.
func (t *EventType) Accept(text []byte, pointer []string) (Accepted, bool) {
	if !t.Schema.planned {
		return Accepted{}, false
	}
	a := acceptors.Get().(*acceptor) //nolint:forcetypeassert // it has nothing else
	defer a.release()
	a.begin(text, t.Flat)
	if !a.value(t.Schema.plan, pointer, len(pointer) > 0) || len(pointer) > 0 && a.at == nil {
		return Accepted{}, false
	}
	if len(bytes.TrimLeft(text[a.InputOffset():], " \t\r\n")) > 0 {
		return Accepted{}, false
	}
	return Accepted{a.out, a.at}, true
}

// An acceptor walks over one text at a time.
type acceptor struct {
	*jsontext.Decoder // it alone tells what is I-JSON, but for the numbers
	text              bytes.Buffer
	flat              bool
	out               []byte
	at                any
	scratch           []byte // of strings with escapes
}

// A decoder remembers its memory for names, which is most of what it costs.
var acceptors = sync.Pool{New: func() any { return &acceptor{Decoder: jsontext.NewDecoder(&bytes.Buffer{})} }}

// maxReused is the longest text after which a decoder is used again. It keeps the names of each level until it next
// comes to that level: of larger texts, made for it, gigabytes.
const maxReused = 4 << 10

func (a *acceptor) begin(text []byte, flat bool) {
	a.text = *bytes.NewBuffer(text)
	a.Reset(&a.text)
	a.flat, a.out = flat, make([]byte, 0, len(text))
}

// release gives it back without the text and what came of it.
func (a *acceptor) release() {
	if cap(a.out) > maxReused {
		return
	}
	a.begin(nil, false)
	a.at = nil
	acceptors.Put(a)
}

// value takes the next value; wanted tells that the pointer leads to it or through it, with the tokens that are left.
func (a *acceptor) value(p *plan, pointer []string, wanted bool) bool {
	switch a.PeekKind() {
	case '{':
		return p.takes(objectType) && a.object(p, pointer, wanted)
	case '[':
		return p.takes(arrayType) && a.array(p)
	}
	raw, err := a.ReadValue()
	if err != nil {
		return false
	}
	a.out = append(a.out, raw...)
	wanted = wanted && len(pointer) == 0
	switch raw.Kind() {
	case '"':
		text := a.unquote(raw)
		if wanted {
			a.at = string(text)
		}
		return p.takes(stringType) && p.takesString(text)
	case '0':
		if isBeyondDouble(raw) {
			return false
		}
		if wanted {
			a.at = json.Number(raw)
		}
		return p.takesNumber(raw)
	case 'n':
		return p.takes(nullType) && p.isAmong(func(c constants) bool { return c.null })
	case 't':
		return p.takes(booleanType) && p.isAmong(func(c constants) bool { return c.yes })
	}
	return p.takes(booleanType) && p.isAmong(func(c constants) bool { return c.no })
}

func (a *acceptor) object(p *plan, pointer []string, wanted bool) bool {
	if _, err := a.ReadToken(); err != nil {
		return false
	}
	a.out = append(a.out, '{')
	members, required := 0, uint64(0)
	for a.PeekKind() != '}' {
		raw, err := a.ReadValue()
		if err != nil {
			return false
		}
		if members++; members > 1 {
			a.out = append(a.out, ',')
		}
		a.out = append(append(a.out, raw...), ':')
		name := a.unquote(raw)
		if a.flat && string(name) == "type" && a.StackDepth() == 1 {
			return false // it hides the event's type
		}
		member := p.member(name)
		required |= member.bit
		leads := wanted && len(pointer) > 0 && string(name) == pointer[0]
		rest := pointer
		if leads {
			rest = pointer[1:]
		}
		if !a.value(member.plan, rest, leads) {
			return false
		}
	}
	if _, err := a.ReadToken(); err != nil {
		return false
	}
	a.out = append(a.out, '}')
	return p == nil || len(p.among) == 0 && members >= p.minMembers && members <= p.maxMembers && required == p.required
}

func (a *acceptor) array(p *plan) bool {
	if _, err := a.ReadToken(); err != nil {
		return false
	}
	a.out = append(a.out, '[')
	items := 0
	for a.PeekKind() != ']' {
		if items > 0 {
			a.out = append(a.out, ',')
		}
		if !a.value(p.item(items), nil, false) {
			return false
		}
		items++
	}
	if _, err := a.ReadToken(); err != nil {
		return false
	}
	a.out = append(a.out, ']')
	return p == nil || len(p.among) == 0 && items >= p.minItems && items <= p.maxItems
}

// unquote gives the text of a string, until the next one.
func (a *acceptor) unquote(raw jsontext.Value) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, err := jsontext.AppendUnquote(a.scratch[:0], raw)
	if err != nil {
		panic(err) // the decoder has just taken it
	}
	a.scratch = text
	return text
}

func isBeyondDouble(raw jsontext.Value) bool {
	return (len(raw) > maxNumber || bytes.ContainsAny(raw, "eE")) && beyondDouble(string(raw)) != ""
}

func (p *plan) takes(t types) bool { return p == nil || p.types&t != 0 }

// isAmong tells whether a value is in each of the lists of constants.
func (p *plan) isAmong(is func(constants) bool) bool {
	if p != nil {
		for _, c := range p.among {
			if !is(c) {
				return false
			}
		}
	}
	return true
}

func (p *plan) member(name []byte) property {
	if p == nil {
		return property{}
	}
	if member, ok := p.members[string(name)]; ok {
		return member
	}
	return property{plan: p.others}
}

func (p *plan) item(i int) *plan {
	switch {
	case p == nil:
		return nil
	case i < len(p.prefix):
		return p.prefix[i]
	}
	return p.items
}

func (p *plan) takesString(text []byte) bool {
	if p == nil {
		return true
	}
	if p.minLength > 0 || p.maxLength < len(text) {
		if n := utf8.RuneCount(text); n < p.minLength || n > p.maxLength {
			return false
		}
	}
	if !p.isAmong(func(c constants) bool { return c.strings[string(text)] }) {
		return false
	}
	for _, pattern := range p.patterns {
		if !pattern.Match(text) {
			return false
		}
	}
	for _, format := range p.formats {
		if format.Validate(string(text)) != nil {
			return false
		}
	}
	return true
}

func (p *plan) takesNumber(raw jsontext.Value) bool {
	if p == nil {
		return true
	}
	n := newNumber(raw)
	if p.types&integerType == 0 || p.types&fractionType == 0 && !n.isInteger() {
		return false
	}
	if !p.isAmong(func(c constants) bool {
		return slices.ContainsFunc(c.numbers, func(f *fraction) bool { return n.compare(f) == 0 })
	}) {
		return false
	}
	for _, limit := range p.minimum {
		if n.compare(limit) < 0 {
			return false
		}
	}
	for _, limit := range p.maximum {
		if n.compare(limit) > 0 {
			return false
		}
	}
	for _, limit := range p.above {
		if n.compare(limit) <= 0 {
			return false
		}
	}
	for _, limit := range p.below {
		if n.compare(limit) >= 0 {
			return false
		}
	}
	for _, of := range p.multipleOf {
		if !n.isMultipleOf(of) {
			return false
		}
	}
	return true
}
