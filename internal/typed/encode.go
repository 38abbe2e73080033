package typed

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/leatstream/leat/internal/problem"
)

// An encoder turns JSON into the wire bytes of a message in one pass.
type encoder struct {
	*jsontext.Decoder
	text    bytes.Buffer
	data    []byte // all of the text
	base    string // where the text is in the event's data
	out     []byte
	exact   []exactValue
	scratch []byte // of strings with escapes
}

// An exactValue is one that its field only comes near to.
type exactValue struct{ pointer, json string }

// A misfit is what a field cannot hold.
type misfit problem.Violation

// Error gives the pointer and what is wrong.
func (m *misfit) Error() string { return strings.TrimSpace(m.Pointer + " " + m.Detail) }

// What is encoded was checked when it was published, so names are not compared to find those that are there twice.
var trusting = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var encoders = sync.Pool{New: func() any { return &encoder{Decoder: jsontext.NewDecoder(&bytes.Buffer{}, trusting...)} }}

func newEncoder(dst, data []byte, base string) *encoder {
	e := encoders.Get().(*encoder) //nolint:forcetypeassert // it has nothing else
	e.text = *bytes.NewBuffer(data)
	e.Reset(&e.text, trusting...)
	e.data, e.out, e.base, e.exact = data, dst, base, nil
	return e
}

func (e *encoder) release() {
	e.text = bytes.Buffer{}
	e.data, e.out, e.exact = nil, nil, nil
	encoders.Put(e)
}

func (e *encoder) wrong(format string, args ...any) error {
	return &misfit{e.base + string(e.StackPointer()), fmt.Sprintf(format, args...)}
}

// open begins what has its length before it; close puts the length there.
func (e *encoder) open(number protowire.Number) int {
	e.out = protowire.AppendTag(e.out, number, protowire.BytesType)
	e.out = append(e.out, 0)
	return len(e.out)
}

func (e *encoder) close(start int) {
	length := len(e.out) - start
	if length < 0x80 {
		e.out[start-1] = byte(length)
		return
	}
	more := protowire.SizeVarint(uint64(length)) - 1
	e.out = append(e.out, make([]byte, more)...)
	copy(e.out[start+more:], e.out[start:])
	protowire.AppendVarint(e.out[:start-1], uint64(length))
}

// message appends the fields of the message that the next value is.
func (e *encoder) message(msg *message) error {
	switch msg.form {
	case unionForm:
		return e.union(msg)
	case kindsForm:
		return e.kinds(msg)
	case wrapperForm:
		f := msg.fields[0]
		if e.PeekKind() == 'n' && f.nullable {
			return e.SkipValue()
		}
		return e.field(f)
	}
	return e.object(msg)
}

// A stretch is a part of the text.
type stretch struct{ from, to int64 }

func (e *encoder) object(msg *message) error {
	if e.PeekKind() != '{' {
		return e.wrongType("an object")
	}
	if _, err := e.ReadToken(); err != nil {
		return err
	}
	var extra []stretch // names and values that are not declared
	for e.PeekKind() != '}' {
		raw, err := e.ReadValue()
		if err != nil {
			return err
		}
		from := e.InputOffset() - int64(len(raw))
		f := msg.members[string(e.unquote(raw))]
		switch {
		case f == nil && msg.additional == nil:
			err = e.wrong("is not declared")
		case f == nil && msg.additional.cardinality == mapped:
			name := stretch{from, e.InputOffset()}
			err = e.entry(msg.additional, e.data[name.from:name.to])
		case f == nil:
			name := stretch{from, e.InputOffset()}
			if raw, err = e.ReadValue(); err == nil {
				extra = append(extra, name, stretch{e.InputOffset() - int64(len(raw)), e.InputOffset()})
			}
		case f.nullable && e.PeekKind() == 'n':
			e.out = protowire.AppendTag(e.out, msg.nulls.number, protowire.BytesType)
			e.out = protowire.AppendString(e.out, f.name)
			err = e.SkipValue()
		default:
			err = e.field(f)
		}
		if err != nil {
			return err
		}
	}
	if _, err := e.ReadToken(); err != nil {
		return err
	}
	if len(extra) == 0 {
		return nil
	}
	return e.extra(msg.additional.number, extra)
}

// extra appends members that are not declared as one Struct: some readers take only the last of several.
func (e *encoder) extra(number protowire.Number, members []stretch) error {
	at := e.base + string(e.StackPointer())
	all := e.open(number)
	for i := 0; i < len(members); i += 2 {
		rawName, raw := e.data[members[i].from:members[i].to], e.data[members[i+1].from:members[i+1].to]
		name := string(e.unquote(rawName))
		entry := e.open(1)
		e.out = protowire.AppendTag(e.out, 1, protowire.BytesType)
		e.out = protowire.AppendString(e.out, name)
		if err := e.apart(raw, at+"/"+escape.Replace(name), func(inner *encoder) error { return inner.value(2) }); err != nil {
			return err
		}
		e.close(entry)
	}
	e.close(all)
	return nil
}

// The two characters that a token of a JSON Pointer cannot hold as they are (RFC 6901, section 3).
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// apart encodes a part of the text that this encoder has passed already.
func (e *encoder) apart(raw []byte, pointer string, do func(*encoder) error) error {
	inner := newEncoder(e.out, raw, pointer)
	defer inner.release()
	err := do(inner)
	e.out = inner.out
	e.exact = append(e.exact, inner.exact...)
	return err
}

