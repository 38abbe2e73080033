package typed

import (
	"fmt"
	"math/big"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/leatstream/leat/contract"
)

// A mapper makes the messages of one stream from its schemas, and gives them numbers.
type mapper struct {
	stream *contract.Stream
	lock   *lockStream

	top      []*message
	topEnums []*enum
	types    map[string]bool // plain names of what is on the package's own level
	shared   map[string]*message
	sharing  map[string]*enum
	ids      map[*contract.Node]int
	sources  map[string]bool // of all nodes
	events   map[string]*field
	commands map[string]*field

	errors contract.Errors
	given  []string // what was not in the lock
	made   int
}

// maxMessages bounds what schemas that refer to each other in every combination can make.
const maxMessages = 20_000

func newMapper(s *contract.Stream, lock *lockStream) *mapper {
	m := &mapper{stream: s, lock: lock, types: map[string]bool{}, shared: map[string]*message{}, sharing: map[string]*enum{},
		ids: map[*contract.Node]int{}, sources: map[string]bool{}, events: map[string]*field{}, commands: map[string]*field{}}
	for _, name := range serviceTypes {
		m.types[plain(name)] = true
	}
	m.types[plain(serviceName(s.Name))] = true
	return m
}

// serviceTypes are the messages that are in each service, whatever its contract says.
var serviceTypes = []string{"SubscribeRequest", "SubscribeResponse", "PublishRequest", "PublishResponse", "PublishError",
	"FieldViolation", "ConnectRequest", "ConnectResponse", "LeatGap", "LeatLive", "LeatHeartbeat", "LeatEnd", "LeatUntyped"}

func (m *mapper) run() {
	seen := map[*contract.Node]bool{}
	for _, t := range slices.Concat(m.stream.Events, m.stream.Commands) {
		m.findSources(t.Schema.Root, seen)
	}
	names := map[*contract.EventType]string{} // all, before schemas give theirs
	claim := func(types []*contract.EventType, suffix string) {
		for _, t := range types {
			name := t.Message()
			if m.types[plain(name)] {
				name = free(name+suffix, "", func(n string) bool { return m.types[plain(n)] })
			}
			m.types[plain(name)] = true
			names[t] = name
		}
	}
	claim(m.stream.Events, "Event")
	claim(m.stream.Commands, "Command")
	m.eventTypes(m.stream.Events, names, m.lock.Events, m.events, false)
	m.eventTypes(m.stream.Commands, names, m.lock.Commands, m.commands, true)
}

