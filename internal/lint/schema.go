package lint

import "github.com/leatstream/leat/contract"

// A part is a schema within that of a message, with the property that it is of, "" where it is of none.
type part struct {
	schema
	property string
}

// walk visits a message's schema and all that it consists of, each once.
func (a *api) walk(s schema, visit func(part)) {
	seen := map[contract.Tree]bool{}
	var into func(part)
	into = func(p part) {
		if p.Get("$ref").String() != "" {
			if named := p.Tree; !seen[named] { // what stands beside the $ref counts too
				seen[named] = true
				visit(p)
			}
			p.schema = a.resolve(p.schema)
		}
		if !p.IsMapping() || seen[p.Tree] {
			return
		}
		seen[p.Tree] = true
		visit(p)
		inner := func(at contract.Tree, property string) {
			into(part{p.in(at), property})
		}
		for _, of := range []string{"properties", "patternProperties"} {
			for at := range p.Get(of).Members() {
				inner(at, at.Name())
			}
		}
		for _, of := range []string{"items", "additionalProperties", "not", "if", "then", "else", "contains"} {
			inner(p.Get(of), p.property)
		}
		for _, of := range []string{"allOf", "anyOf", "oneOf", "prefixItems"} {
			for at := range p.Get(of).Items() {
				inner(at, p.property)
			}
		}
	}
	into(part{s, ""})
}

// parts visits the schemas of all messages.
func (a *api) parts(visit func(part)) {
	for _, m := range a.messages() {
		a.walk(m.schema, visit)
	}
}

// is tells whether a schema says that its values are of a type.
func (s schema) is(name string) bool {
	types := s.Get("type")
	if types.String() == name {
		return true
	}
	for item := range types.Items() {
		if item.String() == name {
			return true
		}
	}
	return false
}

// has tells whether a schema has any of the keywords.
func (s schema) has(keywords ...string) bool {
	for _, keyword := range keywords {
		if s.Get(keyword).Exists() {
			return true
		}
	}
	return false
}

// members gives the properties of an object, and those of the schemas that its allOf is of.
func (a *api) members(s schema) []contract.Tree {
	s = a.resolve(s)
	var all []contract.Tree
	for at := range s.Get("properties").Members() {
		all = append(all, at)
	}
	for at := range s.Get("allOf").Items() {
		for inner := range a.resolve(s.in(at)).Get("properties").Members() {
			all = append(all, inner)
		}
	}
	return all
}
