package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Changes is all that differs between two versions of a contract.
type Changes struct {
	From, To string // the versions, as info.version has them
	List     []Change
}

// A Change is one difference, and for whom it breaks something.
type Change struct {
	Stream  string // "" where it is of the API as a whole
	Event   string // the event type, or
	Command string // the command; both are "" where it is of the stream
	// Pointer is a JSON Pointer (RFC 6901) into the data, with * for any item or member; "" for the whole.
	Pointer string
	Text    string // such as: type: integer → string
	// File, Line and Col are its place in the new version: of what is removed, that of what it was in.
	File      string
	Line, Col int
	Breaks    Audience
	Bump      Bump // what the API's version has to count up for it
}

// Audience is a set of those who use an API.
type Audience uint8

// Who uses an API.
const (
	Consumers Audience = 1 << iota // they subscribe
	Producers                      // they publish events and send commands
)

// String names them: consumers and producers.
func (a Audience) String() string {
	return [...]string{"nobody", "consumers", "producers", "consumers and producers"}[a]
}

// Breaking tells whether the change breaks anybody.
func (c Change) Breaking() bool { return c.Breaks != 0 }

// Breaking tells whether a change breaks anybody.
func (c Changes) Breaking() bool { return slices.ContainsFunc(c.List, Change.Breaking) }

// String is the place, the verdict, and what changed, on one line.
func (c Change) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", c.File, c.Line, c.Col, c.Describe())
}

// Describe is the verdict, and what changed.
func (c Change) Describe() string {
	verdict := "compatible"
	if c.Breaking() {
		verdict = "breaking for " + c.Breaks.String()
	}
	return verdict + ": " + c.of() + c.Text
}

// of names what changed.
func (c Change) of() string {
	text := ""
	if c.Stream != "" {
		text = fmt.Sprintf("stream %q: ", c.Stream)
	}
	switch {
	case c.Event != "":
		text += fmt.Sprintf("event %q: ", c.Event)
	case c.Command != "":
		text += fmt.Sprintf("command %q: ", c.Command)
	}
	if c.Pointer != "" {
		text += c.Pointer + " "
	}
	return text
}

// Compare tells what changes for those who use an API when its contract was old and is now another.
//
// An event must not become more than consumers know, nor a required member optional; what producers may publish must not
// become less. A command may become more, and not less. A member that an event or a command gains is compatible where it
// is optional and the schema was open to others; one that is removed is not. Where nothing can be told, as of two
// patterns, it breaks both.
func Compare(old, now *Contract) Changes {
	w := walk{old: old, now: now}
	w.info()
	for _, s := range now.Streams {
		if was := old.Stream(s.Name); was != nil {
			w.stream(was, s)
			continue
		}
		w.add(Change{Stream: s.Name, Text: "is new", Bump: Minor}, "streams", s.Name)
	}
	for _, s := range old.Streams {
		if now.Stream(s.Name) == nil {
			w.add(Change{Stream: s.Name, Text: "is removed", Breaks: Consumers | Producers}, "streams")
		}
	}
	return Changes{From: old.Info.Version, To: now.Info.Version, List: w.found}
}

// A walk goes over both contracts.
type walk struct {
	old, now *Contract
	found    []Change
}

// add finds the place, which the path leads to in the new contract as far as that goes.
func (w *walk) add(c Change, path ...string) {
	w.addAt(c, w.now.placeOf(path))
}

func (w *walk) addAt(c Change, at place) {
	c.File, c.Line, c.Col = at.file, max(at.line, 1), max(at.col, 1)
	if c.Breaks != 0 {
		c.Bump = Major
	}
	w.found = append(w.found, c)
}

// ErrorAt is a message about a place in the contract: what a path of names leads to, as far as that goes.
func (c *Contract) ErrorAt(path []string, format string, args ...any) Error {
	return c.placeOf(path).error(format, args...)
}

