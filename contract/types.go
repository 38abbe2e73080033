package contract

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/leatstream/leat/event"
)

// types reads the events and the commands of a stream.
func (f fields) types(s *Stream, of string) {
	names := protobufNames{}
	events := f.require("events", "at least one event type with its schema")
	if events != nil {
		if events.kind != isMapping || len(events.members) == 0 {
			f.wrong("events", events.at, "must be a mapping with at least one event type, not %s", emptyOr(events))
		}
		for _, m := range events.members {
			s.Events = append(s.Events, f.r.eventType(s, m, of, true))
			f.collision(names, "event", m)
			if m.name == "error" || m.name == "open" {
				f.r.contract.warnings = append(f.r.contract.warnings, m.at.error(
					"%sevent %q: in a browser it also fires EventSource's own %q handlers: another name is better", f.of, m.name, m.name))
			}
		}
	}
	commands := f.get("commands")
	if commands == nil {
		return
	}
	if commands.kind != isMapping {
		f.wrong("commands", commands.at, "must be a mapping of command types, not %s", commands.describe())
	}
	for _, m := range commands.members {
		s.Commands = append(s.Commands, f.r.eventType(s, m, of, false))
		f.collision(names, "command", m)
	}
	if at, there := f.nameOf("commands"); there && len(s.Commands) > 0 && f.value.get("backend") == nil {
		f.r.contract.unhandled = append(f.r.contract.unhandled,
			at.error("%scommands need a backend to handle them: write backend: { url: … }", f.of))
	}
}

func (r *reading) eventType(s *Stream, m member, of string, isEvent bool) *EventType {
	t := &EventType{Name: m.name}
	what := "command"
	if isEvent {
		what = "event"
	}
	if _, err := event.ParseType(m.name); err != nil {
		r.errorf(m.at, "%s: %s %v", of, what, err)
	}
	of = fmt.Sprintf("%s: %s %q", of, what, shorten(m.name))
	f := r.fields(m.value, of+": ", "summary", "description", "schema", "examples", "deprecated")
	t.Summary, t.Description = f.string("summary"), f.string("description")
	t.Deprecated = f.bool("deprecated")
	d := declaration{stream: s, event: isEvent, of: of, typ: t}
	if v := f.get("examples"); v != nil {
		if v.kind != isList {
			f.wrong("examples", v.at, "must be a list of data, not %s", v.describe())
		}
		for _, example := range v.items {
			if !example.broken {
				d.examples = append(d.examples, example)
				t.Examples = append(t.Examples, example.appendJSON(nil))
			}
		}
	}
	if d.schema = f.require("schema", "schema: { type: object, … } or schema: { $ref: FILE }"); d.schema != nil {
		d.url = r.library.addInline(d.schema)
		r.declared = append(r.declared, d)
	}
	return t
}

// protobufNames holds who has which message name within a stream; a type's message and field are made of the same
// words, and the events, the commands and leat's own events share one package.
type protobufNames map[string]string

func (f fields) collision(names protobufNames, what string, m member) {
	if len(names) == 0 {
		for _, control := range []string{"leat.gap", "leat.live", "leat.heartbeat", "leat.end", "leat.untyped"} {
			names[messageName(control)] = fmt.Sprintf("event %q", control)
		}
	}
	self := fmt.Sprintf("%s %q", what, m.name)
	name := messageName(m.name)
	other, taken := names[name]
	switch {
	case !taken:
		names[name] = self
	case strings.HasSuffix(other, fmt.Sprintf(" %q", m.name)) && strings.HasPrefix(m.name, "leat."):
		// the name is refused by itself
	case strings.HasSuffix(other, fmt.Sprintf(" %q", m.name)):
		f.errorf(m.at, "%s: there is an %s already: a name is of one of them only", self, other)
	default:
		f.errorf(m.at, "%s: in protobuf it has the same name as %s, %s: rename one of them", self, other, name)
	}
}

// Message is the name of the type's protobuf message: order.shipped, order_shipped and orderShipped are OrderShipped.
func (t *EventType) Message() string { return messageName(t.Name) }

func messageName(typeName string) string {
	var b strings.Builder
	runes := []rune(typeName)
	inWord := false
	for i, c := range runes {
		if c == '.' || c == '_' || c == '-' {
			inWord = false
			continue
		}
		if unicode.IsUpper(c) && inWord {
			afterSmall := !unicode.IsUpper(runes[i-1])
			beforeSmall := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			inWord = !afterSmall && !beforeSmall
		}
		if inWord {
			b.WriteRune(unicode.ToLower(c))
		} else {
			b.WriteRune(unicode.ToUpper(c))
		}
		inWord = true
	}
	return b.String()
}
