package typed

import (
	"fmt"
	"math/big"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/leatstream/leat/contract"
)

// name gives a message or enum within scope the name that the lock has for it, else a new one.
func (m *mapper) name(scope *message, want, from, locked string) string {
	qualify := func(name string) string { return name }
	taken := m.types
	if scope != nil {
		taken = scope.types
		qualify = func(name string) string { return scope.name + "." + name }
	}
	choose := func(name string) string {
		taken[plain(name)] = true
		return qualify(name)
	}
	isTaken := func(name string) bool {
		for around := scope; around != nil; around = around.parent {
			if plain(last(around.name)) == plain(name) { // Java has no class in one of the same name
				return true
			}
		}
		return taken[plain(name)]
	}
	if known := m.lock.get(locked); from != "" && (known == nil || known.From != from) { // else it is one of several made of it
		locked = m.lock.from(from, qualify, isTaken)
	}
	if locked != "" && locked == qualify(last(locked)) && !isTaken(last(locked)) {
		return choose(last(locked))
	}
	return choose(free(want, "", func(name string) bool {
		known := m.lock.get(qualify(name))
		return isTaken(name) || known != nil && (from == "" || m.sources[known.From])
	}))
}

// get gives the message or enum of a name.
func (s *lockStream) get(name string) *lockMessage {
	if known := s.Messages[name]; known != nil {
		return known
	}
	return s.Enums[name]
}

// from gives the first name that is not taken of what was made from a schema, which can be several: where a choice leaves
// only some of its types, that is something else.
func (s *lockStream) from(source string, qualify func(string) string, taken func(string) bool) (first string) {
	for _, all := range []map[string]*lockMessage{s.Messages, s.Enums} {
		for name, known := range all {
			if known.From == source && name == qualify(last(name)) && !taken(last(name)) && (first == "" || name < first) {
				first = name
			}
		}
	}
	return first
}

// integer chooses the type of an integer: int64, unless its bounds fit in another, or the lock has one that is as good.
func integer(least, most *big.Rat, locked string) kind {
	fits := func(k kind) bool {
		from, to := rangeOf(k)
		return least != nil && most != nil && least.Cmp(new(big.Rat).SetInt(from)) >= 0 && most.Cmp(new(big.Rat).SetInt(to)) <= 0
	}
	for _, k := range []kind{kindInt32, kindUint32, kindInt64, kindUint64} {
		if kindNames[k] == locked && (fits(k) || k == kindInt64 && !fits(kindUint64)) {
			return k
		}
	}
	for _, k := range []kind{kindInt32, kindUint32, kindInt64, kindUint64} {
		if fits(k) {
			return k
		}
	}
	return kindInt64
}

func rangeOf(k kind) (from, to *big.Int) {
	switch k {
	case kindInt32:
		return big.NewInt(-1 << 31), big.NewInt(1<<31 - 1)
	case kindUint32:
		return new(big.Int), big.NewInt(1<<32 - 1)
	case kindUint64:
		return new(big.Int), new(big.Int).SetUint64(1<<64 - 1)
	}
	return big.NewInt(-1 << 63), big.NewInt(1<<63 - 1)
}

// number gives a field its name and number, from the lock where they are in it.
func (m *mapper) number(f *field, lock *lockMessage, of, want string, first int32, at *contract.Node) {
	entry := lock.Fields[f.json]
	text := f.text()
	m.size += len(of) + len(want) + len(text)
	if entry != nil && entry.Type != text && !(m.asSent && f.readsAs(entry.Type)) {
		m.changed(f, entry, of, at)
	}
	if entry == nil {
		all := lock.entries()
		entry = &lockEntry{Type: text, Number: next(first, all)}
		entry.Name = free(want, "_", func(name string) bool {
			for _, e := range all {
				if plain(e.Name) == plain(name) {
					return true
				}
			}
			return f.inOneof && plain(name) == "kind"
		})
		lock.Fields[f.json] = entry
		m.given = append(m.given, of+"."+entry.Name)
	}
	entry.used = true
	f.name, f.number = entry.Name, protowire.Number(entry.Number)
}

func (m *mapper) changed(f *field, entry *lockEntry, of string, at *contract.Node) {
	name := f.json
	if name == "" {
		name = entry.Name
	}
	why := fmt.Sprintf("was %s and would become %s", entry.Type, f.text())
	if entry.Type == f.typ.String() && f.optional {
		why = "was required and no longer is"
	}
	verb := "keep"
	if entry.Removed {
		verb = "is locked as removed and cannot come back as something else; keep"
	}
	m.errorf([]*contract.Node{at}, "%q of message %s %s, with which clients that are generated already cannot read it: %s what it was, "+
		"or give what is new another name", name, of, why, verb)
}
