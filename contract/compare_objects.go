package contract

import (
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A closing is what holds for the members that some schemas do not name.
type closing struct {
	named  []*jsonschema.Schema
	others *jsonschema.Schema
}

func (c closing) covers(name string) bool {
	return slices.ContainsFunc(c.named, func(s *jsonschema.Schema) bool {
		return s.Properties[name] != nil || len(byPatterns(s, name)) > 0
	})
}

// byPatterns lists what the patternProperties of a schema say of a name.
func byPatterns(s *jsonschema.Schema, name string) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for pattern, schema := range s.PatternProperties {
		if pattern.MatchString(name) {
			of = append(of, schema)
		}
	}
	return of
}

// isPlain tells whether which members a schema names does not depend on the data.
func isPlain(s *jsonschema.Schema) bool {
	return !slices.ContainsFunc(always(s), func(part *jsonschema.Schema) bool {
		return len(part.AnyOf) > 0 || len(part.OneOf) > 0 || part.If != nil || len(part.DependentSchemas) > 0 || part.DynamicRef != nil ||
			part != s && part.UnevaluatedProperties != nil
	})
}

func (a *alternative) closings() []closing {
	var all []closing
	for _, part := range a.parts {
		switch others := part.AdditionalProperties.(type) {
		case bool:
			if !others {
				all = append(all, closing{[]*jsonschema.Schema{part}, nothing})
			}
		case *jsonschema.Schema:
			all = append(all, closing{[]*jsonschema.Schema{part}, others})
		}
		if part.UnevaluatedProperties != nil && isPlain(part) {
			named := always(part)
			if !slices.ContainsFunc(named, func(s *jsonschema.Schema) bool { return s.AdditionalProperties != nil }) {
				all = append(all, closing{named, part.UnevaluatedProperties})
			}
		}
	}
	return all
}

// ofMember lists what holds for the member of that name.
func (a *alternative) ofMember(name string) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, part := range a.parts {
		if declared := part.Properties[name]; declared != nil {
			of = append(of, declared)
		}
		of = append(of, sorted(byPatterns(part, name))...)
	}
	for _, closing := range a.closings() {
		if !closing.covers(name) {
			of = append(of, closing.others)
		}
	}
	return of
}

func sorted(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	slices.SortFunc(schemas, func(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) })
	return schemas
}

// ofOthers lists what holds for the members that nothing names.
func (a *alternative) ofOthers() []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, closing := range a.closings() {
		of = append(of, closing.others)
	}
	return of
}

// patterns lists those of patternProperties; simple is false where what holds for a name cannot be told by them.
func (a *alternative) patterns() (byPattern map[string]*jsonschema.Schema, simple bool) {
	byPattern, simple = map[string]*jsonschema.Schema{}, true
	for _, part := range a.parts {
		if len(part.PatternProperties) == 0 {
			continue
		}
		simple = simple && len(byPattern) == 0
		for pattern, schema := range part.PatternProperties {
			byPattern[pattern.String()] = schema
		}
	}
	return byPattern, simple
}

// ofPattern lists what holds for a member whose name matches that pattern, and no other, and is not declared.
func (a *alternative) ofPattern(pattern string) []*jsonschema.Schema {
	byPattern, _ := a.patterns()
	if byPattern[pattern] == nil {
		return a.ofOthers()
	}
	of := []*jsonschema.Schema{byPattern[pattern]}
	for _, closing := range a.closings() {
		if !slices.ContainsFunc(closing.named, func(s *jsonschema.Schema) bool { return len(s.PatternProperties) > 0 }) {
			of = append(of, closing.others)
		}
	}
	return of
}

func (a *alternative) declares(name string) bool {
	return slices.ContainsFunc(a.parts, func(s *jsonschema.Schema) bool { return s.Properties[name] != nil })
}

func (a *alternative) requires(name string) bool {
	return slices.ContainsFunc(a.parts, func(s *jsonschema.Schema) bool { return slices.Contains(s.Required, name) })
}

// named lists the members that a declares or requires.
func (a *alternative) named() []string {
	names := map[string]bool{}
	for _, part := range a.parts {
		for name := range part.Properties {
			names[name] = true
		}
		for _, name := range part.Required {
			names[name] = true
		}
	}
	return slices.Collect(maps.Keys(names))
}

func (c *comparison) compareObjects(pointer string, at place, old, now alternative) {
	c.compareSize(pointer, at, "minProperties", old, now, func(s *jsonschema.Schema) *int { return s.MinProperties })
	c.compareSize(pointer, at, "maxProperties", old, now, func(s *jsonschema.Schema) *int { return s.MaxProperties })
	names := slices.Concat(old.named(), now.named())
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c.compareMember(pointer+"/"+escape.Replace(name), at, name, old, now)
	}
	c.compareOthers(pointer, at, old, now)
	c.comparePatterns(pointer, at, old, now)
	c.compareNames(pointer, at, old, now)
	c.compareDependents(pointer, at, old, now)
}

func (c *comparison) compareMember(pointer string, at place, name string, old, now alternative) {
	was, is := old.ofMember(name), now.ofMember(name)
	before, after := old.declares(name), now.declares(name)
	must, may := !old.requires(name) && now.requires(name), old.requires(name) && !now.requires(name)
	switch {
	case before && after:
		c.compare(pointer, at, was, is)
	case after:
		c.added(pointer, at, was, is, must)
		must = false
	case before && c.removed(pointer, at, was, is, may):
		may = false
	}
	if must {
		c.add(difference{pointer: pointer, at: c.at(at, now.parts, "required"), narrower: true, text: "is required now"})
	}
	if may {
		c.add(difference{pointer: pointer, at: c.place(at, is), wider: true, text: "is no longer required"})
	}
}