func (c *Contract) placeOf(path []string) place {
	if c.root == nil {
		return place{file: c.File}
	}
	var pointer strings.Builder
	for _, name := range path {
		pointer.WriteString("/" + escape.Replace(name))
	}
	found, _ := c.root.find(pointer.String())
	return found.at
}

func (w *walk) info() {
	was, is := w.old.Info, w.now.Info
	was.Version, is.Version = "", "" // it is what the changes are judged by
	if was != is {
		w.add(Change{Text: "title, description, contact or license changed", Bump: Patch}, "info")
	}
}

// types compares the events, or the commands.
func (w *walk) types(was, is *Stream, events bool) {
	field, old, now := "commands", was.Commands, is.Commands
	if events {
		field, old, now = "events", was.Events, is.Events
	}
	change := func(name, text string) Change {
		if events {
			return Change{Stream: is.Name, Event: name, Text: text}
		}
		return Change{Stream: is.Name, Command: name, Text: text}
	}
	for _, t := range now {
		before := find(old, t.Name)
		if before == nil {
			c := change(t.Name, "is new")
			c.Bump = Minor
			w.add(c, "streams", is.Name, field, t.Name)
			continue
		}
		w.eventType(is, before, t, events, func(c Change) {
			c.Stream = is.Name
			if events {
				c.Event = t.Name
			} else {
				c.Command = t.Name
			}
			w.add(c, "streams", is.Name, field, t.Name)
		})
	}
	for _, t := range old {
		if find(now, t.Name) == nil {
			c := change(t.Name, "is removed")
			if c.Breaks = Producers; events {
				c.Breaks |= Consumers
			}
			w.add(c, "streams", is.Name, field)
		}
	}
}

func (w *walk) eventType(s *Stream, was, is *EventType, events bool, add func(Change)) {
	if was.Summary != is.Summary || was.Description != is.Description || !slices.EqualFunc(was.Examples, is.Examples, sameJSON) {
		add(Change{Text: "texts or examples changed", Bump: Patch})
	}
	if was.Deprecated != is.Deprecated {
		add(Change{Text: fmt.Sprintf("deprecated: %t → %t", was.Deprecated, is.Deprecated), Bump: Minor})
	}
	if was.Flat != is.Flat {
		add(Change{Text: "the flat WebSocket framing " + flatness(is.Flat), Breaks: flatBreaks(events)})
	}
	for _, d := range compareSchemas(was.Schema, is.Schema) {
		c := d.change(events)
		c.Stream = s.Name
		if events {
			c.Event = is.Name
		} else {
			c.Command = is.Name
		}
		w.addAt(c, d.at)
	}
}

func sameJSON(a, b json.RawMessage) bool { return string(a) == string(b) }

func flatness(flat bool) string {
	if flat {
		return "puts the members of the data beside type now: the schema says type: object and declares no member type"
	}
	return "no longer puts the members of the data beside type: that needs type: object, and no member type"
}

// flatBreaks: in that framing producers publish events and send commands.
func flatBreaks(events bool) Audience {
	if events {
		return Consumers | Producers
	}
	return Producers
}

// change judges a difference of schemas: of an event that is delivered to consumers and published by producers, or of a
// command, which producers send.
func (d difference) change(event bool) Change {
	c := Change{Pointer: d.pointer, Text: d.text, Bump: Minor}
	switch d.kind {
	case isSaid:
		c.Bump = Patch
	case meaningChanged:
		c.Breaks = Producers
		if event {
			c.Breaks |= Consumers
		}
	case memberRemoved:
		if event {
			c.Breaks = Consumers
		} else {
			c.Breaks = Producers
		}
		if d.narrower {
			c.Breaks |= Producers
		}
	default:
		if d.wider && event {
			c.Breaks |= Consumers
		}
		if d.narrower && !(d.kind == memberAdded && d.tolerable) {
			c.Breaks |= Producers
		}
	}
	return c
}
