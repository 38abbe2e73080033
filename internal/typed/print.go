package typed

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A printer writes a file's descriptor as a .proto.
type printer struct {
	strings.Builder
	file     protoreflect.FileDescriptor
	comments map[string]string // by full name
}

// protoText gives the text of a file.
func protoText(file protoreflect.FileDescriptor, comments map[string]string) string {
	p := &printer{file: file, comments: comments}
	p.line(0, `syntax = "proto3";`)
	p.line(0, "")
	p.line(0, "// Made by leat from its contract, and served by it: the numbers never change.")
	p.line(0, "package %s;", file.Package())
	p.line(0, "")
	for i := range file.Imports().Len() {
		p.line(0, "import %q;", file.Imports().Get(i).Path())
	}
	p.line(0, "")
	options, _ := file.Options().(*descriptorpb.FileOptions)
	p.line(0, "option go_package = %q;", options.GetGoPackage())
	for i := range file.Services().Len() {
		p.service(file.Services().Get(i))
	}
	for i := range file.Enums().Len() {
		p.line(0, "")
		p.enum(0, file.Enums().Get(i))
	}
	for i := range file.Messages().Len() {
		p.line(0, "")
		p.message(0, file.Messages().Get(i))
	}
	return p.Builder.String()
}

func (p *printer) line(depth int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		p.WriteString(strings.Repeat("  ", depth))
	}
	p.WriteString(text + "\n")
}

// comment writes what is said of a thing; a comment ends with its line, whatever the contract has in it.
func (p *printer) comment(depth int, of protoreflect.Descriptor) {
	text := p.comments[string(of.FullName())]
	if text == "" {
		return
	}
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\n' || c == '\r' }) {
		line = strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f {
				return ' '
			}
			return c
		}, line)
		p.line(depth, "%s", strings.TrimRight("// "+line, " "))
	}
}

func (p *printer) service(s protoreflect.ServiceDescriptor) {
	p.line(0, "")
	p.comment(0, s)
	p.line(0, "service %s {", s.Name())
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		p.comment(1, m)
		p.line(1, "rpc %s(%s%s) returns (%s%s);", m.Name(), streams(m.IsStreamingClient()), m.Input().Name(),
			streams(m.IsStreamingServer()), m.Output().Name())
	}
	p.line(0, "}")
}

func streams(yes bool) string {
	if yes {
		return "stream "
	}
	return ""
}

func (p *printer) message(depth int, m protoreflect.MessageDescriptor) {
	p.comment(depth, m)
	p.line(depth, "message %s {", m.Name())
	p.reserved(depth+1, numbersOf(m.ReservedRanges()), m.ReservedNames())
	for i := range m.Enums().Len() {
		p.enum(depth+1, m.Enums().Get(i))
	}
	for i := range m.Messages().Len() {
		if nested := m.Messages().Get(i); !nested.IsMapEntry() {
			p.message(depth+1, nested)
		}
	}
	for i := 0; i < m.Fields().Len(); i++ { //nolint:intrange // a oneof takes several
		f := m.Fields().Get(i)
		if oneof := f.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
			if oneof.Fields().Get(0) == f {
				p.oneof(depth+1, oneof)
			}
			continue
		}
		p.field(depth+1, f)
	}
	p.line(depth, "}")
}

func numbersOf(ranges protoreflect.FieldRanges) []int32 {
	var all []int32
	for i := range ranges.Len() {
		all = append(all, int32(ranges.Get(i)[0]))
	}
	return all
}

func (p *printer) reserved(depth int, numbers []int32, names protoreflect.Names) {
	if len(numbers) == 0 {
		return
	}
	texts := make([]string, len(numbers))
	for i, number := range numbers {
		texts[i] = strconv.Itoa(int(number))
	}
	p.line(depth, "reserved %s;", strings.Join(texts, ", "))
	quoted := make([]string, names.Len())
	for i := range quoted {
		quoted[i] = strconv.Quote(string(names.Get(i)))
	}
	p.line(depth, "reserved %s;", strings.Join(quoted, ", "))
}

