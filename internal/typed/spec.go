package typed

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A spec is what holds for one value: all of its nodes.
type spec struct {
	nodes   []*contract.Node
	among   types            // of which type it is; what is known from around it
	decided []*contract.Node // those whose alternatives were chosen from
}

// types is a set of the types of JSON Schema.
type types uint8

const (
	isNull types = 1 << iota
	isBoolean
	isInteger
	isFraction // a number that is no integer
	isString
	isArray
	isObject

	isNumber       = isInteger | isFraction
	isAny    types = 1<<7 - 1
)

var typesByName = map[string]types{"null": isNull, "boolean": isBoolean, "integer": isInteger, "number": isNumber,
	"string": isString, "array": isArray, "object": isObject}

func specOf(nodes ...*contract.Node) spec { return spec{nodes: nodes, among: isAny} }

// only is the same where the value is known to be of one of these types.
func (s spec) only(among types) spec {
	s.among &= among
	return s
}

// flatten lists what holds for the value, through $ref, allOf, and where there is a choice of which one thing alone can be
// of its type, or null.
func (s spec) flatten() []entry {
	var all []entry
	var add func(n *contract.Node, orNull bool)
	add = func(n *contract.Node, orNull bool) {
		if n == nil || slices.ContainsFunc(all, func(e entry) bool { return e.Node == n }) {
			return
		}
		all = append(all, entry{n, orNull})
		add(n.Ref, orNull)
		for _, part := range n.AllOf {
			add(part, orNull)
		}
		for _, choice := range [][]*contract.Node{n.AnyOf, n.OneOf} {
			if rest, null := s.alternatives(choice); len(rest) == 1 {
				add(rest[0], orNull || null)
			}
		}
	}
	for _, n := range s.nodes {
		add(n, false)
	}
	return all
}

// An entry is a node that holds for the value; orNull where null is valid all the same.
type entry struct {
	*contract.Node
	orNull bool
}

// alternatives leaves out those that null alone is valid under, and where something is known of the value's type, those of
// other types.
func (s spec) alternatives(choice []*contract.Node) (rest []*contract.Node, null bool) {
	known := choiceTypes{}
	for _, n := range choice {
		switch {
		case isNullOnly(n):
			null = true
		case n.Never:
		case s.among|isNull != isAny && known.of(n).types&s.among&^isNull == 0:
		default:
			rest = append(rest, n)
		}
	}
	return rest, null
}

func isNullOnly(n *contract.Node) bool {
	return len(n.Types) == 1 && n.Types[0] == "null" || n.Const != nil && *n.Const == nil
}

// choiceTypes are the types that alternatives allow; those that are being looked at, which a schema can lead back to, allow
// any.
type choiceTypes map[*contract.Node]choiceType

type choiceType struct {
	types    types
	declared bool // a keyword says so
}

func (known choiceTypes) of(n *contract.Node) choiceType {
	if t, ok := known[n]; ok {
		return t
	}
	known[n] = choiceType{types: isAny}
	s := specOf(n)
	allowed, declared := s.allowedAmong(s.flatten(), known)
	known[n] = choiceType{allowed, declared}
	return known[n]
}

// chosen gives the types that a choice's alternatives allow together, if each of them says of which types it is. A choice of
// objects says nothing: what is in them is all that could be said.
func (s spec) chosen(e entry, known choiceTypes) (all types, says bool) {
	if slices.Contains(s.decided, e.Node) {
		return isAny, false
	}
	all = isAny
	for _, choice := range [][]*contract.Node{e.AnyOf, e.OneOf} {
		rest, null := s.alternatives(choice)
		if len(rest) < 2 {
			continue
		}
		own, declared := types(0), true
		if null {
			own = isNull
		}
		for _, n := range rest {
			of := known.of(n)
			own |= of.types
			declared = declared && of.declared
		}
		if (own != isAny || declared) && own&^isNull != isObject {
			all, says = all&own, true
		}
	}
	return all, says
}