// added compares a member that is declared now with what held for it before.
func (c *comparison) added(pointer string, at place, was, is []*jsonschema.Schema, required bool) {
	found := c.try(was, is)
	d := difference{pointer: pointer, at: c.place(at, is), wider: widens(found), narrower: narrows(found), text: "is new, optional",
		kind: memberAdded, tolerable: isAnything(was)}
	switch {
	case required:
		d.kind, d.narrower, d.text = differs, true, "is new, and required"
	case len(alternatives(is)) == 0:
		if !d.narrower {
			return // as it was
		}
		d.kind, d.text = differs, "is no longer allowed"
	case !d.wider && !d.narrower && !d.tolerable:
		return // it was of the other members, for which the same holds
	case d.wider && len(alternatives(was)) == 0:
		d.text += "; before, the schema allowed no others than it declares"
	}
	c.add(d)
}

// removed compares a member that is no longer declared, and tells whether that is one.
func (c *comparison) removed(pointer string, at place, was, is []*jsonschema.Schema, mayMiss bool) bool {
	found := c.try(was, is)
	d := difference{pointer: pointer, at: at, wider: widens(found) || mayMiss, narrower: narrows(found), text: "is removed", kind: memberRemoved}
	switch {
	case len(alternatives(was)) == 0:
		if !d.wider {
			return false
		}
		d.kind, d.text = differs, "is allowed now"
	case !d.wider && !d.narrower && !isAnything(is):
		return false
	}
	c.add(d)
	return true
}

func (c *comparison) compareOthers(pointer string, at place, old, now alternative) {
	was, is := old.ofOthers(), now.ofOthers()
	at = c.at(at, now.parts, "additionalProperties", "unevaluatedProperties")
	open, opens := len(alternatives(was)) > 0, len(alternatives(is)) > 0
	switch {
	case open && opens:
		c.compare(pointer+"/*", at, was, is)
	case open:
		c.add(difference{pointer: pointer, at: at, narrower: true, text: "no longer allows members that it does not declare"})
	case opens:
		c.add(difference{pointer: pointer, at: at, wider: true, text: "allows members that it does not declare"})
	}
}

func (c *comparison) comparePatterns(pointer string, at place, old, now alternative) {
	was, simple := old.patterns()
	is, simpleToo := now.patterns()
	at = c.at(at, now.parts, "patternProperties")
	if !simple || !simpleToo {
		if !slices.EqualFunc(old.parts, now.parts, (&sameness{}).schemas) {
			c.cannotTell(pointer, at, "several patternProperties hold at once, and something changed")
		}
		return
	}
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	for _, pattern := range slices.Compact(names) {
		c.compare(pointer+"/*", at, old.ofPattern(pattern), now.ofPattern(pattern))
		// A name that matches another pattern too has to be valid under both.
		switch {
		case was[pattern] == nil && len(was) > 0:
			c.add(difference{pointer: pointer, at: at, narrower: true, text: "members whose names match " + pattern + " are restricted"})
		case is[pattern] == nil && len(is) > 0:
			c.add(difference{pointer: pointer, at: at, wider: true, text: "members whose names match " + pattern + " are no longer restricted"})
		}
	}
}

// compareNames compares what holds for the names of members.
func (c *comparison) compareNames(pointer string, at place, old, now alternative) {
	found := c.try(old.ofNames(), now.ofNames())
	if widens(found) || narrows(found) {
		var texts []string
		for _, d := range found {
			if d.kind != isSaid {
				texts = append(texts, d.text)
			}
		}
		c.add(difference{pointer: pointer, at: c.at(at, now.parts, "propertyNames"), wider: widens(found), narrower: narrows(found),
			text: "names of members: " + strings.Join(texts, ", ")})
	}
}

// ofNames lists what holds for names, which are strings.
func (a *alternative) ofNames() []*jsonschema.Schema {
	of := []*jsonschema.Schema{anyString}
	for _, part := range a.parts {
		if part.PropertyNames != nil {
			of = append(of, part.PropertyNames)
		}
	}
	return of
}

var anyString = func() *jsonschema.Schema {
	types := new(jsonschema.Types)
	types.Add("string")
	return &jsonschema.Schema{DraftVersion: 2020, Location: "string", Types: types}
}()

func (c *comparison) compareDependents(pointer string, at place, old, now alternative) {
	was, is := old.dependents(), now.dependents()
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		gone := slices.DeleteFunc(slices.Clone(was[name]), func(other string) bool { return slices.Contains(is[name], other) })
		come := slices.DeleteFunc(slices.Clone(is[name]), func(other string) bool { return slices.Contains(was[name], other) })
		at := c.at(at, now.parts, "dependentRequired")
		if len(come) > 0 {
			c.add(difference{pointer: pointer, at: at, narrower: true, text: "with " + name + " it must also have " + strings.Join(come, ", ")})
		}
		if len(gone) > 0 {
			c.add(difference{pointer: pointer, at: at, wider: true, text: "with " + name + " it need no longer have " + strings.Join(gone, ", ")})
		}
		c.compare(pointer, c.at(at, now.parts, "dependentSchemas"), old.ofDependents(name), now.ofDependents(name))
	}
}

// dependents lists by member which others must be there with it.
func (a *alternative) dependents() map[string][]string {
	all := map[string][]string{}
	for _, part := range a.parts {
		for name, others := range part.DependentRequired {
			all[name] = append(all[name], others...)
		}
		for name := range part.DependentSchemas {
			all[name] = slices.Clip(all[name])
		}
	}
	return all
}

// ofDependents lists what holds for the whole where it has the member.
func (a *alternative) ofDependents(name string) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, part := range a.parts {
		if schema := part.DependentSchemas[name]; schema != nil {
			of = append(of, schema)
		}
	}
	return of
}
