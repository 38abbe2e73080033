package typed

import "strings"

// field gives a message the field of a property; nil where no value of it is valid.
func (m *mapper) field(msg *message, name string, s spec, required bool) *field {
	sh := m.shape(s)
	if sh.form == formNever {
		return nil
	}
	entry := msg.lock.Fields[name]
	label, locked := split(entry.typeText())
	f := &field{json: name, required: required, nullable: sh.nullable, guessed: sh.guessed, constant: sh.constant, comment: commentOf(s.nodes...)}
	switch {
	case sh.form == formValue:
		f.typ, f.nullable = typ{kind: kindValue}, false
	case label == "" && locked == kindNames[kindValue]: // it carries whatever the schema has become
		f.typ, f.nullable = typ{kind: kindValue}, false
	default:
		m.typeOf(f, msg, pascal(name), s.only(isAny&^isNull|sh.types), sh, locked)
	}
	if f.cardinality == single && !f.typ.isMessage() {
		f.optional = !required || sh.nullable || msg.explicit
		switch {
		case label == "optional":
			f.optional = true
		case entry != nil && label == "" && (required || sh.nullable):
			f.optional = false
		}
	}
	m.number(f, msg.lock, msg.name, snake(name), 1, s.nodes[0])
	return f
}

// typeOf gives a field the type of a value that is not null.
func (m *mapper) typeOf(f *field, msg *message, want string, s spec, sh shape, locked string) {
	switch sh.form {
	case formArray:
		f.cardinality, f.typ = repeated, typ{kind: kindValue}
		if items, ok := itemsOf(sh.entries); ok {
			f.typ = m.element(msg, want, items, locked)
		}
	case formMap:
		f.cardinality = mapped
		others, _ := othersOf(sh.entries)
		f.typ = m.element(msg, want, others, locked)
	default:
		f.typ = m.single(msg, want, s, sh, locked)
	}
}

// element gives the type of what is repeated: what is null, an array or a map itself needs a message around it.
func (m *mapper) element(scope *message, want string, s spec, locked string) typ {
	sh := m.shape(s)
	switch {
	case sh.form == formValue || sh.form == formNever || locked == kindNames[kindValue]:
		return typ{kind: kindValue}
	case sh.nullable:
		msg := m.add(scope, want, "", locked)
		m.wrap(msg, s, sh)
		return typ{kind: kindMessage, message: msg}
	case sh.form == formArray || sh.form == formMap:
		return typ{kind: kindMessage, message: m.message(scope, want, s, locked)}
	}
	return m.single(scope, want, s, sh, locked)
}

// single gives the type of a value that is neither null nor an array nor a map. What the lock has is kept wherever it
// carries all that is valid.
func (m *mapper) single(scope *message, want string, s spec, sh shape, locked string) typ {
	asString := locked == kindNames[kindString]
	switch sh.form {
	case formNull:
		return typ{kind: kindNull}
	case formBoolean:
		return typ{kind: kindBool}
	case formInteger:
		if locked == kindNames[kindDouble] {
			return typ{kind: kindDouble}
		}
		least, most := sh.bounds()
		return typ{kind: integer(least, most, locked)}
	case formNumber:
		return typ{kind: kindDouble}
	case formEnum:
		if !asString {
			return typ{kind: kindEnum, enum: m.enum(scope, want, s, sh, locked)}
		}
	case formTimestamp:
		if !asString {
			return typ{kind: kindTimestamp}
		}
	case formDuration:
		if !asString {
			return typ{kind: kindDuration}
		}
	case formBytes:
		if !asString {
			return typ{kind: kindBytes}
		}
	case formObject, formUnion, formKinds:
		return typ{kind: kindMessage, message: m.message(scope, want, s, locked)}
	case formValue, formNever:
		return typ{kind: kindValue}
	}
	return typ{kind: kindString}
}

// enum gives the enum of a spec.
func (m *mapper) enum(scope *message, want string, s spec, sh shape, locked string) *enum {
	s, referred := s.reduce()
	from, key := "", ""
	if referred {
		scope, want, from = m.home(scope, s.nodes[0])
		key = homeKey(scope, s.key(m.ids, sh.types))
		if known := m.sharing[key]; known != nil {
			return known
		}
	}
	e := &enum{name: m.name(scope, want, from, locked), comment: commentOf(s.nodes...), byJSON: map[string]*enumValue{}}
	if scope == nil {
		m.topEnums = append(m.topEnums, e)
	} else {
		scope.enums = append(scope.enums, e)
	}
	if referred {
		m.sharing[key] = e
	}
	e.lock = m.lock.Enums[e.name]
	if e.lock == nil {
		e.lock = &lockMessage{Values: map[string]*lockEntry{}}
		m.lock.Enums[e.name] = e.lock
	}
	e.lock.From = from
	m.values(e, scope, sh.values)
	return e
}

// values gives an enum its values. They are named among all values around the enum, not within it.
func (m *mapper) values(e *enum, scope *message, values []string) {
	taken := m.types
	if scope != nil {
		taken = scope.types
	}
	begin := prefix(last(e.name))
	e.zero = begin + "UNSPECIFIED"
	if taken[plain(e.zero)] { // of another enum around it, whose name begins alike
		m.errorf(nil, "the enums around %s have names that are too much alike: %s is in two of them", e.name, e.zero)
	}
	taken[plain(e.zero)] = true
	for _, value := range values {
		entry := e.lock.Values[value]
		if entry == nil {
			entry = &lockEntry{Number: next(1, e.lock.Values)}
			entry.Name = free(begin+constant(value), "_", func(name string) bool {
				return taken[plain(name)] || m.locks(scope, name)
			})
			e.lock.Values[value] = entry
			m.given = append(m.given, e.name+"."+entry.Name)
		}
		entry.used = true
		taken[plain(entry.Name)] = true
		v := &enumValue{value, entry.Name, entry.Number}
		e.values = append(e.values, v)
		e.byJSON[value] = v
	}
	for _, entry := range e.lock.Values {
		entry.Removed = !entry.used
	}
}

// locks tells whether an enum of this scope had a value of that name when the lock was read; those since are taken.
func (m *mapper) locks(scope *message, name string) bool {
	if m.lockedValues == nil {
		m.lockedValues = map[string]map[string]bool{}
		for enum, known := range m.lock.Enums {
			around := strings.TrimSuffix(strings.TrimSuffix(enum, last(enum)), ".")
			if m.lockedValues[around] == nil {
				m.lockedValues[around] = map[string]bool{}
			}
			for _, e := range known.Values {
				m.lockedValues[around][plain(e.Name)] = true
			}
		}
	}
	around := ""
	if scope != nil {
		around = scope.name
	}
	return m.lockedValues[around][plain(name)]
}