// allowed gives the types that the value can be of, and whether a keyword says so.
func (s spec) allowed(entries []entry) (allowed types, declared bool) {
	return s.allowedAmong(entries, choiceTypes{})
}

func (s spec) allowedAmong(entries []entry, known choiceTypes) (allowed types, declared bool) {
	allowed, declared = s.among, s.among != isAny && s.among != isAny&^isNull
	for _, e := range entries {
		own, says := isAny, false
		if e.Types != nil {
			own, says = 0, true
			for _, name := range e.Types {
				own |= typesByName[name]
			}
		}
		if e.Enum != nil {
			own, says = own&typesOf(e.Enum...), true
		}
		if e.Const != nil {
			own, says = own&typesOf(*e.Const), true
		}
		if e.Never {
			own, says = 0, true
		}
		if chosen, all := s.chosen(e, known); all {
			own, says = own&chosen, true
		}
		if e.orNull {
			own |= isNull
		}
		allowed &= own
		declared = declared || says
	}
	return allowed, declared
}

func typesOf(values ...any) types {
	var all types
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			all |= isNull
		case bool:
			all |= isBoolean
		case string:
			all |= isString
		case []any:
			all |= isArray
		case map[string]any:
			all |= isObject
		case json.Number:
			if r, ok := new(big.Rat).SetString(string(v)); ok && r.IsInt() {
				all |= isInteger
			} else {
				all |= isFraction
			}
		}
	}
	return all
}

// says tells whether the schema says of what type the value is. It does not look into the value, which can lead back here.
func (s spec) says() bool {
	entries := s.flatten()
	allowed, declared := s.allowed(entries)
	_, guessed := guess(entries, allowed)
	return declared || guessed || s.union(entries) != nil
}

// choosesAny tells whether it is a choice that nothing is left out of: members that no property declares are then as open as
// without it.
func (s spec) choosesAny() bool {
	entries := s.flatten()
	allowed, declared := s.allowed(entries)
	return allowed == isAny && declared && !slices.ContainsFunc(entries, func(e entry) bool { return e.Types != nil })
}

// reduce follows a schema that only refers to another, perhaps as an alternative to null, as far as that goes.
func (s spec) reduce() (target spec, referred bool) {
	if len(s.nodes) != 1 {
		return s, false
	}
	n := s.nodes[0]
	seen := map[*contract.Node]bool{}
	for !seen[n] {
		seen[n] = true
		switch {
		case n.Bare && n.Ref != nil && len(n.AllOf) == 0:
			n, referred = n.Ref, true
		case n.Bare && n.Ref == nil && len(n.AllOf) == 1:
			n = n.AllOf[0]
		case onlyChoice(n) && !slices.Contains(s.decided, n):
			rest, _ := s.alternatives(append(slices.Clone(n.AnyOf), n.OneOf...))
			if len(rest) == 1 {
				n = rest[0]
			}
		}
	}
	s.nodes = []*contract.Node{n}
	return s, referred
}

// onlyChoice tells whether the node asks for nothing but one anyOf or oneOf.
func onlyChoice(n *contract.Node) bool {
	return (n.AnyOf == nil) != (n.OneOf == nil) && n.Ref == nil && n.AllOf == nil && n.Types == nil && n.Enum == nil &&
		n.Const == nil && n.Properties == nil && n.Required == nil && n.Patterns == nil && n.Additional == nil &&
		n.Items == nil && n.Prefix == nil && n.Format == "" && n.ContentEncoding == "" && n.Minimum == nil &&
		n.Maximum == nil && n.ExclusiveMinimum == nil && n.ExclusiveMaximum == nil
}

// key tells specs apart.
func (s spec) key(ids map[*contract.Node]int, types types) string {
	var b strings.Builder
	write := func(nodes []*contract.Node) {
		for _, n := range nodes {
			if ids[n] == 0 {
				ids[n] = len(ids) + 1
			}
			fmt.Fprintf(&b, " %d", ids[n])
		}
	}
	write(s.nodes)
	fmt.Fprintf(&b, "/%d/", types)
	write(s.decided)
	return b.String()
}
