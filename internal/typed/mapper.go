package typed

import (
	"fmt"
	"slices"

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
	merges   map[string]*merge
	ids      map[*contract.Node]int
	sources  map[string]bool // of all nodes
	events   map[string]*field
	commands map[string]*field

	lockedValues map[string]map[string]bool // plain names of enum values, by what is around their enum

	asSent bool // the lock's

	errors contract.Errors
	given  []string // what was not in the lock
	made   int      // messages
	size   int      // of all there is, see maxSize
	full   bool     // more than there can be
}

// What schemas that refer to each other in every combination can make, so that it is told before the memory is gone: so
// many messages, and so many bytes of names with all around them, where a comparison of two schemas counts as a byte.
const (
	maxMessages = 20_000
	maxSize     = 64 << 20
)

// shape is that of the spec, and counts.
func (m *mapper) shape(s spec) shape {
	sh := s.shape()
	m.size += len(sh.entries) * len(sh.entries) // each was compared with those before
	return sh
}

func newMapper(s *contract.Stream, lock *lockStream) *mapper {
	m := &mapper{stream: s, lock: lock, types: map[string]bool{}, shared: map[string]*message{}, sharing: map[string]*enum{}, merges: map[string]*merge{},
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

// What else is in the messages that have a field for each event type, or each command: their fields, and the oneof.
var (
	besideEvents   = []string{"id", "time", "key", "exact_values", "idempotency_key", "if_match", "event"}
	besideCommands = []string{"key", "exact_values", "command"}
)

func (m *mapper) run() {
	seen := map[*contract.Node]bool{}
	for _, t := range slices.Concat(m.stream.Events, m.stream.Commands) {
		m.findSources(t.Schema.Root, seen)
	}
	names := map[*contract.EventType]string{} // all, before schemas give theirs
	claim := func(types []*contract.EventType, suffix string, around []string) {
		for _, t := range types {
			name := t.Message()
			if m.types[plain(name)] || slices.Contains(around, snake(name)) {
				name = free(name+suffix, "", func(n string) bool { return m.types[plain(n)] })
			}
			m.types[plain(name)] = true
			names[t] = name
		}
	}
	claim(m.stream.Events, "Event", besideEvents)
	claim(m.stream.Commands, "Command", besideCommands)
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
		s := specOf(t.Schema.Root)
		sh := s.shape()
		if !sh.nullable {
			s, _ = s.reduce()
			sh = s.shape()
		}
		msg.guessed = sh.guessed
		if !sh.nullable { // else the message is around what the schema describes, and not that
			msg.key = s.key(m.ids, sh.types)
			msg.set, _ = s.set(m.ids, sh)
		}
		f := &field{json: t.Name, typ: typ{kind: kindMessage, message: msg}, inOneof: true, deprecated: t.Deprecated}
		into[t.Name] = f
		m.number(f, &lockMessage{Fields: lock}, m.stream.Name, snake(last(msg.name)), firstType, t.Schema.Root)
		switch {
		case !sh.nullable && (sh.form == formObject || sh.form == formUnion || sh.form == formKinds):
			m.fill(msg, s, sh)
		default:
			m.wrap(msg, s, sh)
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

// message gives the message of a spec, which is that of a schema that several places refer to, one around, one of the same
// schemas merged, or new.
func (m *mapper) message(scope *message, want string, s spec, locked string) *message {
	s, referred := s.reduce()
	sh := m.shape(s)
	set, size := s.set(m.ids, sh)
	if one, ok := m.alone(s, set, locked); ok {
		s, referred = one, true
		sh = m.shape(s)
	}
	key := s.key(m.ids, sh.types)
	for around := scope; around != nil; around = around.parent {
		if around.key == key && !sh.nullable {
			return around
		}
	}
	from := ""
	var all *merge
	switch {
	case referred:
		scope, want, from = m.home(scope, s.nodes[0])
		if known := m.shared[homeKey(scope, key)]; known != nil {
			return known
		}
	case size > 1 && scope != nil && !sh.nullable:
		var known *message
		if known, scope, all = m.merged(scope, set, locked); known != nil {
			return known
		}
	}
	msg := m.add(scope, want, from, locked)
	msg.key, msg.set, msg.comment, msg.guessed = key, set, commentOf(s.nodes...), sh.guessed
	switch {
	case referred:
		m.shared[homeKey(scope, key)] = msg
	case all != nil:
		all.add(msg, scope)
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

// fill gives a message its fields.
func (m *mapper) fill(msg *message, s spec, sh shape) {
	if !m.full && (m.made > maxMessages || m.size > maxSize) {
		m.full = true
		m.errorf(s.nodes, "the schemas refer to each other in too many combinations for protobuf: a stream can have %d messages, with names "+
			"of together %d MiB; let fewer schemas that refer to others meet in allOf", maxMessages, maxSize>>20)
	}
	if m.full || len(m.errors) > maxErrors {
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

func (e *lockEntry) typeText() string {
	if e == nil {
		return ""
	}
	return e.Type
}
