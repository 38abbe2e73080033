package typed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/leatstream/leat/contract"
)

// A describer makes the descriptor of one stream's file, and the comments of its .proto.
type describer struct {
	stream   *contract.Stream
	pkg      string
	file     *descriptorpb.FileDescriptorProto
	comments map[string]string // by full name
	imports  map[string]bool
}

// packageName is the protobuf package of a stream; version 1 is of the mapping, not of the contract.
func packageName(stream string) string { return strings.ReplaceAll(stream, "-", "_") + ".v1" }

func serviceName(stream string) string { return pascal(stream) + "Service" }

// filePath is where the file is for those who import it; buf wants it to follow from the package.
func filePath(stream string) string {
	name := strings.ReplaceAll(stream, "-", "_")
	return name + "/v1/" + name + ".proto"
}

func (m *mapper) describe() *describer {
	s := m.stream
	name := strings.ReplaceAll(s.Name, "-", "_")
	d := &describer{stream: s, pkg: packageName(s.Name), comments: map[string]string{}, imports: map[string]bool{}}
	d.file = &descriptorpb.FileDescriptorProto{Name: new(filePath(s.Name)), Package: new(d.pkg),
		Syntax: new("proto3"),
		Options: &descriptorpb.FileOptions{
			GoPackage: new(name + "/v1;" + strings.ReplaceAll(name, "_", "") + "v1"),
		}}
	d.service(m)
	for _, e := range m.topEnums {
		d.file.EnumType = append(d.file.EnumType, d.enum(d.pkg, e))
	}
	for _, msg := range m.top {
		d.file.MessageType = append(d.file.MessageType, d.message(d.pkg, msg))
	}
	for path := range d.imports {
		d.file.Dependency = append(d.file.Dependency, path)
	}
	slices.Sort(d.file.Dependency)
	return d
}

func (d *describer) message(scope string, msg *message) *descriptorpb.DescriptorProto {
	name := last(msg.name)
	full := scope + "." + name
	d.comments[full] = msg.comment
	p := &descriptorpb.DescriptorProto{Name: &name}
	fields := slices.Clone(msg.fields)
	for _, special := range []*field{msg.additional, msg.nulls} {
		if special != nil {
			fields = append(fields, special)
		}
	}
	for _, nested := range msg.nested {
		p.NestedType = append(p.NestedType, d.message(full, nested))
	}
	for _, f := range fields {
		d.field(p, full, f)
	}
	if msg.form == unionForm || msg.form == kindsForm {
		p.OneofDecl = append([]*descriptorpb.OneofDescriptorProto{{Name: new("kind")}}, p.OneofDecl...)
	}
	d.optionals(p)
	for _, e := range msg.enums {
		p.EnumType = append(p.EnumType, d.enum(full, e))
	}
	for _, e := range removed(msg.lock.entries()) {
		p.ReservedRange = append(p.ReservedRange, &descriptorpb.DescriptorProto_ReservedRange{
			Start: new(e.Number), End: new(e.Number + 1)})
		p.ReservedName = append(p.ReservedName, e.Name)
	}
	return p
}

func removed(entries map[string]*lockEntry) []*lockEntry {
	var all []*lockEntry
	for _, e := range entries {
		if e.Removed {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *lockEntry) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// field adds a field to a message.
func (d *describer) field(p *descriptorpb.DescriptorProto, scope string, f *field) {
	name := f.name
	d.comments[scope+"."+name] = f.comment
	fp := &descriptorpb.FieldDescriptorProto{Name: &name, Number: new(int32(f.number)),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), JsonName: new(jsonName(f))}
	d.typ(fp, f.typ)
	if f.deprecated {
		fp.Options = &descriptorpb.FieldOptions{Deprecated: new(true)}
	}
	switch {
	case f.cardinality == repeated:
		fp.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	case f.cardinality == mapped:
		entry := entryName(name)
		value := &descriptorpb.FieldDescriptorProto{Name: new("value"), Number: proto.Int32(2), JsonName: new("value"),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		d.typ(value, f.typ)
		p.NestedType = append(p.NestedType, &descriptorpb.DescriptorProto{Name: &entry,
			Field: []*descriptorpb.FieldDescriptorProto{{Name: new("key"), Number: proto.Int32(1), JsonName: new("key"),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				Type:  descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()}, value},
			Options: &descriptorpb.MessageOptions{MapEntry: new(true)}})
		fp.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		fp.Type, fp.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), new("."+scope+"."+entry)
	case f.optional:
		fp.Proto3Optional = new(true)
	case f.inOneof:
		fp.OneofIndex = proto.Int32(0)
	}
	p.Field = append(p.Field, fp)
}

// entryName is protobuf's name for the message of a map's entries.
func entryName(field string) string {
	camel := lowerCamel(field)
	return strings.ToUpper(camel[:1]) + camel[1:] + "Entry"
}

// optionals gives each optional field the oneof of its own that proto3 wants, behind the others.
func (d *describer) optionals(p *descriptorpb.DescriptorProto) {
	for _, f := range p.Field {
		if f.GetProto3Optional() {
			f.OneofIndex = new(int32(len(p.OneofDecl)))
			p.OneofDecl = append(p.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new("_" + f.GetName())})
		}
	}
}

