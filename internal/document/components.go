package document

import "github.com/leatstream/leat/contract"

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
			add := func(name string, schema []byte) {
				p.schemas.Set(name, p.adapt(pointElsewhere(mustParse(schema), p.data[t], definitions)))
			}
			add(p.data[t], t.Schema.Bundle.JSON)
			for _, d := range t.Schema.Bundle.Definitions {
				if !added[d.Name] {
					added[d.Name] = true
					add(definitions[d.Name], d.JSON)
				}
			}
		}
	}
	return p
}

func allTypes(s *contract.Stream) []*contract.EventType {
	return append(append([]*contract.EventType{}, s.Events...), s.Commands...)
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
