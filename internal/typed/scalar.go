package typed

import (
	"bytes"
	"math"
	"math/big"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/leatstream/leat/event"
)

func isZero(wire []byte) bool {
	for _, c := range wire {
		if c != 0 {
			return false
		}
	}
	return true
}

// scalar appends the next value without a tag.
func (e *encoder) scalar(t typ) error {
	next := e.PeekKind()
	switch t.kind {
	case kindBool:
		if next != 't' && next != 'f' {
			return e.wrongType("a boolean")
		}
		e.out = protowire.AppendVarint(e.out, protowire.EncodeBool(next == 't'))
		return e.SkipValue()
	case kindNull:
		if next != 'n' {
			return e.wrongType("null")
		}
		e.out = protowire.AppendVarint(e.out, 0)
		return e.SkipValue()
	case kindEnum:
		if next != '"' {
			return e.wrongType("a string")
		}
		raw, err := e.ReadValue()
		if err != nil {
			return err
		}
		v := t.enum.byJSON[string(e.unquote(raw))]
		if v == nil {
			return e.wrong("is none of the values of %s", t.enum.name)
		}
		e.out = protowire.AppendVarint(e.out, uint64(v.number))
		return nil
	}
	if next != '0' {
		return e.wrongType("a number")
	}
	raw, err := e.ReadValue()
	if err != nil {
		return err
	}
	if t.kind == kindDouble {
		return e.double(raw)
	}
	return e.integer(raw, t.kind)
}

func (e *encoder) integer(raw []byte, k kind) error {
	number, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		r, ok := new(big.Rat).SetString(string(raw)) // 1e3 and 1.0 are integers too
		if !ok || !r.IsInt() {
			return e.wrong("must be an integer")
		}
		switch {
		case r.Num().IsInt64():
			number = r.Num().Int64()
		case k == kindUint64 && r.Num().IsUint64():
			e.out = protowire.AppendVarint(e.out, r.Num().Uint64())
			return nil
		default:
			return e.beyond(k)
		}
	}
	if k == kindInt32 && number != int64(int32(number)) || k == kindUint32 && number != int64(uint32(number)) ||
		k == kindUint64 && number < 0 {
		return e.beyond(k)
	}
	e.out = protowire.AppendVarint(e.out, uint64(number))
	return nil
}

func (e *encoder) beyond(k kind) error {
	from, to := rangeOf(k)
	return e.wrong("must be from %s to %s: the stream is offered over gRPC, where it is an %s; give it a minimum and a maximum, "+
		"or make it a string", from, to, kindNames[k])
}

func (e *encoder) double(raw []byte) error {
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(number, 0) {
		return e.wrong("must be within the range of a double: the stream is offered over gRPC")
	}
	if !isExact(raw, number) {
		e.exact = append(e.exact, exactValue{e.base + string(e.StackPointer()), string(raw)})
	}
	e.out = protowire.AppendFixed64(e.out, math.Float64bits(number))
	return nil
}

// isExact tells whether the number's shortest text, which is what becomes of it as JSON again, is equal to the text.
func isExact(raw []byte, number float64) bool {
	const sure = 15 // decimal digits that a double keeps (IEEE 754)
	if len(raw) <= sure && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return true
	}
	text := strconv.FormatFloat(number, 'g', -1, 64)
	if string(raw) == text {
		return true
	}
	was, ok := new(big.Rat).SetString(string(raw))
	is, alsoOK := new(big.Rat).SetString(text)
	return ok && alsoOK && was.Cmp(is) == 0
}

// value appends the next value as a google.protobuf.Value.
func (e *encoder) value(number protowire.Number) error {
	start := e.open(number)
	switch e.PeekKind() {
	case 'n':
		e.out = append(e.out, 1<<3, 0)
		if err := e.SkipValue(); err != nil {
			return err
		}
	case '0':
		e.out = protowire.AppendTag(e.out, 2, protowire.Fixed64Type)
		raw, err := e.ReadValue()
		if err != nil {
			return err
		}
		if err := e.double(raw); err != nil {
			return err
		}
	case '"':
		if err := e.single(3, typ{kind: kindString}, false); err != nil {
			return err
		}
	case 't', 'f':
		if err := e.single(4, typ{kind: kindBool}, false); err != nil {
			return err
		}
	case '{':
		inner := e.open(5)
		if err := e.entries(&field{number: 1, typ: typ{kind: kindValue}}); err != nil {
			return err
		}
		e.close(inner)
	case '[':
		inner := e.open(6)
		if err := e.list(&field{number: 1, typ: typ{kind: kindValue}}); err != nil {
			return err
		}
		e.close(inner)
	default:
		return e.wrongType("a value")
	}
	e.close(start)
	return nil
}

// unquote gives the text of a string, until the next one.
func (e *encoder) unquote(raw []byte) []byte {
	if len(raw) < 2 {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(e.scratch[:0], raw) // a lone surrogate becomes U+FFFD
	e.scratch = text
	return text
}

// moment appends the next value as a Timestamp or a Duration.
func (e *encoder) moment(number protowire.Number, t typ) error {
	if e.PeekKind() != '"' {
		return e.wrongType("a string")
	}
	raw, err := e.ReadValue()
	if err != nil {
		return err
	}
	text := string(e.unquote(raw))
	parse := parseTime
	if t.kind == kindDuration {
		parse = parseDuration
	}
	m, err := parse(text)
	if err != nil {
		return e.wrong("%v", err)
	}
	if !m.exact {
		e.exact = append(e.exact, exactValue{e.base + string(e.StackPointer()), string(event.AppendString(nil, text))})
	}
	e.out = appendMoment(e.out, number, m.seconds, m.nanos)
	return nil
}

// appendMoment appends a Timestamp or a Duration: both are seconds and nanoseconds.
func appendMoment(dst []byte, number protowire.Number, seconds int64, nanos int32) []byte {
	size := 0
	if seconds != 0 {
		size += 1 + protowire.SizeVarint(uint64(seconds))
	}
	if nanos != 0 {
		size += 1 + protowire.SizeVarint(uint64(nanos))
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	if seconds != 0 {
		dst = append(dst, 1<<3)
		dst = protowire.AppendVarint(dst, uint64(seconds))
	}
	if nanos != 0 {
		dst = append(dst, 2<<3)
		dst = protowire.AppendVarint(dst, uint64(nanos))
	}
	return dst
}
