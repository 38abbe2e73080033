package contract

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/leatstream/leat/event"
)

// A value is a part of a YAML or JSON file that knows its place.
type value struct {
	at      place
	kind    shape
	text    string // of a scalar: the string, the number as JSON writes it, true or false
	filled  bool   // from the environment, whose text can stand for a scalar of any kind
	broken  bool   // reported already: nothing more is said of it
	items   []*value
	members []member // in the order of the file, no name twice
}

type shape int

const (
	isNull shape = iota
	isBool
	isNumber
	isString
	isList
	isMapping
)

type member struct {
	name  string
	at    place // of the name
	value *value
}

// get gives a member's value, nil where there is none.
func (v *value) get(name string) *value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// add adds a member, unless its name is there already.
func (v *value) add(r *reading, m member) {
	for _, known := range v.members {
		if known.name == m.name {
			r.errorf(m.at, "%q is here twice: it is on line %d already", m.name, known.at.line)
			return
		}
	}
	v.members = append(v.members, m)
}

// describe is the value as a message about a wrong one names it.
func (v *value) describe() string {
	switch v.kind {
	case isNull:
		return "null"
	case isBool, isNumber:
		return shorten(v.text)
	case isString:
		return strconv.Quote(shorten(v.text))
	case isList:
		return "a list"
	}
	return "a mapping"
}

// shorten keeps a message readable, whatever the text that it names.
func shorten(text string) string {
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// data is the value as the validator takes it: numbers are json.Number.
func (v *value) data() any {
	switch v.kind {
	case isBool:
		return v.text == "true"
	case isNumber:
		return json.Number(v.text)
	case isString:
		return v.text
	case isList:
		items := make([]any, len(v.items))
		for i, item := range v.items {
			items[i] = item.data()
		}
		return items
	case isMapping:
		members := make(map[string]any, len(v.members))
		for _, m := range v.members {
			members[m.name] = m.value.data()
		}
		return members
	}
	return nil
}

// appendJSON appends the value as compact JSON, its members in the order of the file.
func (v *value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case isNull:
		return append(dst, "null"...)
	case isString:
		return event.AppendString(dst, v.text)
	case isList:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	case isMapping:
		dst = append(dst, '{')
		for i, m := range v.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(event.AppendString(dst, m.name), ':')
			dst = m.value.appendJSON(dst)
		}
		return append(dst, '}')
	}
	return append(dst, v.text...)
}

// find follows a JSON Pointer (RFC 6901) as far as it goes; whole tells whether that was to its end.
func (v *value) find(pointer string) (found *value, whole bool) {
	if pointer == "" {
		return v, true
	}
	if pointer[0] != '/' {
		return v, false
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		next := v.child(unescape.Replace(token))
		if next == nil {
			return v, false
		}
		v = next
	}
	return v, true
}

func (v *value) child(token string) *value {
	if v.kind != isList {
		return v.get(token)
	}
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v.items) {
		return v.items[i]
	}
	return nil
}

// The two characters that a token of a JSON Pointer cannot hold as they are (RFC 6901, section 3).
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)
