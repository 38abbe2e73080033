package document

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
)

// An eventSource gathers what a document tells of the events of one stream.
type eventSource struct {
	names    []string         // in the order in which they were met
	schemas  map[string]Part  // of the data, by type
	examples map[string][]any // data, by type
	of       map[string]Part  // where a type is described
	rest     Part             // the schema of the data of types that have none of their own
	whole    Part             // of the event around the data
}

// eventTypes makes out the types of an operation's events: from the branches of the schema, from the parameter
// eventTypes, and from the examples.
func (im *importer) eventTypes(media Part, parameters []Part) []*importedType {
	e := &eventSource{schemas: map[string]Part{}, examples: map[string][]any{}, of: map[string]Part{}}
	schema := media.Of(media.Get("itemSchema")) // OpenAPI 3.2
	if !schema.Exists() {
		schema = media.Of(media.Get("schema"))
	}
	if schema.Exists() {
		im.branches(e, schema, 0)
	}
	for _, p := range parameters {
		if p.Get("name").String() == "eventTypes" {
			im.namesOf(e, p)
		}
	}
	for _, text := range im.exampleTexts(media) {
		readBlocks(e, text)
	}
	if len(e.names) == 0 {
		e.add("message") // what a browser calls an event without a type (WHATWG HTML, "dispatch the event")
	}
	return im.typesOf(e, media)
}

func (e *eventSource) add(name string) {
	if !slices.Contains(e.names, name) {
		e.names = append(e.names, name)
	}
}

// typesOf gives each type its schema: its own, or what its examples show, or that of all.
func (im *importer) typesOf(e *eventSource, media Part) []*importedType {
	var all []*importedType
	taken := names{}
	for _, name := range e.names {
		if strings.HasPrefix(name, "leat.") {
			continue // control events are every stream's
		}
		t := &importedType{at: media.Tree, name: im.typeName(media, name), examples: e.examples[name]}
		if t.name == "" || taken[t.name] {
			continue
		}
		taken[t.name] = true
		own, has := e.schemas[name]
		switch {
		case has:
			t.at = own.Tree
			t.schema = im.schema(own)
			im.texts(t, e.of[name])
		case len(t.examples) > 0 && (e.whole.Exists() || !e.rest.Exists()):
			t.schema = inferred(t.examples)
			im.skip(media.Tree, "the schema of %s is inferred from its example: it states types, and requires nothing", t.name)
		case e.rest.Exists():
			t.schema = im.schema(e.rest)
			if e.whole.Exists() { // it is that of any event's data, not this one's
				t.schema = loose(t.schema)
				im.skip(media.Tree, "the schema of %s is inferred from that of every event's data", t.name)
			}
		default:
			t.schema = object("$comment", "The document tells nothing of this data")
			im.skip(media.Tree, "nothing is told of the data of %s: it can be anything", t.name)
		}
		all = append(all, t)
	}
	return all
}

// typeName makes a name a contract's.
func (im *importer) typeName(at Part, name string) string {
	if _, err := event.ParseType(name); err == nil {
		return name
	}
	made := strings.TrimLeft(notInName.ReplaceAllString(name, "_"), "0123456789_.-")
	made = made[:min(len(made), 128)]
	if _, err := event.ParseType(made); err != nil {
		im.skip(at.Tree, "event type %.60q is left out: its name cannot be a type's", name)
		return ""
	}
	im.skip(at.Tree, "event type %.60q becomes %s", name, made)
	return made
}

// texts carries what a schema says of its event.
func (im *importer) texts(t *importedType, from Part) {
	if title := from.Get("title").String(); title != "" {
		t.summary = title
	}
	if text := from.Get("description").String(); text != "" {
		t.description = text
	}
	t.deprecated = from.Get("deprecated").IsTrue()
}

// branches looks for events in a schema: each branch of oneOf and anyOf, with a type by a constant, by the
// discriminator, or by its own name.
func (im *importer) branches(e *eventSource, at Part, depth int) {
	in := im.files.Resolve(at)
	var inner []Part
	for _, keyword := range []string{"oneOf", "anyOf"} {
		for branch := range in.Get(keyword).Items() {
			inner = append(inner, in.Of(branch))
		}
	}
	if len(inner) == 0 || depth > 4 {
		im.event(e, at, in, "")
		return
	}
	mapped := map[string]string{}
	for at := range in.Get("discriminator", "mapping").Members() {
		mapped[at.String()] = at.Name()
	}
	for _, branch := range inner {
		target := im.files.Resolve(branch)
		reference := branch.Get("$ref").String()
		name := mapped[reference]
		if len(slices.Collect(target.Get("oneOf").Items())) > 0 || len(slices.Collect(target.Get("anyOf").Items())) > 0 {
			im.branches(e, branch, depth+1)
			continue
		}
		if name == "" {
			name = reference[strings.LastIndexByte(reference, '/')+1:]
		}
		if name == "" {
			name = target.Get("title").String()
		}
		im.event(e, branch, target, name)
	}
}

