package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A difference is one that schemas of two versions have in what is valid, or in what is said about it.
type difference struct {
	pointer string // into the data; * stands for any item or member
	at      place
	text    string
	// Values may be valid that were not; values may be valid no longer.
	wider, narrower bool
	kind            differenceKind
	// tolerable tells of an added member that whoever was free to send one of that name did so at their own risk.
	tolerable bool
}

type differenceKind int

const (
	differs        differenceKind = iota
	isSaid                        // only texts, or examples
	memberAdded                   // an optional one
	memberRemoved                 //
	meaningChanged                // what is valid stays, and means something else
)

// A comparison finds what differs between schemas of two versions. What it calls neither wider nor narrower is not;
// where it cannot tell, it is both.
type comparison struct {
	old, now *library
	within   map[string]bool // pairs that are being compared: schemas refer to themselves
	left     *int            // how many pairs are compared at most
	found    []difference
}

// maxPairs bounds the work: schemas that refer to each other in alternatives make very many pairs.
const maxPairs = 20_000

func compareSchemas(old, now *Schema) []difference {
	left := maxPairs
	c := comparison{old: old.library, now: now.library, within: map[string]bool{}, left: &left}
	c.compare("", c.now.place(now.compiled.Location), []*jsonschema.Schema{old.compiled}, []*jsonschema.Schema{now.compiled})
	return c.found
}

// try compares without keeping what it finds.
func (c *comparison) try(old, now []*jsonschema.Schema) []difference {
	sub := comparison{old: c.old, now: c.now, within: c.within, left: c.left}
	sub.compare("", place{}, old, now)
	return sub.found
}

func widens(found []difference) bool {
	return slices.ContainsFunc(found, func(d difference) bool { return d.wider })
}

func narrows(found []difference) bool {
	return slices.ContainsFunc(found, func(d difference) bool { return d.narrower })
}

// add keeps a difference, unless it is one in a schema that was met on another way.
func (c *comparison) add(d difference) {
	if !slices.ContainsFunc(c.found, func(known difference) bool {
		return known.at == d.at && known.text == d.text && known.kind == d.kind && known.wider == d.wider && known.narrower == d.narrower &&
			d.at != place{}
	}) {
		c.found = append(c.found, d)
	}
}

// cannotTell adds what is wider or narrower, or both.
func (c *comparison) cannotTell(pointer string, at place, format string, args ...any) {
	c.add(difference{pointer: pointer, at: at, wider: true, narrower: true,
		text: fmt.Sprintf(format, args...) + ": cannot tell what that lets in or keeps out"})
}

// compare compares the value for which all of the schemas hold.
func (c *comparison) compare(pointer string, at place, old, now []*jsonschema.Schema) {
	pair := locations(old) + "\x00" + locations(now)
	if c.within[pair] {
		return // what differs is found where the comparison of the pair began
	}
	if *c.left == 0 {
		c.cannotTell(pointer, at, "the schemas are too entangled to compare")
		return
	}
	*c.left--
	c.within[pair] = true
	defer delete(c.within, pair)
	at = c.place(at, now)
	c.compareTexts(pointer, at, old, now)
	was, is := alternatives(old), alternatives(now)
	oldValues, few := finite(was)
	newValues, fewToo := finite(is)
	if few && fewToo && len(was) > 0 && len(is) > 0 {
		c.compareConstants(pointer, c.at(at, now, "enum", "const"), old, now, oldValues, newValues)
		return
	}
	had, has := typesOf(was), typesOf(is)
	if kinds(had) != kinds(has) {
		c.add(difference{pointer: pointer, at: c.at(at, now, "type"), text: fmt.Sprintf("type: %s → %s", had, has),
			wider: kinds(has)&^kinds(had) != 0, narrower: kinds(had)&^kinds(has) != 0})
	}
	for _, kind := range eachKind {
		some, others := of(kind, was), of(kind, is)
		if len(some) > 0 && len(others) > 0 {
			c.compareKind(pointer, at, kind, old, now, some, others)
		}
	}
}

func (c *comparison) compareKind(pointer string, at place, kind types, old, now []*jsonschema.Schema, was, is []alternative) {
	oldValues, few := finite(was)
	newValues, fewToo := finite(is)
	switch {
	case kind == nullType:
		oldValues, newValues, few, fewToo = []any{nil}, []any{nil}, true, true
	case kind == booleanType:
		oldValues, newValues, few, fewToo = []any{false, true}, []any{false, true}, true, true
	}
	switch {
	case few && fewToo:
		c.compareConstants(pointer, c.at(at, now, "enum", "const"), old, now, ofType(kind, oldValues), ofType(kind, newValues))
	case len(was) == 1 && len(is) == 1:
		c.compareAlternatives(pointer, at, kind, was[0], is[0])
	default:
		c.match(pointer, at, kind, was, is)
	}
}

