package lint

import (
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

// openAPI reads the operations of an OpenAPI 3 document that answer with a stream of events.
func (a *api) openAPI() {
	for path := range a.root.Get("paths").Members() {
		for operation := range path.Members() {
			for answer := range operation.Get("responses").Members() {
				media := a.here(answer).Get("content", "text/event-stream")
				if !media.Exists() || !strings.HasPrefix(answer.Name(), "2") {
					continue
				}
				s := &stream{at: path, name: path.Name(), texts: texts(operation), keyed: strings.Contains(path.Name(), "{")}
				s.events = a.eventsOf(operation, media)
				a.streams = append(a.streams, s)
			}
		}
	}
}

// here makes a schema of a part of the document, to resolve its $ref.
func (a *api) here(at contract.Tree) schema {
	return a.resolve(schema{document.NewPart(at, a.root, a.file)})
}

// eventsOf finds the types of an operation's events: the branches of its schema, or the names in its parameter.
func (a *api) eventsOf(operation, media contract.Tree) []*message {
	example := media.Get("example").Exists() || media.Get("examples").Exists()
	whole := media.Get("itemSchema") // OpenAPI 3.2
	if !whole.Exists() {
		whole = media.Get("schema")
	}
	if !whole.Exists() {
		return nil
	}
	branches := []contract.Tree{}
	in := a.here(whole)
	for _, keyword := range []string{"oneOf", "anyOf"} {
		for branch := range in.Get(keyword).Items() {
			branches = append(branches, branch)
		}
	}
	if len(branches) == 0 {
		branches = []contract.Tree{whole}
	}
	var all []*message
	for _, branch := range branches {
		s := a.resolve(in.in(branch))
		data, name := a.dataOf(s)
		for _, named := range a.namesOf(operation, branch, name) {
			at := s.Tree
			if len(branches) == 1 {
				at = media
			}
			all = append(all, &message{
				at: at, name: named, schema: data, texts: texts(s.Tree),
				summary:  len(texts(s.Tree)) > 0 || len(texts(operation)) > 0,
				examples: example || s.has("example", "examples") || data.has("example", "examples"),
			})
		}
	}
	return all
}

// dataOf is the schema of an event's data, where the schema is of the event around it, and the event's type if it
// tells.
func (a *api) dataOf(s schema) (data schema, name string) {
	properties := s.Get("properties")
	for _, of := range []string{"event", "eventType", "type"} {
		if constant := properties.Get(of, "const").String(); constant != "" {
			name = constant
		}
	}
	inner := properties.Get("data")
	if !inner.Exists() || name == "" && !properties.Get("eventType").Exists() && !properties.Get("event").Exists() {
		return s, name
	}
	data = a.resolve(s.in(inner))
	if encoded := data.Get("contentSchema"); encoded.Exists() {
		data = a.resolve(s.in(encoded))
	}
	return data, name
}

// namesOf are the types of the events that a schema is of.
func (a *api) namesOf(operation, branch contract.Tree, name string) []string {
	if name != "" {
		return []string{name}
	}
	var names []string
	for item := range operation.Get("parameters").Items() {
		parameter := a.here(item)
		if parameter.Get("name").String() != "eventTypes" {
			continue
		}
		for _, list := range []contract.Tree{parameter.Get("schema", "items", "enum"), parameter.Get("example")} {
			for one := range list.Items() {
				names = append(names, one.String())
			}
			if len(names) > 0 {
				return names
			}
		}
	}
	if ref := branch.Get("$ref").String(); ref != "" {
		return []string{ref[strings.LastIndexByte(ref, '/')+1:]}
	}
	return []string{"event"}
}