// event takes one branch: the event, with its type and data, or the data alone.
func (im *importer) event(e *eventSource, at, in Part, fallback string) {
	properties := in.Get("properties")
	kind := ""
	var values []string
	for _, name := range []string{"event", "eventType", "type"} {
		if p := im.files.Resolve(in.Of(properties.Get(name))); p.Exists() {
			values = constants(p)
			if kind == "" || len(values) > 0 {
				kind = name
			}
			if len(values) > 0 {
				break
			}
		}
	}
	data := in.Of(properties.Get("data"))
	isEvent := data.Exists() && kind != ""
	payload := at
	if isEvent {
		payload = im.dataOf(data)
	}
	switch {
	case len(values) > 0:
		for _, value := range values {
			e.add(value)
			e.schemas[value], e.of[value] = payload, in
		}
	case fallback != "" && !isText(in):
		e.add(fallback)
		e.schemas[fallback], e.of[fallback] = payload, in
	case isText(in): // says no more than that it is a stream
	default:
		e.rest = payload
		if isEvent {
			e.whole = in
		}
	}
}

// isText tells a schema of the stream's text.
func isText(in Part) bool {
	return in.Get("type").String() == "string" && !in.Get("contentSchema").Exists()
}

// constants are the values that a schema allows, where it lists them.
func constants(p Part) []string {
	if one := p.Get("const").String(); one != "" {
		return []string{one}
	}
	var all []string
	for item := range p.Get("enum").Items() {
		if text := item.String(); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// dataOf is the schema of JSON within a text, where it is one (JSON Schema 2020-12, "contentSchema").
func (im *importer) dataOf(data Part) Part {
	in := im.files.Resolve(data)
	if encoded := in.Get("contentSchema"); encoded.Exists() {
		return in.Of(encoded)
	}
	return data
}

// namesOf takes the types that the parameter eventTypes lists.
func (im *importer) namesOf(e *eventSource, p Part) {
	schema := im.files.Resolve(p.Of(p.Get("schema")))
	items := im.files.Resolve(schema.Of(schema.Get("items")))
	for _, list := range []contract.Tree{items.Get("enum"), schema.Get("enum"), p.Get("example"), schema.Get("example"), items.Get("example")} {
		for item := range list.Items() {
			e.add(item.String())
		}
		if text := list.String(); text != "" && !list.IsList() {
			for name := range strings.SplitSeq(text, ",") {
				e.add(strings.TrimSpace(name))
			}
		}
	}
	for at := range p.Get("examples").Members() {
		for item := range at.Get("value").Items() {
			e.add(item.String())
		}
	}
	e.names = slices.DeleteFunc(e.names, func(name string) bool { return name == "" })
}

// exampleTexts are the examples that show the stream as text.
func (im *importer) exampleTexts(media Part) []string {
	var all []string
	take := func(at contract.Tree) {
		if text := at.String(); text != "" {
			all = append(all, text)
		}
	}
	take(media.Get("example"))
	for at := range media.Get("examples").Members() {
		example := im.files.Resolve(media.Of(at))
		take(example.Get("value"))
		take(example.Get("serializedValue"))
		take(example.Get("dataValue"))
	}
	schema := im.files.Resolve(media.Of(media.Get("schema")))
	take(schema.Get("example"))
	for at := range schema.Get("examples").Items() {
		take(at)
	}
	return all
}

// readBlocks takes the events of a text in the format of Server-Sent Events (WHATWG HTML, "Parsing an event stream").
func readBlocks(e *eventSource, text string) {
	name, data := "", []string{}
	end := func() {
		if len(data) > 0 {
			if name == "" {
				name = "message"
			}
			e.add(name)
			if value, err := parse([]byte(strings.Join(data, "\n"))); err == nil && json.Valid([]byte(strings.Join(data, "\n"))) {
				e.examples[name] = append(e.examples[name], value)
			}
		}
		name, data = "", nil
	}
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			end()
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		}
	}
	end() // an example may leave the last empty line out
}