// union appends the object that the value is; which one only a member tells, which may stand anywhere in it.
func (e *encoder) union(msg *message) error {
	if e.PeekKind() != '{' {
		return e.wrongType("an object")
	}
	raw, err := e.ReadValue()
	if err != nil {
		return err
	}
	to := e.InputOffset()
	raw = e.data[to-int64(len(raw)) : to]
	pointer := e.base + string(e.StackPointer())
	said, err := memberOf(raw, msg.teller)
	if err != nil {
		return err
	}
	f := msg.members[said]
	if f == nil {
		return &misfit{pointer + "/" + escape.Replace(msg.teller), "tells none of the schemas apart"}
	}
	return e.apart(raw, pointer, func(inner *encoder) error { return inner.field(f) })
}

// memberOf gives the text of a member of an object, "" where it has none.
func memberOf(object []byte, name string) (string, error) {
	e := newEncoder(nil, object, "")
	defer e.release()
	if _, err := e.ReadToken(); err != nil {
		return "", err
	}
	for e.PeekKind() == '"' {
		raw, err := e.ReadValue()
		if err != nil {
			return "", err
		}
		if string(e.unquote(raw)) == name && e.PeekKind() == '"' {
			raw, err := e.ReadValue()
			return string(e.unquote(raw)), err
		}
		if err := e.SkipValue(); err != nil {
			return "", err
		}
	}
	return "", nil
}

var kindOfField = map[string]string{"boolean_value": "tf", "integer_value": "0", "number_value": "0", "string_value": `"`,
	"array_value": "[", "object_value": "{"}

func (e *encoder) kinds(msg *message) error {
	next := byte(e.PeekKind())
	for _, f := range msg.fields {
		if strings.IndexByte(kindOfField[f.json], next) >= 0 {
			return e.field(f)
		}
	}
	return e.wrongType("of another type")
}

func (e *encoder) wrongType(want string) error {
	got := map[byte]string{'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '[': "an array", '{': "an object"}
	if name := got[byte(e.PeekKind())]; name != "" {
		return e.wrong("must be %s, got %s", want, name)
	}
	_, err := e.ReadToken() // the text ends or is none
	if err == nil {
		err = e.wrong("must be %s", want)
	}
	return err
}

// field appends the next value as a field.
func (e *encoder) field(f *field) error {
	switch f.cardinality {
	case repeated:
		return e.list(f)
	case mapped:
		return e.entries(f)
	}
	return e.single(f.number, f.typ, !f.optional && !f.inOneof)
}

func (e *encoder) list(f *field) error {
	if e.PeekKind() != '[' {
		return e.wrongType("an array")
	}
	if _, err := e.ReadToken(); err != nil {
		return err
	}
	packed := f.typ.isPacked() && e.PeekKind() != ']'
	start := 0
	if packed {
		start = e.open(f.number)
	}
	for e.PeekKind() != ']' {
		var err error
		if packed {
			err = e.scalar(f.typ)
		} else {
			err = e.single(f.number, f.typ, false)
		}
		if err != nil {
			return err
		}
	}
	if packed {
		e.close(start)
	}
	_, err := e.ReadToken()
	return err
}

func (e *encoder) entries(f *field) error {
	if e.PeekKind() != '{' {
		return e.wrongType("an object")
	}
	if _, err := e.ReadToken(); err != nil {
		return err
	}
	for e.PeekKind() != '}' {
		raw, err := e.ReadValue()
		if err != nil {
			return err
		}
		if err := e.entry(f, raw); err != nil {
			return err
		}
	}
	_, err := e.ReadToken()
	return err
}

// entry appends an entry of a map, whose name was read and whose value is next.
func (e *encoder) entry(f *field, rawName []byte) error {
	start := e.open(f.number)
	e.out = protowire.AppendTag(e.out, 1, protowire.BytesType)
	e.out = protowire.AppendBytes(e.out, e.unquote(rawName))
	if err := e.single(2, f.typ, false); err != nil {
		return err
	}
	e.close(start)
	return nil
}

// single appends the next value; a default one is left out where that says the same.
func (e *encoder) single(number protowire.Number, t typ, implicit bool) error {
	switch t.kind {
	case kindMessage:
		start := e.open(number)
		if err := e.message(t.message); err != nil {
			return err
		}
		e.close(start)
		return nil
	case kindValue:
		return e.value(number)
	case kindTimestamp, kindDuration:
		return e.moment(number, t)
	case kindString, kindBytes:
		if e.PeekKind() != '"' {
			return e.wrongType("a string")
		}
		raw, err := e.ReadValue()
		if err != nil {
			return err
		}
		text := e.unquote(raw)
		if t.kind == kindBytes {
			if text, err = base64.StdEncoding.Strict().AppendDecode(nil, text); err != nil {
				return e.wrong("must be base64 (RFC 4648, section 4)")
			}
		}
		if !implicit || len(text) > 0 {
			e.out = protowire.AppendTag(e.out, number, protowire.BytesType)
			e.out = protowire.AppendBytes(e.out, text)
		}
		return nil
	}
	wire := protowire.VarintType
	if t.kind == kindDouble {
		wire = protowire.Fixed64Type
	}
	before := len(e.out)
	e.out = protowire.AppendTag(e.out, number, wire)
	start := len(e.out)
	if err := e.scalar(t); err != nil {
		return err
	}
	if implicit && isZero(e.out[start:]) {
		e.out = e.out[:before]
	}
	return nil
}
