package typed

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/leatstream/leat/contract"
)

// A message is a message of protobuf, and what it stands for in JSON.
type message struct {
	name    string // within the package, such as OrderShipped.Address
	parent  *message
	comment string
	form    messageForm
	fields  []*field // in the order of declaration

	members    map[string]*field // of an object, by name in JSON; of a union, by what the teller says
	additional *field            // for members that are not declared; nil where there can be none
	nulls      *field            // lists the fields that are null; nil where none can be
	teller     string            // of a union

	nested []*message
	enums  []*enum

	lock     *lockMessage
	key      string          // of the spec it was made of
	set      string          // of the schemas that it was made of
	guessed  bool            // its schema does not say that it is of this type
	open     bool            // of what an event is: valid data may not fit, see isOpen
	explicit bool            // fields tell whether they are there even where they are required
	types    map[string]bool // plain names of what is nested, and of enum values

	descriptor protoreflect.MessageDescriptor
}

// A messageForm says what a message stands for.
type messageForm int

const (
	objectForm  messageForm = iota // an object
	unionForm                      // an object, which is one of several
	kindsForm                      // a value of one of several types
	wrapperForm                    // a value that cannot be a field by itself: its only field is it
)

// A field is a field of a message.
type field struct {
	json, name  string
	number      protowire.Number
	typ         typ
	cardinality cardinality
	optional    bool // tells a default value from none
	inOneof     bool
	required    bool
	nullable    bool
	guessed     bool // its schema does not say that it is of this type
	constant    *any // the only valid value
	comment     string
	deprecated  bool

	descriptor protoreflect.FieldDescriptor
}

type cardinality int

const (
	single cardinality = iota
	repeated
	mapped // from strings
)

// A typ is the type of a field or of what it repeats.
type typ struct {
	kind    kind
	message *message
	enum    *enum
}

type kind int

const (
	kindString kind = iota
	kindBytes
	kindBool
	kindInt32
	kindInt64
	kindUint32
	kindUint64
	kindDouble
	kindEnum
	kindMessage
	kindTimestamp
	kindDuration
	kindValue
	kindStruct
	kindNull
)

var kindNames = [...]string{kindString: "string", kindBytes: "bytes", kindBool: "bool", kindInt32: "int32", kindInt64: "int64",
	kindUint32: "uint32", kindUint64: "uint64", kindDouble: "double", kindTimestamp: "google.protobuf.Timestamp",
	kindDuration: "google.protobuf.Duration", kindValue: "google.protobuf.Value", kindStruct: "google.protobuf.Struct",
	kindNull: "google.protobuf.NullValue"}

// String is the type as a .proto names it, within the package.
func (t typ) String() string {
	switch t.kind {
	case kindMessage:
		return t.message.name
	case kindEnum:
		return t.enum.name
	}
	return kindNames[t.kind]
}

// isMessage tells whether the wire has it as a message.
func (t typ) isMessage() bool {
	switch t.kind {
	case kindMessage, kindTimestamp, kindDuration, kindValue, kindStruct:
		return true
	}
	return false
}

// isPacked tells whether a list of them is one stretch of bytes.
func (t typ) isPacked() bool { return !t.isMessage() && t.kind != kindString && t.kind != kindBytes }

// text is what the lock and an error say of the field's type.
func (f *field) text() string {
	switch {
	case f.cardinality == repeated:
		return "repeated " + f.typ.String()
	case f.cardinality == mapped:
		return "map<string, " + f.typ.String() + ">"
	case f.optional:
		return "optional " + f.typ.String()
	}
	return f.typ.String()
}

// readsAs tells whether what is sent as the type of a lock's entry is read as the field's own.
func (f *field) readsAs(locked string) bool {
	label, of := split(locked)
	own, typ := split(f.text())
	several := func(label string) bool { return label == "map" || label == "repeated" }
	named := func(of string) bool { return !slices.Contains(kindNames[:], of) }
	return (label == own || !several(label) && !several(own)) && (of == typ || named(of) && named(typ))
}

// split is the reverse of text, as far as it goes without the types themselves.
func split(text string) (label, of string) {
	if inner, ok := strings.CutPrefix(text, "map<string, "); ok {
		return "map", strings.TrimSuffix(inner, ">")
	}
	for _, label := range []string{"repeated", "optional"} {
		if inner, ok := strings.CutPrefix(text, label+" "); ok {
			return label, inner
		}
	}
	return "", text
}

// An enum is an enum of protobuf, of strings in JSON.
type enum struct {
	name    string
	comment string
	zero    string // the name of the value 0
	values  []*enumValue
	byJSON  map[string]*enumValue
	lock    *lockMessage
}

type enumValue struct {
	json, name string
	number     int32
}

func (e *enum) byNumber(number int32) *enumValue {
	for _, v := range e.values {
		if v.number == number {
			return v
		}
	}
	return nil
}

// last is the part of a name behind the last dot.
func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// comment is what a node says of itself.
func commentOf(nodes ...*contract.Node) string {
	for _, n := range nodes {
		if n != nil && (n.Title != "" || n.Description != "") {
			return strings.TrimSpace(strings.TrimSpace(n.Title) + "\n" + strings.TrimSpace(n.Description))
		}
	}
	return ""
}
