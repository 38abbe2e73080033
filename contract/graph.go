package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// here lists the schemas that apply to the same value as s; nested to parts of the value.
func here(s *jsonschema.Schema) []*jsonschema.Schema {
	all := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else})
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	return slices.AppendSeq(all, maps.Values(s.DependentSchemas))
}

func nested(s *jsonschema.Schema) []*jsonschema.Schema {
	all := slices.Concat(s.PrefixItems, []*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains,
		s.Items2020, s.UnevaluatedItems, s.ContentSchema})
	if additional, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		all = append(all, additional)
	}
	all = slices.AppendSeq(all, maps.Values(s.PatternProperties))
	return slices.AppendSeq(all, maps.Values(s.Properties))
}

// collect gathers all that s consists of, by location, but what is known.
func collect(s *jsonschema.Schema, parts, known map[string]*jsonschema.Schema) {
	if s == nil || parts[s.Location] != nil || known[s.Location] != nil {
		return
	}
	parts[s.Location] = s
	for _, part := range here(s) {
		collect(part, parts, known)
	}
	for _, part := range nested(s) {
		collect(part, parts, known)
	}
}

// A graph is all that the schemas of a contract consist of, by location: they share most of it, and it is looked at once.
type graph struct {
	parts map[string]*jsonschema.Schema
	ends  map[*jsonschema.Schema]bool // false while it is being looked at
}

func newGraph() *graph {
	return &graph{map[string]*jsonschema.Schema{}, map[*jsonschema.Schema]bool{}}
}

// add adds a schema. It gives the location of one within that applies to the value that it is being applied to, so that
// validation would never end; "" where there is none. With one of those the graph is of no more use.
func (g *graph) add(s *jsonschema.Schema) (endless string) {
	parts := map[string]*jsonschema.Schema{}
	collect(s, parts, g.parts)
	maps.Copy(g.parts, parts)
	for _, location := range slices.Sorted(maps.Keys(parts)) {
		if found := g.endless(parts[location]); found != "" {
			return found
		}
	}
	return ""
}

func (g *graph) endless(s *jsonschema.Schema) string {
	if s == nil {
		return ""
	}
	if ends, entered := g.ends[s]; ends {
		return ""
	} else if entered {
		return s.Location
	}
	g.ends[s] = false
	for _, part := range here(s) {
		if location := g.endless(part); location != "" {
			return location
		}
	}
	g.ends[s] = true
	return ""
}

// always lists the schemas that every value valid under s is valid under too: s, and through $ref and allOf.
func always(s *jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	var add func(s *jsonschema.Schema)
	add = func(s *jsonschema.Schema) {
		if s == nil || slices.Contains(all, s) {
			return
		}
		all = append(all, s)
		add(s.Ref)
		for _, part := range s.AllOf {
			add(part)
		}
	}
	add(s)
	return all
}

// isFlat tells whether the schema says type: object and declares no member "type".
func isFlat(s *jsonschema.Schema) bool {
	object := false
	for _, part := range always(s) {
		object = object || part.Types != nil && slices.Equal(part.Types.ToStrings(), []string{"object"})
	}
	return object && !declares(s, "type", map[*jsonschema.Schema]bool{})
}

func declares(s *jsonschema.Schema, name string, seen map[*jsonschema.Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if s.Properties[name] != nil || slices.Contains(s.Required, name) {
		return true
	}
	return slices.ContainsFunc(here(s), func(part *jsonschema.Schema) bool { return declares(part, name, seen) })
}

// keyAt says why there is not always a string or an integer at a pointer into the data, "" where there is.
func (l *library) keyAt(s *jsonschema.Schema, pointer string) string {
	parts := always(s)
	for i, token := range strings.Split(pointer[1:], "/") {
		name := unescape.Replace(token)
		where := "/" + strings.Join(strings.Split(pointer[1:], "/")[:i+1], "/")
		if where == pointer {
			where = "it"
		}
		var next []*jsonschema.Schema
		required := false
		for _, part := range parts {
			required = required || slices.Contains(part.Required, name)
			next = append(next, always(part.Properties[name])...)
		}
		if len(next) == 0 {
			return fmt.Sprintf("is not in its data: the schema at %s declares no property for %s%s",
				l.place(parts[0].Location), where, nearProperty(parts, name))
		}
		if !required {
			return fmt.Sprintf("may be missing: the schema at %s does not list %s in required",
				l.place(parts[0].Location), where)
		}
		parts = next
	}
	at := parts[0]
	for _, part := range parts {
		if isKey(part) {
			return ""
		}
		if part.Types != nil {
			at = part
		}
	}
	return fmt.Sprintf("is not declared as type: string or type: integer, at %s", l.place(at.Location))
}

func isKey(s *jsonschema.Schema) bool {
	if s.Types == nil || s.Types.IsEmpty() {
		return false
	}
	for _, t := range s.Types.ToStrings() {
		if t != "string" && t != "integer" {
			return false
		}
	}
	return true
}
