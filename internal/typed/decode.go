package typed

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// A decoder turns a message into JSON. What is wrong with it is told all at once.
type decoder struct {
	out   []byte
	at    []string          // the names and indices that lead to where it is
	exact map[string]string // by pointer, as the client sent them; what was used is removed
	wrong []problem.Violation
}

func (d *decoder) errorf(format string, args ...any) {
	if len(d.wrong) < maxErrors {
		d.wrong = append(d.wrong, problem.Violation{Pointer: "/data" + d.pointer(), Detail: fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) pointer() string {
	var b []byte
	for _, token := range d.at {
		b = append(b, '/')
		b = append(b, escape.Replace(token)...)
	}
	return string(b)
}

// in does something with what is at a name or an index.
func (d *decoder) in(token string, do func()) {
	d.at = append(d.at, token)
	do()
	d.at = d.at[:len(d.at)-1]
}

// message appends what the message stands for.
func (d *decoder) message(msg *message, m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		d.errorf("has fields that are not in the service that this server makes of its contract: %s", unknownFields(m))
	}
	switch msg.form {
	case objectForm:
		d.object(msg, m)
	case wrapperForm:
		d.wrapper(msg.fields[0], m)
	case kindsForm, unionForm:
		f := chosen(msg, m)
		if f == nil {
			d.errorf("has none of the fields of %s set", msg.name)
			d.out = append(d.out, "null"...)
			return
		}
		d.value(f, m.Get(f.descriptor))
	}
}

func chosen(msg *message, m protoreflect.Message) *field {
	for _, f := range msg.fields {
		if m.Has(f.descriptor) {
			return f
		}
	}
	return nil
}

func (d *decoder) wrapper(f *field, m protoreflect.Message) {
	if f.cardinality == single && !m.Has(f.descriptor) {
		if !f.nullable {
			d.errorf("has no value")
		}
		d.out = append(d.out, "null"...)
		return
	}
	d.value(f, m.Get(f.descriptor))
}

func (d *decoder) object(msg *message, m protoreflect.Message) {
	nulls := d.nulls(msg, m)
	d.out = append(d.out, '{')
	first := len(d.out)
	for _, f := range msg.fields {
		d.in(f.json, func() { d.member(f, m, nulls[f.name], first) })
	}
	if msg.additional != nil && m.Has(msg.additional.descriptor) {
		d.additional(msg, m.Get(msg.additional.descriptor), first)
	}
	d.out = append(d.out, '}')
}

// nulls gives the names of the fields that are null.
func (d *decoder) nulls(msg *message, m protoreflect.Message) map[string]bool {
	if msg.nulls == nil || !m.Has(msg.nulls.descriptor) {
		return nil
	}
	list := m.Get(msg.nulls.descriptor).List()
	names := map[string]bool{}
	for i := range list.Len() {
		name := list.Get(i).String()
		f := msg.fieldNamed(name)
		switch {
		case f == nil:
			d.errorf("has %q in %s, which is no field of %s", shorten(name), msg.nulls.name, msg.name)
		case !f.nullable:
			d.in(f.json, func() { d.errorf("cannot be null") })
		default:
			names[name] = true
		}
	}
	return names
}

func (msg *message) fieldNamed(name string) *field {
	for _, f := range msg.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func shorten(text string) string {
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// member appends the member that a field stands for, unless it is not there. A required one that proto3 cannot tell from
// one that is not there is.
func (d *decoder) member(f *field, m protoreflect.Message, null bool, first int) {
	there := m.Has(f.descriptor)
	switch {
	case null && there:
		d.errorf("is listed among the fields that are null, but has a value")
		return
	case null, !there && f.required && f.nullable && (f.cardinality == single && f.hasPresence()):
		d.name(f.json, first)
		d.out = append(d.out, "null"...)
		return
	case !there && f.required && f.constant != nil:
		if text, ok := constantJSON(*f.constant); ok {
			d.name(f.json, first)
			d.out = append(d.out, text...)
		}
		return
	case !there && (!f.required || f.cardinality == single && (f.hasPresence() || f.typ.kind == kindEnum)):
		return
	}
	d.name(f.json, first)
	d.value(f, m.Get(f.descriptor))
}

func (f *field) hasPresence() bool { return f.descriptor.HasPresence() }

// name appends the name of a member, and what goes before it.
func (d *decoder) name(name string, first int) {
	if len(d.out) > first {
		d.out = append(d.out, ',')
	}
	d.out = append(event.AppendString(d.out, name), ':')
}

func constantJSON(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return string(event.AppendString(nil, v)), true
	case bool:
		return strconv.FormatBool(v), true
	case fmt.Stringer: // json.Number
		return v.String(), true
	}
	return "", false
}

// additional appends members that are not declared.
func (d *decoder) additional(msg *message, value protoreflect.Value, first int) {
	f := msg.additional
	if f.cardinality == mapped {
		d.members(msg, f, value.Map(), first)
		return
	}
	members := &field{cardinality: mapped, typ: typ{kind: kindValue}}
	d.members(msg, members, fieldOf(value.Message(), 1).Map(), first)
}

func fieldOf(m protoreflect.Message, number protoreflect.FieldNumber) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByNumber(number))
}

// members appends the entries of a map, sorted; msg is nil where no name is one that is declared.
func (d *decoder) members(msg *message, f *field, entries protoreflect.Map, first int) {
	all := map[string]protoreflect.Value{}
	entries.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		all[key.String()] = value
		return true
	})
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d.in(name, func() {
			if msg != nil && msg.members[name] != nil {
				d.errorf("is the field %s, and cannot be in %s", msg.members[name].name, msg.additional.name)
				return
			}
			d.name(name, first)
			d.one(f.typ, all[name])
		})
	}
}

