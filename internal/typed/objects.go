package typed

import (
	"fmt"
	"slices"

	"github.com/leatstream/leat/contract"
)

// object gives a message a field for each property.
func (m *mapper) object(msg *message, sh shape) {
	msg.form, msg.members = objectForm, map[string]*field{}
	declared := map[string][]*contract.Node{}
	var order []string
	for _, e := range sh.entries {
		for _, p := range e.Properties {
			if declared[p.Name] == nil {
				order = append(order, p.Name)
			}
			declared[p.Name] = append(declared[p.Name], p.Schema)
		}
	}
	msg.types[plain(entryName("additional_properties"))] = true
	for _, name := range order { // the types of the entries of maps have names of their own
		if specOf(declared[name]...).shape().form == formMap {
			msg.types[plain(entryName(snake(name)))] = true
		}
	}
	for _, name := range order {
		if f := m.field(msg, name, specOf(declared[name]...), requires(sh.entries, name)); f != nil {
			msg.members[name] = f
			msg.fields = append(msg.fields, f)
		}
	}
	others, open := othersOf(sh.entries)
	_, lockedType := split(msg.lock.Additional.typeText())
	switch {
	case open || len(others.nodes) > 0 && (others.shape().form == formValue || others.choosesAny()):
		msg.additional = &field{typ: typ{kind: kindStruct}, comment: "Members that the schema does not declare."}
	case len(others.nodes) > 0 && others.shape().form != formNever:
		msg.additional = &field{cardinality: mapped, comment: "Members that the schema does not declare.",
			typ: m.element(msg, "AdditionalProperties", others, lockedType)}
	}
	if msg.additional != nil {
		m.special(msg, msg.additional, &msg.lock.Additional, "additional_properties", sh)
	}
	if slices.ContainsFunc(msg.fields, func(f *field) bool { return f.nullable }) {
		msg.nulls = &field{cardinality: repeated, typ: typ{kind: kindString}, comment: "The names of the fields that are null."}
		m.special(msg, msg.nulls, &msg.lock.Nulls, "null_fields", sh)
	}
}

// special numbers a field that no property stands behind.
func (m *mapper) special(msg *message, f *field, entry **lockEntry, want string, sh shape) {
	const key = "" // beside the properties, for as long as it takes to number it
	lock := &lockMessage{Fields: map[string]*lockEntry{}}
	all := msg.lock.entries()
	for name, e := range all {
		if e != *entry {
			lock.Fields[name] = e
		}
	}
	if *entry != nil {
		lock.Fields[key] = *entry
	}
	want = free(want, "_", func(name string) bool { return msg.members[lowerCamel(name)] != nil })
	m.number(f, lock, msg.name, want, 1, firstNode(sh))
	*entry = lock.Fields[key]
}

func firstNode(sh shape) *contract.Node {
	if len(sh.entries) == 0 {
		return nil
	}
	return sh.entries[0].Node
}

// union gives a message a field for each of the objects that it can be.
func (m *mapper) union(msg *message, s spec, sh shape) {
	msg.form, msg.members, msg.teller = unionForm, map[string]*field{}, sh.teller()
	for _, b := range sh.branches {
		of := specOf(b.node)
		if !sh.onlyChooses() {
			of = spec{nodes: append(slices.Clone(s.nodes), b.node), among: isObject, decided: slices.Clone(s.decided)}
			for _, e := range sh.entries {
				of.decided = append(of.decided, e.Node)
			}
		}
		f := &field{json: b.value, inOneof: true, comment: fmt.Sprintf("%s is %q.", msg.teller, b.value)}
		_, locked := split(msg.lock.Fields[b.value].typeText())
		f.typ = typ{kind: kindMessage, message: m.message(msg, pascal(b.value), of.only(isObject), locked)}
		m.number(f, msg.lock, msg.name, snake(b.value), 1, b.node)
		msg.fields = append(msg.fields, f)
		msg.members[b.value] = f
	}
}

// onlyChooses tells whether what is around the alternatives says nothing of any member but the one that tells.
func (sh *shape) onlyChooses() bool {
	for _, e := range sh.entries {
		if len(e.Properties) > 0 || e.Additional != nil || len(e.Patterns) > 0 || len(e.Required) > 0 {
			return false
		}
	}
	return true
}

// kinds gives a message a field for each of the types that it can be.
func (m *mapper) kinds(msg *message, s spec, sh shape) {
	msg.form = kindsForm
	for _, k := range []struct {
		name string
		of   types
	}{{"boolean_value", isBoolean}, {"integer_value", isInteger}, {"number_value", isNumber}, {"string_value", isString},
		{"array_value", isArray}, {"object_value", isObject}} {
		if sh.types&k.of == 0 || k.of == isInteger && sh.types&isFraction != 0 || k.of == isNumber && sh.types&isFraction == 0 {
			continue
		}
		f := &field{json: k.name, inOneof: true}
		_, locked := split(msg.lock.Fields[k.name].typeText())
		f.typ = m.element(msg, pascal(k.name), s.only(k.of), locked)
		m.number(f, msg.lock, msg.name, k.name, 1, firstNode(sh))
		msg.fields = append(msg.fields, f)
	}
}

// wrap makes a message of a value that cannot be repeated, or null, by itself.
func (m *mapper) wrap(msg *message, s spec, sh shape) {
	msg.form = wrapperForm
	key := "value"
	switch {
	case sh.nullable:
		s = s.only(isAny &^ isNull)
	case sh.form == formArray:
		key = "items"
	case sh.form == formMap:
		key = "entries"
	}
	f := &field{json: key, nullable: sh.nullable, guessed: sh.guessed}
	_, locked := split(msg.lock.Fields[key].typeText())
	switch {
	case sh.nullable:
		f.typ = m.element(msg, "Value", s, locked)
	default:
		m.typeOf(f, msg, pascal(key), s, sh, locked)
	}
	f.optional = f.cardinality == single && !f.typ.isMessage()
	m.number(f, msg.lock, msg.name, key, 1, firstNode(sh))
	msg.fields = append(msg.fields, f)
	m.retire(msg)
}
