package contract

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A plan is a schema of the common keywords alone, ready to be checked while the text of a value is read. It is careful:
// what it takes the validator takes too, and what it does not take is for the validator to judge. Nil takes everything.
type plan struct {
	never bool // the schema false
	types types
	among []constants // enum, const

	minLength, maxLength int // in code points
	pattern              *regexp.Regexp
	format               *jsonschema.Format

	minimum, maximum, above, below, multipleOf *fraction

	minItems, maxItems int
	prefix             []*plan
	items              *plan // of those after prefix

	minMembers, maxMembers int
	members                map[string]property
	others                 *plan  // of the members that are not in members
	required               uint64 // the bits of all members that are
}

// A property is what a plan says of the member of one name.
type property struct {
	plan *plan
	bit  uint64 // zero where it is not required
}

// types is a set of the types of JSON Schema; an empty one has them all.
type types uint8

const (
	nullType types = 1 << iota
	booleanType
	integerType
	numberType
	stringType
	arrayType
	objectType
)

var typesByName = map[string]types{"null": nullType, "boolean": booleanType, "integer": integerType, "number": numberType,
	"string": stringType, "array": arrayType, "object": objectType}

// constants are the values of an enum that are no arrays or objects.
type constants struct {
	null, yes, no bool
	strings       map[string]bool
	numbers       []*fraction
}

func newConstants(values ...any) (constants, bool) {
	c := constants{strings: map[string]bool{}}
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			c.null = true
		case bool:
			c.yes, c.no = c.yes || v, c.no || !v
		case string:
			c.strings[v] = true
		case json.Number:
			r, ok := new(big.Rat).SetString(string(v))
			if !ok {
				return c, false
			}
			c.numbers = append(c.numbers, newFraction(r))
		default: // an array or an object is never accepted where there are constants
		}
	}
	return c, true
}

// The validator's names for what a plan checks, and for what asserts nothing. A schema that has anything else is not
// planned, be it a keyword that the validator learns later.
var (
	planned = words("Bool Types Enum Const Format MaxProperties MinProperties Required Properties AdditionalProperties " +
		"MinItems MaxItems PrefixItems Items2020 MinLength MaxLength Pattern Maximum Minimum ExclusiveMaximum " +
		"ExclusiveMinimum MultipleOf")
	silent = words("DraftVersion Location ID Anchor DynamicAnchor Title Description Default Comment ReadOnly WriteOnly " +
		"Examples Deprecated")
)

// A planner makes the plans of a schema and of all that it consists of, which may be itself.
type planner map[*jsonschema.Schema]*plan

// planFor gives false where the validator alone can tell. The schema must not be endless.
func planFor(s *jsonschema.Schema) (*plan, bool) { return planner{}.plan(s) }

func (r planner) plan(s *jsonschema.Schema) (*plan, bool) {
	if p, known := r[s]; known {
		return p, true
	}
	if s.DraftVersion != 2020 {
		return nil, false
	}
	keywords := 0
	fields := reflect.ValueOf(*s)
	for i := range fields.NumField() {
		switch name := fields.Type().Field(i).Name; {
		case !fields.Type().Field(i).IsExported(), silent[name], name == "Ref", fields.Field(i).IsZero():
		case !planned[name]:
			return nil, false
		default:
			keywords++
		}
	}
	switch {
	case s.Ref != nil && keywords > 0: // two schemas for one value
		return nil, false
	case s.Ref != nil:
		return r.plan(s.Ref)
	case keywords == 0, s.Bool != nil && *s.Bool:
		return nil, true
	}
	p := &plan{never: s.Bool != nil, format: s.Format,
		minLength: least(s.MinLength), maxLength: most(s.MaxLength),
		minItems: least(s.MinItems), maxItems: most(s.MaxItems),
		minMembers: least(s.MinProperties), maxMembers: most(s.MaxProperties),
		minimum: newFraction(s.Minimum), maximum: newFraction(s.Maximum), above: newFraction(s.ExclusiveMinimum),
		below: newFraction(s.ExclusiveMaximum), multipleOf: newFraction(s.MultipleOf)}
	r[s] = p // before its parts, which may refer to it
	return p, p.readTypes(s) && p.readPattern(s) && p.readConstants(s) && r.items(p, s) && r.members(p, s)
}

func least(limit *int) int {
	if limit == nil {
		return 0
	}
	return *limit
}

func most(limit *int) int {
	if limit == nil {
		return math.MaxInt
	}
	return *limit
}

func (p *plan) readTypes(s *jsonschema.Schema) bool {
	if s.Types == nil {
		return true
	}
	for _, name := range s.Types.ToStrings() {
		p.types |= typesByName[name]
	}
	return p.types != 0
}

// readPattern needs the regular expression itself, which matches bytes too.
func (p *plan) readPattern(s *jsonschema.Schema) (ok bool) {
	if s.Pattern != nil {
		p.pattern, ok = s.Pattern.(*regexp.Regexp)
		return ok
	}
	return true
}

func (p *plan) readConstants(s *jsonschema.Schema) bool {
	if s.Enum != nil {
		c, ok := newConstants(s.Enum.Values...)
		if !ok {
			return false
		}
		p.among = append(p.among, c)
	}
	if s.Const != nil {
		c, ok := newConstants(*s.Const)
		if !ok {
			return false
		}
		p.among = append(p.among, c)
	}
	return true
}

func (r planner) items(p *plan, s *jsonschema.Schema) (ok bool) {
	for _, item := range s.PrefixItems {
		of, ok := r.plan(item)
		if !ok {
			return false
		}
		p.prefix = append(p.prefix, of)
	}
	if s.Items2020 != nil {
		p.items, ok = r.plan(s.Items2020)
		return ok
	}
	return true
}

func (r planner) members(p *plan, s *jsonschema.Schema) (ok bool) {
	switch others := s.AdditionalProperties.(type) {
	case bool:
		if !others {
			p.others = &plan{never: true}
		}
	case *jsonschema.Schema:
		if p.others, ok = r.plan(others); !ok {
			return false
		}
	}
	p.members = make(map[string]property, len(s.Properties)+len(s.Required))
	for name, of := range s.Properties {
		of, ok := r.plan(of)
		if !ok {
			return false
		}
		p.members[name] = property{plan: of}
	}
	for i, name := range s.Required {
		if i == 64 { // bits
			return false
		}
		member, ok := p.members[name]
		if !ok {
			member.plan = p.others
		}
		member.bit |= 1 << i // a name may be listed twice
		p.members[name] = member
		p.required |= 1 << i
	}
	return true
}
