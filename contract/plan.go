package contract

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A plan is what schemas of the common keywords ask of one value, ready to be checked while its text is read. It is
// careful: what it takes the validator takes too, and what it does not take is for the validator to judge. Nil takes
// everything.
type plan struct {
	types types
	among []constants // enum, const

	minLength, maxLength int // in code points
	patterns             []*regexp.Regexp
	formats              []*jsonschema.Format

	minimum, maximum, above, below, multipleOf []*fraction

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

// types is a set of the types of JSON Schema.
type types uint8

const (
	nullType types = 1 << iota
	booleanType
	integerType
	fractionType // of the numbers that are no integers
	stringType
	arrayType
	objectType

	allTypes types = 1<<iota - 1
)

var typesByName = map[string]types{"null": nullType, "boolean": booleanType, "integer": integerType,
	"number": integerType | fractionType, "string": stringType, "array": arrayType, "object": objectType}

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

// The validator's names for what a plan checks, and for what asserts nothing of itself. A schema that has anything else
// is not planned, be it a keyword that the validator learns later.
var (
	planned = words("Bool Types Enum Const Format MaxProperties MinProperties Required Properties AdditionalProperties " +
		"MinItems MaxItems PrefixItems Items2020 MinLength MaxLength Pattern Maximum Minimum ExclusiveMaximum " +
		"ExclusiveMinimum MultipleOf")
	silent = words("Ref AllOf DraftVersion Location ID Anchor DynamicAnchor Title Description Default Comment ReadOnly WriteOnly " +
		"Examples Deprecated")
)

// A planner makes the plans of a schema and of all that it consists of, which may be itself, by what they are of.
type planner map[string]*plan

// maxPlans bounds them: schemas that refer to each other and to themselves make very many sets.
const maxPlans = 1000

// planFor gives false where the validator alone can tell. The schema must not be endless.
func planFor(s *jsonschema.Schema) (*plan, bool) { return planner{}.plan([]*jsonschema.Schema{s}) }

// plan makes the plan of a value for which all the schemas hold.
func (r planner) plan(schemas []*jsonschema.Schema) (*plan, bool) {
	var all []*jsonschema.Schema
	for _, s := range schemas {
		for _, part := range always(s) {
			some, ok := asserts(part)
			if !ok {
				return nil, false
			}
			if some && !slices.Contains(all, part) {
				all = append(all, part)
			}
		}
	}
	if len(all) == 0 {
		return nil, true
	}
	slices.SortFunc(all, func(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) })
	var names strings.Builder
	for _, s := range all {
		names.WriteString(s.Location + "\n")
	}
	if p, known := r[names.String()]; known {
		return p, true
	}
	if len(r) == maxPlans {
		return nil, false
	}
	p := &plan{types: allTypes, maxLength: math.MaxInt, maxItems: math.MaxInt, maxMembers: math.MaxInt}
	r[names.String()] = p // before its parts, which may refer to it
	for _, s := range all {
		if !p.restrict(s) {
			return nil, false
		}
	}
	return p, r.items(p, all) && r.members(p, all)
}

// asserts tells whether a schema asks anything of a value beside what its $ref and allOf do, and whether a plan can
// check it.
func asserts(s *jsonschema.Schema) (some, ok bool) {
	if s.DraftVersion != 2020 {
		return false, false
	}
	fields := reflect.ValueOf(*s)
	for i := range fields.NumField() {
		switch field := fields.Type().Field(i); {
		case !field.IsExported(), silent[field.Name], fields.Field(i).IsZero():
		case !planned[field.Name]:
			return false, false
		default:
			some = true
		}
	}
	return some && (s.Bool == nil || !*s.Bool), true
}

// restrict adds what s asks of the value itself.
func (p *plan) restrict(s *jsonschema.Schema) bool {
	if s.Bool != nil { // the schema false
		p.types = 0
	}
	if s.Types != nil {
		var own types
		for _, name := range s.Types.ToStrings() {
			own |= typesByName[name]
		}
		p.types &= own
	}
	atLeast(&p.minLength, s.MinLength)
	atLeast(&p.minItems, s.MinItems)
	atLeast(&p.minMembers, s.MinProperties)
	atMost(&p.maxLength, s.MaxLength)
	atMost(&p.maxItems, s.MaxItems)
	atMost(&p.maxMembers, s.MaxProperties)
	for _, limit := range []struct {
		to  *[]*fraction
		own *big.Rat
	}{{&p.minimum, s.Minimum}, {&p.maximum, s.Maximum}, {&p.above, s.ExclusiveMinimum}, {&p.below, s.ExclusiveMaximum},
		{&p.multipleOf, s.MultipleOf}} {
		if limit.own != nil {
			*limit.to = append(*limit.to, newFraction(limit.own))
		}
	}
	if s.Format != nil {
		p.formats = append(p.formats, s.Format)
	}
	if s.Pattern != nil {
		pattern, ok := s.Pattern.(*regexp.Regexp) // the validator's own, which matches bytes too
		if !ok {
			return false
		}
		p.patterns = append(p.patterns, pattern)
	}
	return p.restrictTo(s)
}

func atLeast(limit *int, own *int) {
	if own != nil {
		*limit = max(*limit, *own)
	}
}

func atMost(limit *int, own *int) {
	if own != nil {
		*limit = min(*limit, *own)
	}
}

func (p *plan) restrictTo(s *jsonschema.Schema) bool {
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

func (r planner) items(p *plan, schemas []*jsonschema.Schema) (ok bool) {
	prefix := 0
	for _, s := range schemas {
		prefix = max(prefix, len(s.PrefixItems))
	}
	for i := range prefix + 1 { // the last stands for all that follow
		var of []*jsonschema.Schema
		for _, s := range schemas {
			switch {
			case i < len(s.PrefixItems):
				of = append(of, s.PrefixItems[i])
			case s.Items2020 != nil:
				of = append(of, s.Items2020)
			}
		}
		if p.items, ok = r.plan(of); !ok {
			return false
		}
		if i < prefix {
			p.prefix = append(p.prefix, p.items)
		}
	}
	return true
}

func (r planner) members(p *plan, schemas []*jsonschema.Schema) bool {
	p.members = map[string]property{}
	bit := uint64(1)
	for _, s := range schemas {
		for name := range s.Properties {
			if _, known := p.members[name]; !known {
				p.members[name] = property{}
			}
		}
		for _, name := range s.Required {
			if p.members[name].bit != 0 {
				continue
			}
			if bit == 0 { // there are 64
				return false
			}
			p.members[name] = property{bit: bit}
			p.required |= bit
			bit <<= 1
		}
	}
	for name, member := range p.members {
		of, ok := r.plan(ofMember(schemas, name))
		if !ok {
			return false
		}
		p.members[name] = property{of, member.bit}
	}
	var ok bool
	p.others, ok = r.plan(ofOthers(schemas))
	return ok
}

// ofMember lists what holds for the member of that name.
func ofMember(schemas []*jsonschema.Schema, name string) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, s := range schemas {
		if declared, ok := s.Properties[name]; ok {
			of = append(of, declared)
		} else {
			of = append(of, ofOthers([]*jsonschema.Schema{s})...)
		}
	}
	return of
}

// ofOthers lists what holds for the members of all other names.
func ofOthers(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, s := range schemas {
		switch others := s.AdditionalProperties.(type) {
		case bool:
			if !others {
				of = append(of, nothing)
			}
		case *jsonschema.Schema:
			of = append(of, others)
		}
	}
	return of
}

var nothing = &jsonschema.Schema{DraftVersion: 2020, Location: "false", Bool: new(false)}
