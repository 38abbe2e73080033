package document

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// schema carries a schema over, as JSON Schema 2020-12 that stands alone: what it refers to is in its $defs.
func (im *importer) schema(p Part) any {
	c := &carrying{importer: im, defs: map[contract.Tree]string{}, names: names{}}
	root := p
	if members(p) <= 1 { // nothing stands beside a $ref
		root = im.files.Resolve(p)
	}
	if reference := p.Get("$ref"); !root.Exists() && reference.Exists() {
		im.lost(reference)
	}
	c.root = root.Tree
	out := c.schema(root)
	o, isObject := out.(Object)
	if !isObject {
		return out
	}
	var definitions Object
	for len(c.todo) > 0 { // definitions lead to others
		next := c.todo[0]
		c.todo = c.todo[1:]
		definitions.Set(next.Name, c.schema(next.Value))
	}
	if len(definitions) > 0 {
		o.Set("$defs", definitions)
	}
	return o
}

// members counts those of a part.
func members(p Part) int { return len(slices.Collect(p.Members())) }

// A carrying is a schema on its way, with those that it refers to.
type carrying struct {
	*importer
	root  contract.Tree
	defs  map[contract.Tree]string // names of what is referred to
	names names
	todo  []Member[Part]
}

// dropped are the keywords of OpenAPI, and of identity, that mean nothing within a contract.
var dropped = words("$schema $id id $anchor $dynamicAnchor $defs definitions discriminator xml externalDocs example nullable " +
	"exclusiveMinimum exclusiveMaximum $vocabulary $recursiveAnchor")

func (c *carrying) schema(p Part) any {
	if !p.IsMapping() {
		if p.Exists() && !p.IsList() {
			return mustParse(p.JSON()) // true and false
		}
		return Object{}
	}
	if never := p.Get("not"); members(p) == 1 && never.IsMapping() && len(never.JSON()) == len("{}") {
		return false
	}
	if original := p.Get(extensionName, "schema"); original.Exists() { // of our own, before it was made 3.0's
		return c.keywords(p.Of(original))
	}
	return c.keywords(p)
}

func (c *carrying) keywords(p Part) any {
	if !p.IsMapping() {
		return c.schema(p)
	}
	out := Object{}
	for at := range p.Members() {
		name := at.Name()
		switch inner := p.Of(at); {
		case name == "$ref":
			c.reference(&out, p)
		case dropped[name], strings.HasPrefix(name, "x-"):
		case name == "items" && len(at.JSON()) == len("{}") && !p.Get("unevaluatedItems").Exists(): // says nothing
		case holdsOne[name] && !at.IsList():
			out.Set(name, c.schema(inner))
		case name == "items": // as JSON Schema had it before 2020-12
			out.Set("prefixItems", c.all(inner))
		case holdsList[name] && at.IsList():
			out.Set(name, c.all(inner))
		case holdsNamed[name]:
			named := Object{}
			for member := range at.Members() {
				named.Set(member.Name(), c.schema(p.Of(member)))
			}
			out.Set(name, named)
		default:
			c.plain(&out, at)
		}
	}
	c.translate(&out, p)
	return out
}

func (c *carrying) all(p Part) []any {
	items := []any{}
	for item := range p.Items() {
		items = append(items, c.schema(p.Of(item)))
	}
	return items
}

// plain takes a keyword that holds no schema.
func (c *carrying) plain(out *Object, at contract.Tree) {
	switch at.Name() {
	case "format":
		c.format(out, at)
	case "pattern":
		if _, err := regexp.Compile(at.String()); err != nil {
			c.skip(at, "pattern %.60q is left out: it is in no syntax that is checked in time that grows with the text alone (RE2)", at.String())
			return
		}
		out.Set("pattern", at.String())
	case "required":
		if at.IsList() {
			out.Set("required", mustParse(at.JSON()))
		}
	case "examples":
		if at.IsList() {
			out.Set("examples", mustParse(at.JSON()))
		}
	default:
		out.Set(at.Name(), mustParse(at.JSON()))
	}
}

// formats are those of JSON Schema 2020-12, which a contract asserts.
var formats = words("date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri " +
	"iri-reference uuid uri-template json-pointer relative-json-pointer regex")

// format turns those of OpenAPI into what they mean.
func (c *carrying) format(out *Object, at contract.Tree) {
	switch text := at.String(); {
	case formats[text]:
		out.Set("format", text)
	case text == "int32":
		for _, bound := range []Member[string]{{"minimum", "-2147483648"}, {"maximum", "2147483647"}} {
			if !out.Has(bound.Name) { // one that comes later in the document takes its place
				out.Set(bound.Name, json.Number(bound.Value))
			}
		}
	case text == "byte":
		out.Set("contentEncoding", "base64")
	case text == "int64", text == "float", text == "double", text == "password", text == "":
	default:
		c.skip(at, "format %.40q is left out: JSON Schema 2020-12 has no such format", text)
	}
}

// translate turns the dialect of OpenAPI 3.0 into JSON Schema: bounds that are exclusive by a flag, and null.
func (c *carrying) translate(out *Object, p Part) {
	for _, bound := range []struct{ inclusive, exclusive string }{{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}} {
		flag := p.Get(bound.exclusive)
		if _, isNumber := flag.Number(); isNumber {
			out.Set(bound.exclusive, mustParse(flag.JSON()))
			continue
		}
		if value, has := out.Get(bound.inclusive); has && flag.IsTrue() {
			*out = slices.DeleteFunc(*out, func(m Member[any]) bool { return m.Name == bound.inclusive })
			out.Set(bound.exclusive, value)
		}
	}
	if example := p.Get("example"); example.Exists() && !out.Has("examples") {
		out.Set("examples", []any{mustParse(example.JSON())})
	}
	if !p.Get("nullable").IsTrue() {
		return
	}
	if kind, has := out.Get("type"); has {
		if name, isText := kind.(string); isText {
			out.Set("type", []any{name, "null"})
		}
	}
	if values, has := out.Get("enum"); has && !slices.Contains(list(values), nil) {
		out.Set("enum", append(list(values), nil))
	}
}

// reference makes a $ref one into the schema's own $defs.
func (c *carrying) reference(out *Object, p Part) {
	text := p.Get("$ref").String()
	target := c.files.Resolve(p)
	switch {
	case !target.Exists():
		c.lost(p.Get("$ref"))
		return
	case target.Tree == c.root:
		out.Set("$ref", "#")
		return
	}
	name, known := c.defs[target.Tree]
	if !known {
		last := unescapePercent(text[strings.LastIndexByte(text, '/')+1:])
		name = c.names.take(definitionName(last))
		c.defs[target.Tree] = name
		c.todo = append(c.todo, Member[Part]{name, target})
	}
	out.Set("$ref", "#/$defs/"+name)
}

func (im *importer) lost(reference contract.Tree) {
	im.skip(reference, "$ref %.80q leads nowhere that can be read: it takes anything", reference.String())
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

func definitionName(text string) string {
	if name := strings.Trim(notInName.ReplaceAllString(strings.TrimPrefix(text, "#"), "_"), "_"); name != "" {
		return name
	}
	return "Schema"
}
