package contract

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An alternative is one way in which a value can be valid: all its parts hold. A schema without anyOf and oneOf has one.
type alternative struct {
	parts  []*jsonschema.Schema
	opaque []opaque

	types  types
	finite bool // only values are valid, and no others
	values []any

	// What types and values are by the keywords of the parts themselves, whatever else these say.
	declared types
	listed   []any
}

// maxAlternatives bounds them: a schema of schemas with anyOf makes very many. Beyond, an anyOf is opaque.
const maxAlternatives = 32

// alternatives lists the ways in which a value can be valid under all of the schemas; none where nothing is.
func alternatives(schemas []*jsonschema.Schema) []alternative {
	all := expand(schemas)
	for i := range all {
		all[i].settle()
	}
	for _, part := range choices(all) {
		if exclusive(all, part) {
			for i := range all {
				all[i].opaque = slices.DeleteFunc(all[i].opaque, func(o opaque) bool { return o.part == part && o.keyword == "oneOf" })
			}
		}
	}
	return slices.DeleteFunc(all, func(a alternative) bool { return a.types == 0 })
}

// choices lists the schemas with a oneOf of which the alternatives have taken branches.
func choices(all []alternative) []*jsonschema.Schema {
	var parts []*jsonschema.Schema
	for _, a := range all {
		for _, o := range a.opaque {
			if o.branch > 0 && !slices.Contains(parts, o.part) {
				parts = append(parts, o.part)
			}
		}
	}
	return parts
}

func expand(schemas []*jsonschema.Schema) []alternative {
	all := []alternative{{}}
	for _, s := range schemas {
		for _, part := range always(s) {
			own := alternative{parts: []*jsonschema.Schema{part}, opaque: opaques(part)}
			all = both(all, []alternative{own})
			all = choose(all, part, "anyOf", part.AnyOf)
			all = choose(all, part, "oneOf", part.OneOf)
		}
	}
	return all
}

// choose lets each alternative take one of the branches.
func choose(all []alternative, part *jsonschema.Schema, keyword string, branches []*jsonschema.Schema) []alternative {
	if len(branches) == 0 {
		return all
	}
	var taken []alternative
	for i, branch := range branches {
		for _, a := range expand([]*jsonschema.Schema{branch}) {
			if keyword == "oneOf" {
				a.opaque = append(a.opaque, opaque{keyword, part, i + 1})
			}
			taken = append(taken, a)
		}
	}
	if len(all)*len(taken) > maxAlternatives {
		return both(all, []alternative{{opaque: []opaque{{keyword, part, 0}}}})
	}
	return both(all, taken)
}