// compareConstants compares what is valid value by value.
func (c *comparison) compareConstants(pointer string, at place, old, now []*jsonschema.Schema, oldValues, newValues []any) {
	added := slices.DeleteFunc(slices.Clone(newValues), func(v any) bool { return takes(old, v) || !takes(now, v) })
	removed := slices.DeleteFunc(slices.Clone(oldValues), func(v any) bool { return takes(now, v) || !takes(old, v) })
	if len(added) > 0 {
		c.add(difference{pointer: pointer, at: at, wider: true, text: "can also be " + list(added)})
	}
	if len(removed) > 0 {
		c.add(difference{pointer: pointer, at: at, narrower: true, text: "can no longer be " + list(removed)})
	}
}

// compareAlternatives compares what values of one kind can be.
func (c *comparison) compareAlternatives(pointer string, at place, kind types, old, now alternative) {
	at = c.place(at, now.parts)
	switch {
	case old.finite && now.finite:
		c.compareConstants(pointer, c.at(at, now.parts, "enum", "const"), old.parts, now.parts, ofType(kind, old.values), ofType(kind, now.values))
		return
	case old.finite:
		c.add(difference{pointer: pointer, at: at, wider: true, text: "was one of " + list(ofType(kind, old.values)) + ", and can be any " + kind.String(),
			narrower: !all(ofType(kind, old.values), now.takes)})
		return
	case now.finite:
		c.add(difference{pointer: pointer, at: c.at(at, now.parts, "enum", "const"), narrower: true,
			text: "could be any " + kind.String() + ", and is one of " + list(ofType(kind, now.values)), wider: !all(ofType(kind, now.values), old.takes)})
		return
	}
	c.compareOpaque(pointer, at, old, now)
	switch kind {
	case stringType:
		c.compareStrings(pointer, at, old, now)
	case arrayType:
		c.compareArrays(pointer, at, old, now)
	case objectType:
		c.compareObjects(pointer, at, old, now)
	default:
		c.compareNumbers(pointer, at, old, now)
	}
}

func all(values []any, is func(any) bool) bool {
	return !slices.ContainsFunc(values, func(v any) bool { return !is(v) })
}

// Integers and other numbers are compared together.
var eachKind = []types{nullType, booleanType, integerType | fractionType, stringType, arrayType, objectType}

func kinds(t types) types {
	if t&(integerType|fractionType) != 0 {
		t |= integerType | fractionType
	}
	return t
}

func typesOf(all []alternative) types {
	var t types
	for _, a := range all {
		t |= a.types
	}
	return t
}

func of(kind types, all []alternative) []alternative {
	var some []alternative
	for _, a := range all {
		if a.types&kind != 0 {
			some = append(some, a)
		}
	}
	return some
}

func ofType(kind types, values []any) []any {
	return slices.DeleteFunc(slices.Clone(values), func(v any) bool { return typeOf(v)&kind == 0 })
}

// String is what the types are in a message.
func (t types) String() string {
	if t == 0 {
		return "nothing"
	}
	if t == allTypes {
		return "anything"
	}
	var names []string
	for _, name := range []string{"string", "number", "integer", "boolean", "array", "object", "null"} {
		own := typesByName[name]
		if t&own == own && !(name == "integer" && t&fractionType != 0) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

func locations(schemas []*jsonschema.Schema) string {
	var b strings.Builder
	for _, s := range schemas {
		b.WriteString(s.Location + "\n")
	}
	return b.String()
}

// place is where the first of the schemas that is written somewhere is; otherwise it is around there.
func (c *comparison) place(around place, schemas []*jsonschema.Schema) place {
	for _, s := range schemas {
		if found, ok := c.now.value(s.Location); ok {
			return found.at
		}
	}
	return around
}

// at is where one of the keywords is written in the schemas, or in what they always ask for.
func (c *comparison) at(around place, schemas []*jsonschema.Schema, keywords ...string) place {
	for _, s := range schemas {
		for _, part := range always(s) {
			found, ok := c.now.value(part.Location)
			if !ok {
				continue
			}
			for _, m := range found.members {
				if slices.Contains(keywords, m.name) {
					return m.at
				}
			}
		}
	}
	return c.place(around, schemas)
}
