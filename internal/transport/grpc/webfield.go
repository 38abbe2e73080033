package grpc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wrongField names the field that an error of protojson's is about, as /event/key: it tells line and column. It is "" where
// the error is about no value.
func wrongField(text []byte, message protoreflect.MessageDescriptor, told string) string {
	var line, column int
	if _, err := fmt.Sscanf(strings.TrimPrefix(told, "syntax error "), "(line %d:%d)", &line, &column); err != nil {
		return ""
	}
	at, ok := offsetOf(text, line, column)
	if !ok {
		return ""
	}
	field := inFields(message, pointerTo(text, at))
	if len(field) > maxField || strings.Contains(field, "\x00") || !utf8.ValidString(field) {
		return ""
	}
	return field
}

// maxField is how long a field can be in a status, which travels in headers.
const maxField = 500

// offsetOf finds a place; both numbers are from 1, and columns are of characters.
func offsetOf(text []byte, line, column int) (int, bool) {
	at := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return 0, false
		}
		at += end + 1
	}
	for ; column > 1; column-- {
		_, size := utf8.DecodeRune(text[at:])
		if size == 0 {
			return 0, false
		}
		at += size
	}
	return at, true
}

// pointerTo gives the JSON Pointer of the name or the value that begins at an offset; "" where none does.
func pointerTo(text []byte, at int) jsontext.Pointer {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for begins := 0; begins <= at; {
		begins = int(d.InputOffset())
		for begins < len(text) && strings.IndexByte(" \t\r\n,:", text[begins]) >= 0 {
			begins++
		}
		if _, err := d.ReadToken(); err != nil {
			return ""
		}
		if begins == at {
			return d.StackPointer()
		}
	}
	return ""
}

// inFields spells a pointer into a message's JSON with the names of its fields.
func inFields(message protoreflect.MessageDescriptor, pointer jsontext.Pointer) string {
	var named jsontext.Pointer
	tokens := slices.Collect(pointer.Tokens())
	for i := 0; i < len(tokens); i++ {
		field := fieldIn(message, tokens[i])
		if field == nil {
			named, message = named.AppendToken(tokens[i]), nil
			continue
		}
		named, message = named.AppendToken(string(field.Name())), field.Message()
		if field.IsMap() {
			message = field.MapValue().Message()
		}
		if i+1 < len(tokens) && (field.IsMap() || field.IsList()) {
			i++
			named = named.AppendToken(tokens[i])
		}
	}
	return string(named)
}

// ownJSON are the messages whose JSON has members that are no fields, and that are in messages of ours.
var ownJSON = []protoreflect.FullName{"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}

// fieldIn finds a field by either of its names; nil where there is none, as in messages with a JSON of their own.
func fieldIn(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if message == nil || slices.Contains(ownJSON, message.FullName()) {
		return nil
	}
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByName(protoreflect.Name(name))
}