// both makes each pair of alternatives one.
func both(these, those []alternative) []alternative {
	var pairs []alternative
	for _, a := range these {
		for _, b := range those {
			pair := alternative{parts: slices.Clone(a.parts), opaque: slices.Concat(a.opaque, b.opaque)}
			for _, part := range b.parts {
				if !slices.Contains(pair.parts, part) {
					pair.parts = append(pair.parts, part)
				}
			}
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// exclusive tells whether no value can be valid under two branches of a oneOf.
func exclusive(all []alternative, part *jsonschema.Schema) bool {
	for i := range all {
		for j := range all[:i] {
			one, other := all[i].branch(part), all[j].branch(part)
			if one > 0 && other > 0 && one != other && !all[i].excludes(&all[j], part) {
				return false
			}
		}
	}
	return true
}

// branch is which one of a oneOf it takes, from 1 on; 0 where it takes none.
func (a *alternative) branch(part *jsonschema.Schema) int {
	for _, o := range a.opaque {
		if o.part == part && o.keyword == "oneOf" {
			return o.branch
		}
	}
	return 0
}

// settle finds which types are valid, and which values if they are few.
func (a *alternative) settle() {
	a.declared = allTypes
	for _, part := range a.parts {
		a.restrict(part)
	}
	if !a.finite && a.declared&^(nullType|booleanType) == 0 {
		a.listed, a.finite = []any{nil, false, true}, true
	}
	a.types = a.declared
	if !a.finite {
		return
	}
	a.types = 0
	for _, v := range a.listed {
		if takes(a.parts, v) {
			a.values = append(a.values, v)
			a.types |= typeOf(v)
		}
	}
}

func (a *alternative) restrict(part *jsonschema.Schema) {
	if takesNothing(part) {
		a.declared = 0
	}
	if part.Types != nil {
		var own types
		for _, name := range part.Types.ToStrings() {
			own |= typesByName[name]
		}
		a.declared &= own
	}
	if part.MultipleOf != nil && part.MultipleOf.IsInt() {
		a.declared &^= fractionType
	}
	switch {
	case part.Const != nil:
		a.listed, a.finite = []any{*part.Const}, true
	case part.Enum != nil && !a.finite:
		a.listed, a.finite = part.Enum.Values, true
	}
}

func (a *alternative) takes(value any) bool { return takes(a.parts, value) }

// takes tells whether a value is valid under all of the schemas.
func takes(schemas []*jsonschema.Schema, value any) bool {
	return !slices.ContainsFunc(schemas, func(s *jsonschema.Schema) bool { return s.Validate(value) != nil })
}

// excludes is true only where no value can be valid under both. What the part says is left aside.
func (a *alternative) excludes(b *alternative, aside *jsonschema.Schema) bool {
	var parts []*jsonschema.Schema
	for _, part := range slices.Concat(a.parts, b.parts) {
		if !leadsTo(part, aside) {
			parts = append(parts, part)
		}
	}
	taken := func(v any) bool { return takes(parts, v) }
	shared := a.declared & b.declared
	switch {
	case shared == 0:
		return true
	case a.finite:
		return !slices.ContainsFunc(a.listed, taken)
	case b.finite:
		return !slices.ContainsFunc(b.listed, taken)
	}
	return shared == objectType && (a.excludesObjects(b) || b.excludesObjects(a))
}

// leadsTo tells whether a schema asks another one about the value that it is asked about.
func leadsTo(s, other *jsonschema.Schema) bool {
	return s != nil && (s == other || slices.ContainsFunc(here(s), func(part *jsonschema.Schema) bool { return leadsTo(part, other) }))
}

// excludesObjects looks for a member that a requires, and that can be nothing that it could be in b.
func (a *alternative) excludesObjects(b *alternative) bool {
	for _, part := range a.parts {
		for _, name := range part.Required {
			mine, theirs := valuesOf(a.ofMember(name)), valuesOf(b.ofMember(name))
			if mine.none || theirs.none || mine.finite && !slices.ContainsFunc(mine.values, theirs.takes) ||
				theirs.finite && !slices.ContainsFunc(theirs.values, mine.takes) {
				return true
			}
		}
	}
	return false
}

// constantsOf are the values that are valid under all of some schemas, where these list them.
type constantsOf struct {
	schemas      []*jsonschema.Schema
	none, finite bool
	values       []any
}

func (c constantsOf) takes(value any) bool { return takes(c.schemas, value) }

func valuesOf(schemas []*jsonschema.Schema) constantsOf {
	c := constantsOf{schemas: schemas}
	for _, s := range schemas {
		for _, part := range always(s) {
			switch {
			case takesNothing(part):
				c.none = true
			case part.Const != nil:
				c.values, c.finite = []any{*part.Const}, true
			case part.Enum != nil && !c.finite:
				c.values, c.finite = part.Enum.Values, true
			}
		}
	}
	c.values = slices.DeleteFunc(slices.Clone(c.values), func(v any) bool { return !c.takes(v) })
	return c
}

// finite gives the values of all alternatives together, where these are all that is valid.
func finite(all []alternative) (values []any, ok bool) {
	for _, a := range all {
		if !a.finite {
			return nil, false
		}
		values = append(values, a.values...)
	}
	return values, true
}

// isAnything tells whether the schemas ask for nothing.
func isAnything(schemas []*jsonschema.Schema) bool {
	for _, s := range schemas {
		for _, part := range always(s) {
			if some, ok := asserts(part); some || !ok {
				return false
			}
		}
	}
	return true
}

func typeOf(value any) types {
	switch v := value.(type) {
	case nil:
		return nullType
	case bool:
		return booleanType
	case string:
		return stringType
	case []any:
		return arrayType
	case map[string]any:
		return objectType
	default:
		if r := ratOf(v); r != nil && r.IsInt() {
			return integerType
		}
		return fractionType
	}
}
