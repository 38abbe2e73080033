package document

import (
	"strings"

	"github.com/leatstream/leat/contract"
)

// componentRef is where the schemas of a document are, in OpenAPI and in AsyncAPI.
const componentRef = "#/components/schemas/"

// components are the schemas of a document, by name.
type components struct {
	schemas Map[any]
	data    map[*contract.EventType]string // names of the data's schemas
	names   names
	// adapt puts a schema of JSON Schema 2020-12, whose references are the document's, into the document's own dialect.
	adapt func(schema any) any
}

// newComponents holds the data of all events and commands of a contract, each under the name of its type, and with the
// stream's before it where another stream has the same. reserved are names of the document's own.
func newComponents(c *contract.Contract, adapt func(any) any, reserved ...string) *components {
	p := &components{data: map[*contract.EventType]string{}, names: names{}, adapt: adapt}
	for _, name := range reserved {
		p.names.take(name)
	}
	for _, s := range c.Streams {
		for _, t := range allTypes(s) {
			p.data[t] = p.names.take(t.Message(), pascal(s.Name)+t.Message())
		}
	}
	definitions := map[string]string{}
	for _, s := range c.Streams {
		for _, t := range allTypes(s) {
			for _, d := range t.Schema.Bundle.Definitions {
				if definitions[d.Name] == "" {
					definitions[d.Name] = p.names.take(pascal(d.Name))
				}
			}
		}
	}
	added := map[string]bool{}
	for _, s := range c.Streams {
		for _, t := range allTypes(s) {
			p.add(p.data[t], t.Schema.Bundle.JSON, definitions)
			for _, d := range t.Schema.Bundle.Definitions {
				if !added[d.Name] {
					added[d.Name] = true
					p.add(definitions[d.Name], d.JSON, definitions)
				}
			}
		}
	}
	return p
}

func allTypes(s *contract.Stream) []*contract.EventType {
	return append(append([]*contract.EventType{}, s.Events...), s.Commands...)
}

func (p *components) add(name string, schema []byte, definitions map[string]string) {
	p.schemas.Set(name, p.adapt(asObject(pointElsewhere(mustParse(schema), definitions))))
}

// own adds a schema of the document's own, in the words of its dialect, and gives a reference to it.
func (p *components) own(name string, schema Object) Object {
	p.schemas.Set(name, schema)
	return ref(name)
}

// ref refers to a component.
func ref(name string) Object { return object("$ref", componentRef+name) }

// dataOf refers to the data of an event or a command.
func (p *components) dataOf(t *contract.EventType) Object { return ref(p.data[t]) }

// asObject puts the schemas true and false into words that every tool reads.
func asObject(schema any) any {
	switch schema {
	case true:
		return Object{}
	case false:
		return object("not", Object{})
	}
	return schema
}

// pointElsewhere makes the references to definitions such to components. The values of keywords that hold data
// are left as they are.
func pointElsewhere(schema any, definitions map[string]string) any {
	return walk(schema, func(keyword string, value any) any {
		if text, ok := value.(string); ok && keyword == "$ref" {
			return componentRef + definitions[strings.TrimPrefix(text, "#/$defs/")]
		}
		return value
	})
}

// The keywords of JSON Schema that hold a schema, a list of schemas, and schemas by name.
var (
	holdsOne = words("additionalProperties contains contentSchema else if items not propertyNames then " +
		"unevaluatedItems unevaluatedProperties")
	holdsList  = words("allOf anyOf oneOf prefixItems")
	holdsNamed = words("dependentSchemas patternProperties properties")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// walk copies a schema and those within it; change gives the value of each keyword that holds no schema.
func walk(schema any, change func(keyword string, value any) any) any {
	o, ok := schema.(Object)
	if !ok {
		return schema
	}
	var out Object
	for _, m := range o {
		out = append(out, Member[any]{m.Name, within(m.Name, m.Value, change, func(inner any) any { return walk(inner, change) })})
	}
	if out == nil {
		out = Object{}
	}
	return out
}

// within gives the value of a keyword, with each schema in it as next makes it.
func within(keyword string, value any, other func(string, any) any, next func(any) any) any {
	switch list, isList := value.([]any); {
	case holdsOne[keyword]:
		return next(value)
	case holdsList[keyword] && isList:
		items := make([]any, len(list))
		for i, item := range list {
			items[i] = next(item)
		}
		return items
	case holdsNamed[keyword]:
		if named, ok := value.(Object); ok {
			out := Object{}
			for _, m := range named {
				out = append(out, Member[any]{m.Name, next(m.Value)})
			}
			return out
		}
	}
	return other(keyword, value)
}
