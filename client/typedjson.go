package client

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A typedWriter writes the JSON that a typed message stands for, as far as its descriptor tells.
type typedWriter struct {
	out    []byte
	exact  map[string]string // the JSON of values that their fields only come near to, by pointer
	sparse bool              // of a control event: a scalar that is not set is left out
}

// message writes a message, which is at a JSON Pointer.
func (w *typedWriter) message(at string, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		seconds, nanos := moment(m)
		w.text(time.Unix(seconds, int64(nanos)).UTC().Format(time.RFC3339Nano))
		return
	case "google.protobuf.Duration":
		seconds, _ := moment(m) // JSON Schema has no parts of seconds
		w.text(duration(seconds))
		return
	case "google.protobuf.Struct", "google.protobuf.ListValue":
		w.field(at, fields.Get(0), m.Get(fields.Get(0)))
		return
	}
	if kind := m.Descriptor().Oneofs().ByName("kind"); kind != nil { // it is one of several
		if chosen := m.WhichOneof(kind); chosen != nil {
			w.field(at, chosen, m.Get(chosen))
		} else {
			w.out = append(w.out, "null"...)
		}
		return
	}
	if f := wrapped(m.Descriptor()); f != nil {
		if f.HasPresence() && !m.Has(f) {
			w.out = append(w.out, "null"...)
		} else {
			w.field(at, f, m.Get(f))
		}
		return
	}
	w.object(at, m)
}

// wrapped gives the field that is there only because its value cannot be an event, or repeated, by itself. (An object that
// can have this one member and no other looks the same.)
func wrapped(d protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if d.Fields().Len() != 1 {
		return nil
	}
	f := d.Fields().Get(0)
	if f.Name() == "items" && f.IsList() || f.Name() == "entries" && f.IsMap() ||
		f.Name() == "value" && (f.HasPresence() || f.IsList() || f.IsMap()) {
		return f
	}
	return nil
}

func (w *typedWriter) object(at string, m protoreflect.Message) {
	additional, nulls := special(m.Descriptor())
	null := func(f protoreflect.FieldDescriptor) bool {
		if nulls == nil {
			return false
		}
		for i := range m.Get(nulls).List().Len() {
			if m.Get(nulls).List().Get(i).String() == string(f.Name()) {
				return true
			}
		}
		return false
	}
	w.out = append(w.out, '{')
	first := len(w.out)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case f == additional || f == nulls:
		case null(f):
			w.name(first, f.JSONName())
			w.out = append(w.out, "null"...)
		case m.Has(f) || !w.sparse && !f.HasPresence() && !f.IsList() && !f.IsMap():
			w.name(first, f.JSONName())
			w.field(at+"/"+escape.Replace(f.JSONName()), f, m.Get(f))
		}
	}
	if additional != nil && m.Has(additional) {
		members := additional
		value := m.Get(additional)
		if !additional.IsMap() { // a Struct
			members = additional.Message().Fields().Get(0)
			value = value.Message().Get(members)
		}
		w.members(at, first, members, value.Map())
	}
	w.out = append(w.out, '}')
}

// special finds the fields that stand for no member of an object: the one with the members that are not declared, and the
// one with the names of those that are null. A property of such a name has come before it.
func special(d protoreflect.MessageDescriptor) (additional, nulls protoreflect.FieldDescriptor) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.HasJSONName() && f.JSONName() != lowerCamel(string(f.Name())) {
			continue
		}
		name := strings.TrimRight(string(f.Name()), "_0123456789")
		isStruct := !f.IsList() && f.Message() != nil && f.Message().FullName() == "google.protobuf.Struct"
		if name == "additional_properties" && (f.IsMap() || isStruct) {
			additional = f
		}
		if name == "null_fields" && f.IsList() && f.Kind() == protoreflect.StringKind {
			nulls = f
		}
	}
	return additional, nulls
}

// lowerCamel is the name in JSON that protobuf gives to a field by itself.
func lowerCamel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// The two characters that a token of a JSON Pointer cannot hold as they are (RFC 6901, section 3).
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// field writes a field's value.
func (w *typedWriter) field(at string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.IsMap():
		w.out = append(w.out, '{')
		w.members(at, len(w.out), f, v.Map())
		w.out = append(w.out, '}')
	case f.IsList():
		w.out = append(w.out, '[')
		for i := range v.List().Len() {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.value(at+"/"+strconv.Itoa(i), f, v.List().Get(i))
		}
		w.out = append(w.out, ']')
	default:
		w.value(at, f, v)
	}
}

// members writes the entries of a map after those that are there since first, by name.
func (w *typedWriter) members(at string, first int, f protoreflect.FieldDescriptor, entries protoreflect.Map) {
	var names []string
	entries.Range(func(name protoreflect.MapKey, _ protoreflect.Value) bool {
		names = append(names, name.String())
		return true
	})
	slices.Sort(names)
	for _, name := range names {
		w.name(first, name)
		w.value(at+"/"+escape.Replace(name), f.MapValue(), entries.Get(protoreflect.ValueOfString(name).MapKey()))
	}
}

// name begins a member after those that are there since first.
func (w *typedWriter) name(first int, name string) {
	if len(w.out) > first {
		w.out = append(w.out, ',')
	}
	w.text(name)
	w.out = append(w.out, ':')
}

func (w *typedWriter) value(at string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	if exact, ok := w.exact[at]; ok && json.Valid([]byte(exact)) {
		w.out = append(w.out, exact...)
		return
	}
	switch f.Kind() {
	case protoreflect.MessageKind:
		w.message(at, v.Message())
	case protoreflect.StringKind:
		w.text(v.String())
	case protoreflect.BytesKind:
		w.text(base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.EnumKind:
		if f.Enum().FullName() == "google.protobuf.NullValue" {
			w.out = append(w.out, "null"...)
		} else if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			w.text(string(value.Name()))
		} else { // of a newer server
			w.out = strconv.AppendInt(w.out, int64(v.Enum()), 10)
		}
	default: // numbers and booleans
		text, err := json.Marshal(v.Interface())
		if err != nil { // NaN and infinity, which JSON does not have
			text = []byte("null")
		}
		w.out = append(w.out, text...)
	}
}

func (w *typedWriter) text(text string) {
	// The error is that text is not UTF-8, which protobuf checks; it is written all the same.
	w.out, _ = jsontext.AppendQuote(w.out, text)
}

// moment gives what a Timestamp or a Duration has.
func moment(m protoreflect.Message) (seconds int64, nanos int32) {
	fields := m.Descriptor().Fields()
	return m.Get(fields.ByName("seconds")).Int(), int32(m.Get(fields.ByName("nanos")).Int())
}

// duration gives seconds as ISO 8601 has them. Minutes stand between hours and seconds (RFC 3339, appendix A).
func duration(seconds int64) string {
	hours, minutes, rest := seconds/3600, seconds/60%60, seconds%60
	text := "PT"
	if hours > 0 {
		text += strconv.FormatInt(hours, 10) + "H"
	}
	if minutes > 0 || hours > 0 && rest > 0 {
		text += strconv.FormatInt(minutes, 10) + "M"
	}
	if rest > 0 || seconds == 0 {
		text += strconv.FormatInt(rest, 10) + "S"
	}
	return text
}