func (m *mapper) findSources(n *contract.Node, seen map[*contract.Node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	m.sources[n.Source] = true
	for _, parts := range [][]*contract.Node{n.Patterns, n.Prefix, n.AllOf, n.AnyOf, n.OneOf, {n.Additional, n.Items, n.Ref}} {
		for _, part := range parts {
			m.findSources(part, seen)
		}
	}
	for _, p := range n.Properties {
		m.findSources(p.Schema, seen)
	}
}

// firstType is the number of the first event type among the fields of SubscribeResponse and PublishRequest, and of the
// first command in ConnectRequest.Command: those before are the envelope's.
const firstType = 16

func (m *mapper) eventTypes(types []*contract.EventType, names map[*contract.EventType]string, lock map[string]*lockEntry,
	into map[string]*field, explicit bool,
) {
	for _, t := range types {
		msg := &message{name: names[t], explicit: explicit, comment: commentOfType(t)}
		m.top = append(m.top, msg)
		m.begin(msg, "")
		s, _ := specOf(t.Schema.Root).reduce()
		sh := s.shape()
		msg.key, msg.guessed = s.key(m.ids, sh.types), sh.guessed
		f := &field{json: t.Name, typ: typ{kind: kindMessage, message: msg}, inOneof: true, deprecated: t.Deprecated}
		into[t.Name] = f
		m.number(f, &lockMessage{Fields: lock}, m.stream.Name, snake(last(msg.name)), firstType, t.Schema.Root)
		if sh.nullable || sh.form != formObject && sh.form != formUnion {
			m.wrap(msg, s, sh)
		} else {
			m.fill(msg, s, sh)
		}
	}
	for _, e := range lock {
		e.Removed = !e.used
	}
}

func commentOfType(t *contract.EventType) string {
	switch {
	case t.Summary != "" && t.Description != "":
		return t.Summary + "\n" + t.Description
	case t.Summary != "":
		return t.Summary
	case t.Description != "":
		return t.Description
	}
	return commentOf(t.Schema.Root)
}

// begin finds or makes the message's part of the lock.
func (m *mapper) begin(msg *message, from string) {
	msg.types = map[string]bool{}
	msg.lock = m.lock.Messages[msg.name]
	if msg.lock == nil {
		msg.lock = &lockMessage{Fields: map[string]*lockEntry{}}
		m.lock.Messages[msg.name] = msg.lock
	}
	msg.lock.From = from
}

// message gives the message of a spec, which is that of a schema that several places refer to, one around, or new.
func (m *mapper) message(scope *message, want string, s spec, locked string) *message {
	s, referred := s.reduce()
	sh := s.shape()
	key := s.key(m.ids, sh.types)
	for around := scope; around != nil; around = around.parent {
		if around.key == key && !sh.nullable {
			return around
		}
	}
	from := ""
	if referred {
		scope, want, from = m.home(scope, s.nodes[0])
		key := homeKey(scope, key)
		if known := m.shared[key]; known != nil {
			return known
		}
	}
	msg := m.add(scope, want, from, locked)
	msg.key, msg.comment, msg.guessed = key, commentOf(s.nodes...), sh.guessed
	if referred {
		m.shared[homeKey(scope, key)] = msg
	}
	m.fill(msg, s, sh)
	return msg
}

// home says where what a $ref leads to belongs: what is in a file of its own to the package, what is within the event's
// schema to the event's message.
func (m *mapper) home(scope *message, n *contract.Node) (home *message, want, from string) {
	if n.Local {
		for home = scope; home != nil && home.parent != nil; home = home.parent {
		}
	}
	return home, pascal(n.Name), n.Source
}

func homeKey(home *message, key string) string {
	if home == nil {
		return key
	}
	return home.name + key
}

// add makes a message within scope.
func (m *mapper) add(scope *message, want, from, locked string) *message {
	msg := &message{parent: scope}
	msg.name = m.name(scope, want, from, locked)
	if scope == nil {
		m.top = append(m.top, msg)
	} else {
		scope.nested = append(scope.nested, msg)
		msg.explicit = scope.explicit
	}
	m.begin(msg, from)
	m.made++
	return msg
}

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
	if from != "" {
		locked = m.lock.from(from, qualify)
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

// from gives the name of what was made from a schema.
func (s *lockStream) from(source string, qualify func(string) string) string {
	for _, all := range []map[string]*lockMessage{s.Messages, s.Enums} {
		for name, known := range all {
			if known.From == source && name == qualify(last(name)) {
				return name
			}
		}
	}
	return ""
}

// fill gives a message its fields.
func (m *mapper) fill(msg *message, s spec, sh shape) {
	if m.made > maxMessages {
		m.made = 0
		m.errorf(s.nodes, "the schemas make more than %d messages of protobuf", maxMessages)
	}
	if len(m.errors) > maxErrors {
		return
	}
	switch sh.form {
	case formUnion:
		m.union(msg, s, sh)
	case formKinds:
		m.kinds(msg, s, sh)
	case formArray, formMap, formNull:
		m.wrap(msg, s, sh)
	default:
		m.object(msg, sh)
	}
	m.retire(msg)
}

// maxErrors bounds what is told of one contract.
const maxErrors = 100

// retire marks what the lock has and the contract no longer does.
func (m *mapper) retire(msg *message) {
	for _, e := range msg.lock.entries() {
		e.Removed = !e.used
	}
}

func (m *mapper) errorf(nodes []*contract.Node, format string, args ...any) {
	at := contract.Error{File: "contract", Line: 1, Col: 1}
	for _, n := range nodes {
		if n != nil {
			at = n.Error("")
			break
		}
	}
	at.Text = fmt.Sprintf("stream %s: ", m.stream.Name) + fmt.Sprintf(format, args...)
	m.errors = append(m.errors, at)
}

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
	case open || len(others.nodes) > 0 && others.shape().form == formValue:
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

func (e *lockEntry) typeText() string {
	if e == nil {
		return ""
	}
	return e.Type
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
	if entry != nil && entry.Type != text {
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
	m.errorf([]*contract.Node{at}, "%s of message %s %s, with which clients that are generated already cannot read it: %s what it was, "+
		"or give what is new another name", quoteName(name), of, why, verb)
}

func quoteName(name string) string { return fmt.Sprintf("%q", name) }