// value appends what a field holds.
func (d *decoder) value(f *field, value protoreflect.Value) {
	switch f.cardinality {
	case repeated:
		list := value.List()
		d.out = append(d.out, '[')
		for i := range list.Len() {
			if i > 0 {
				d.out = append(d.out, ',')
			}
			d.in(strconv.Itoa(i), func() { d.one(f.typ, list.Get(i)) })
		}
		d.out = append(d.out, ']')
	case mapped:
		d.out = append(d.out, '{')
		d.members(nil, f, value.Map(), len(d.out))
		d.out = append(d.out, '}')
	default:
		d.one(f.typ, value)
	}
}

// one appends one value.
func (d *decoder) one(t typ, value protoreflect.Value) {
	switch t.kind {
	case kindString:
		d.out = event.AppendString(d.out, value.String())
	case kindBytes:
		d.out = append(d.out, '"')
		d.out = base64.StdEncoding.AppendEncode(d.out, value.Bytes())
		d.out = append(d.out, '"')
	case kindBool:
		d.out = strconv.AppendBool(d.out, value.Bool())
	case kindInt32, kindInt64:
		d.out = strconv.AppendInt(d.out, value.Int(), 10)
	case kindUint32, kindUint64:
		d.out = strconv.AppendUint(d.out, value.Uint(), 10)
	case kindDouble:
		d.double(value.Float())
	case kindNull:
		d.out = append(d.out, "null"...)
	case kindEnum:
		v := t.enum.byNumber(int32(value.Enum()))
		if v == nil {
			d.errorf("must be a value of %s, not the number %d", t.enum.name, value.Enum())
			d.out = append(d.out, "null"...)
			return
		}
		d.out = event.AppendString(d.out, v.json)
	case kindMessage:
		d.message(t.message, value.Message())
	case kindTimestamp, kindDuration:
		d.moment(t.kind, value.Message())
	case kindValue:
		d.any(value.Message())
	case kindStruct: // never by itself: see additional
	}
}

// double appends a number, or the one that is only near to it, if the client sent that.
func (d *decoder) double(number float64) {
	if math.IsInf(number, 0) || math.IsNaN(number) {
		d.errorf("must be a finite number, as JSON has no other")
		d.out = append(d.out, '0')
		return
	}
	if text, ok := d.exactly(); ok {
		if near, err := strconv.ParseFloat(text, 64); err == nil && near == number {
			d.out = append(d.out, text...)
			return
		}
		d.errorf("is %v, to which exact_values has something else", number)
	}
	d.out = appendDouble(d.out, number)
}

func appendDouble(dst []byte, number float64) []byte {
	format := byte('f')
	if size := math.Abs(number); size != 0 && (size < 1e-6 || size >= 1e21) { // as JavaScript writes them
		format = 'e'
	}
	return strconv.AppendFloat(dst, number, format, -1, 64)
}

// exactly gives the exact JSON of the value at hand, where the client sent it.
func (d *decoder) exactly() (string, bool) {
	if len(d.exact) == 0 {
		return "", false
	}
	pointer := d.pointer()
	text, ok := d.exact[pointer]
	delete(d.exact, pointer)
	return text, ok
}

func (d *decoder) moment(k kind, m protoreflect.Message) {
	seconds, nanos := fieldOf(m, 1).Int(), int32(fieldOf(m, 2).Int())
	format, parse := formatTime, parseTime
	if k == kindDuration {
		format, parse = formatDuration, parseDuration
	}
	text, err := format(seconds, nanos)
	if err != nil {
		d.errorf("%v", err)
	}
	if exact, ok := d.exactly(); ok {
		said, ok := unquoteJSON(exact)
		near, err := parse(said)
		if ok && err == nil && near.seconds == seconds && near.nanos == nanos {
			text = said
		} else {
			d.errorf("is %s, to which exact_values has something else", text)
		}
	}
	d.out = event.AppendString(d.out, text)
}

// any appends a google.protobuf.Value.
func (d *decoder) any(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if f == nil {
		d.errorf("is a google.protobuf.Value with nothing in it")
		d.out = append(d.out, "null"...)
		return
	}
	value := m.Get(f)
	switch f {
	case fields.ByNumber(1):
		d.out = append(d.out, "null"...)
	case fields.ByNumber(2):
		d.double(value.Float())
	case fields.ByNumber(3):
		d.out = event.AppendString(d.out, value.String())
	case fields.ByNumber(4):
		d.out = strconv.AppendBool(d.out, value.Bool())
	case fields.ByNumber(5):
		d.value(&field{cardinality: mapped, typ: typ{kind: kindValue}}, fieldOf(value.Message(), 1))
	case fields.ByNumber(6):
		d.value(&field{cardinality: repeated, typ: typ{kind: kindValue}}, fieldOf(value.Message(), 1))
	}
}