func (p *printer) oneof(depth int, o protoreflect.OneofDescriptor) {
	p.line(depth, "oneof %s {", o.Name())
	for i := range o.Fields().Len() {
		p.field(depth+1, o.Fields().Get(i))
	}
	p.line(depth, "}")
}

func (p *printer) field(depth int, f protoreflect.FieldDescriptor) {
	p.comment(depth, f)
	label := ""
	switch {
	case f.IsList():
		label = "repeated "
	case f.HasOptionalKeyword():
		label = "optional "
	}
	text := label + p.typ(f)
	if f.IsMap() {
		text = "map<string, " + p.typ(f.MapValue()) + ">"
	}
	var options []string
	if fieldOptions, _ := f.Options().(*descriptorpb.FieldOptions); fieldOptions.GetDeprecated() {
		options = append(options, "deprecated = true")
	}
	if f.JSONName() != lowerCamel(string(f.Name())) {
		options = append(options, "json_name = "+protoQuote(f.JSONName()))
	}
	after := ""
	if len(options) > 0 {
		after = " [" + strings.Join(options, ", ") + "]"
	}
	p.line(depth, "%s %s = %d%s;", text, f.Name(), f.Number(), after)
}

// protoQuote writes a string with what is not ASCII as its bytes in octal, which every compiler reads alike.
func protoQuote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// typ is the shortest name that means the field's type where the field is.
func (p *printer) typ(f protoreflect.FieldDescriptor) string {
	var target protoreflect.Descriptor
	switch f.Kind() {
	case protoreflect.MessageKind:
		target = f.Message()
	case protoreflect.EnumKind:
		target = f.Enum()
	default:
		return f.Kind().String()
	}
	from := f.Parent()
	if m, ok := from.(protoreflect.MessageDescriptor); ok && m.IsMapEntry() {
		from = from.Parent()
	}
	full := string(target.FullName())
	if target.ParentFile().Path() != p.file.Path() {
		if p.meaning(from, strings.SplitN(full, ".", 2)[0]) == "" {
			return full
		}
		return "." + full
	}
	parts := strings.Split(strings.TrimPrefix(full, string(p.file.Package())+"."), ".")
	for i, part := range slices.Backward(parts) {
		if p.meaning(from, part) == string(p.file.Package())+"."+strings.Join(parts[:i+1], ".") {
			return strings.Join(parts[i:], ".")
		}
	}
	return "." + full
}

// meaning gives the full name of the type that a name leads to from within a message, going outwards.
func (p *printer) meaning(from protoreflect.Descriptor, name string) string {
	for at := from; at != nil; at = at.Parent() {
		var found protoreflect.Descriptor
		switch scope := at.(type) {
		case protoreflect.MessageDescriptor:
			found = typeNamed(scope.Messages(), scope.Enums(), name)
		case protoreflect.FileDescriptor:
			found = typeNamed(scope.Messages(), scope.Enums(), name)
		}
		if found != nil {
			return string(found.FullName())
		}
	}
	return ""
}

func typeNamed(messages protoreflect.MessageDescriptors, enums protoreflect.EnumDescriptors, name string) protoreflect.Descriptor {
	if m := messages.ByName(protoreflect.Name(name)); m != nil {
		return m
	}
	if e := enums.ByName(protoreflect.Name(name)); e != nil {
		return e
	}
	return nil
}

func (p *printer) enum(depth int, e protoreflect.EnumDescriptor) {
	p.comment(depth, e)
	p.line(depth, "enum %s {", e.Name())
	var numbers []int32
	for i := range e.ReservedRanges().Len() {
		numbers = append(numbers, int32(e.ReservedRanges().Get(i)[0]))
	}
	p.reserved(depth+1, numbers, e.ReservedNames())
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		if text := p.comments[string(e.FullName())+"."+string(v.Name())]; text != "" {
			p.line(depth+1, "// %s", text)
		}
		p.line(depth+1, "%s = %d;", v.Name(), v.Number())
	}
	p.line(depth, "}")
}