// jsonName is the property's own name, but where protobuf does not allow that.
func jsonName(f *field) string {
	if f.json == "" || f.inOneof || strings.HasPrefix(f.json, "[") || strings.Contains(f.json, "\x00") {
		return lowerCamel(f.name)
	}
	return f.json
}

// typ says of what type a field is.
func (d *describer) typ(p *descriptorpb.FieldDescriptorProto, t typ) {
	p.Type = [...]descriptorpb.FieldDescriptorProto_Type{
		kindString: descriptorpb.FieldDescriptorProto_TYPE_STRING, kindBytes: descriptorpb.FieldDescriptorProto_TYPE_BYTES,
		kindBool: descriptorpb.FieldDescriptorProto_TYPE_BOOL, kindInt32: descriptorpb.FieldDescriptorProto_TYPE_INT32,
		kindInt64: descriptorpb.FieldDescriptorProto_TYPE_INT64, kindUint32: descriptorpb.FieldDescriptorProto_TYPE_UINT32,
		kindUint64: descriptorpb.FieldDescriptorProto_TYPE_UINT64, kindDouble: descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
		kindEnum: descriptorpb.FieldDescriptorProto_TYPE_ENUM, kindNull: descriptorpb.FieldDescriptorProto_TYPE_ENUM,
		kindMessage: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, kindTimestamp: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE,
		kindDuration: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, kindValue: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE,
		kindStruct: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE}[t.kind].Enum()
	switch t.kind {
	case kindMessage, kindEnum:
		p.TypeName = new("." + d.pkg + "." + t.String())
	case kindTimestamp:
		d.known(p, t, "timestamp")
	case kindDuration:
		d.known(p, t, "duration")
	case kindValue, kindStruct, kindNull:
		d.known(p, t, "struct")
	}
}

func (d *describer) known(p *descriptorpb.FieldDescriptorProto, t typ, file string) {
	d.imports["google/protobuf/"+file+".proto"] = true
	p.TypeName = new("." + t.String())
}

func (d *describer) enum(scope string, e *enum) *descriptorpb.EnumDescriptorProto {
	name := last(e.name)
	d.comments[scope+"."+name] = e.comment
	p := &descriptorpb.EnumDescriptorProto{Name: &name,
		Value: []*descriptorpb.EnumValueDescriptorProto{{Name: new(e.zero), Number: proto.Int32(0)}}}
	for _, v := range e.values {
		p.Value = append(p.Value, &descriptorpb.EnumValueDescriptorProto{Name: new(v.name), Number: new(v.number)})
		if strings.ToUpper(strings.Join(words(v.json), "_")) != strings.TrimPrefix(v.name, prefix(name)) || v.json == "" {
			d.comments[scope+"."+v.name] = fmt.Sprintf("%q", v.json)
		}
	}
	for _, v := range removed(e.lock.entries()) {
		p.ReservedRange = append(p.ReservedRange, &descriptorpb.EnumDescriptorProto_EnumReservedRange{
			Start: new(v.Number), End: new(v.Number)})
		p.ReservedName = append(p.ReservedName, v.Name)
	}
	return p
}
