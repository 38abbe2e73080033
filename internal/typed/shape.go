package typed

import (
	"encoding/json"
	"math/big"
	"slices"

	"github.com/leatstream/leat/contract"
)

// A form is what becomes of a value in protobuf.
type form int

const (
	formValue form = iota // fits nothing: google.protobuf.Value
	formNever             // no value is valid
	formNull
	formBoolean
	formInteger
	formNumber
	formString
	formEnum
	formTimestamp
	formDuration
	formBytes
	formArray
	formMap   // an object of which the names of members say nothing
	formUnion // one of several objects, told apart by a member
	formKinds // one of several types
	formObject
)

// A shape is a spec with all that was found out about it.
type shape struct {
	form     form
	types    types // without null
	nullable bool
	guessed  bool // of its types the schema says nothing, its other keywords do

	entries  []entry
	branches []branch
	values   []string // of an enum
	constant *any
}

type branch struct {
	value string // of the member that tells
	node  *contract.Node
}

// shape finds out what becomes of the value.
func (s spec) shape() shape {
	sh := shape{entries: s.flatten()}
	allowed, declared := s.allowed(sh.entries)
	if !declared {
		allowed, sh.guessed = guess(sh.entries, allowed)
	}
	sh.types, sh.nullable = allowed&^isNull, allowed&isNull != 0
	if sh.types == isObject || !declared && !sh.guessed {
		if sh.branches = s.union(sh.entries); sh.branches != nil {
			sh.form, sh.types = formUnion, isObject
			sh.nullable = sh.nullable && (declared || hasNullBranch(sh.entries))
			sh.guessed = sh.guessed || !declared && !areObjects(sh.branches)
			return sh
		}
	}
	switch {
	case !declared && !sh.guessed:
		sh.form = formValue
	case allowed == 0:
		sh.form = formNever
	case sh.types == 0:
		sh.form, sh.nullable = formNull, false
	case sh.types == isBoolean:
		sh.form = formBoolean
	case sh.types == isInteger:
		sh.form = formInteger
	case sh.types&^isNumber == 0:
		sh.form = formNumber
	case sh.types == isString:
		sh.string()
	case sh.types == isArray:
		sh.form = formArray
	case sh.types == isObject:
		sh.form = formObject
		if sh.isMap() {
			sh.form = formMap
		}
	default:
		sh.form = formKinds
	}
	sh.constant = constantOf(sh.entries)
	return sh
}

// guess takes a schema that speaks of members for one of objects, and one that speaks of items for one of arrays: most
// that leave out type mean that.
func guess(entries []entry, allowed types) (types, bool) {
	var guessed types
	null := isNull
	for _, e := range entries {
		own := types(0)
		if len(e.Properties) > 0 || len(e.Required) > 0 || len(e.Patterns) > 0 || e.Additional != nil {
			own |= isObject
		}
		if e.Items != nil || len(e.Prefix) > 0 {
			own |= isArray
		}
		if own != 0 && !e.orNull {
			null = 0
		}
		guessed |= own
	}
	if guessed != isObject && guessed != isArray || guessed&allowed == 0 {
		return allowed, false
	}
	return guessed | null&allowed, true
}

func (sh *shape) string() {
	sh.form = formString
	for _, e := range sh.entries {
		switch {
		case e.Const != nil:
			sh.form = formString
			return
		case e.Enum != nil:
			sh.form = formEnum
			sh.restrict(e.Enum)
		case sh.form == formEnum:
		case e.ContentEncoding == "base64":
			sh.form = formBytes
		case e.Format == "date-time":
			sh.form = formTimestamp
		case e.Format == "duration":
			sh.form = formDuration
		}
	}
}

func (sh *shape) restrict(enum []any) {
	var strings []string
	for _, value := range enum {
		if text, ok := value.(string); ok && !slices.Contains(strings, text) {
			strings = append(strings, text)
		}
	}
	if sh.values != nil {
		strings = slices.DeleteFunc(strings, func(text string) bool { return !slices.Contains(sh.values, text) })
	}
	sh.values = strings
}

// isMap tells whether all members are of one schema that says something.
func (sh *shape) isMap() bool {
	for _, e := range sh.entries {
		if len(e.Properties) > 0 || len(e.Required) > 0 {
			return false
		}
	}
	others, open := othersOf(sh.entries)
	return !open && len(others.nodes) > 0 && others.says() && !others.choosesAny()
}

// othersOf gives what holds for the members that no property declares; open where that is nothing that all of them
// have in common. Without nodes, and not open, there are none.
func othersOf(entries []entry) (others spec, open bool) {
	open = true
	for _, e := range entries {
		var own []*contract.Node
		own = append(own, e.Patterns...)
		if e.Additional != nil && !e.Additional.Never {
			own = append(own, e.Additional)
		}
		switch {
		case e.Additional != nil && e.Additional.Never && len(own) == 0:
			return spec{}, false
		case len(own) == 1 && e.Additional != nil:
			open = false
			others.nodes = append(others.nodes, own[0])
		}
	}
	others.among = isAny
	return others, open
}

// itemsOf gives what holds for every item; false where that is nothing.
func itemsOf(entries []entry) (spec, bool) {
	items := spec{among: isAny}
	for _, e := range entries {
		switch {
		case len(e.Prefix) == 0 && e.Items != nil:
			items.nodes = append(items.nodes, e.Items)
		case len(e.Prefix) > 0 && e.Items != nil:
			all := slices.Clone(e.Prefix)
			if !e.Items.Never {
				all = append(all, e.Items)
			}
			if same := alike(all); same != nil {
				return *same, true
			}
		}
	}
	return items, len(items.nodes) > 0
}

// alike gives what the items of a tuple have in common: a spec of their types, where none of them is structured.
func alike(nodes []*contract.Node) *spec {
	var among types
	for _, n := range nodes {
		sh := specOf(n).shape()
		if sh.form == formValue || sh.types&(isArray|isObject) != 0 {
			return nil
		}
		among |= sh.types
		if sh.nullable || sh.form == formNull {
			among |= isNull
		}
	}
	return &spec{nodes: nil, among: among}
}

// bounds gives the smallest and the largest integer, nil where there is none.
func (sh *shape) bounds() (least, most *big.Rat) {
	raise := func(r *big.Rat) {
		if r != nil && (least == nil || r.Cmp(least) > 0) {
			least = r
		}
	}
	lower := func(r *big.Rat) {
		if r != nil && (most == nil || r.Cmp(most) < 0) {
			most = r
		}
	}
	for _, e := range sh.entries {
		raise(e.Minimum)
		raise(e.ExclusiveMinimum)
		lower(e.Maximum)
		lower(e.ExclusiveMaximum)
		smallest, largest := extremes(e)
		raise(smallest)
		lower(largest)
	}
	return least, most
}

// extremes gives the smallest and the largest number that an enum or a const allows.
func extremes(e entry) (smallest, largest *big.Rat) {
	values := e.Enum
	if e.Const != nil {
		values = []any{*e.Const}
	}
	for _, value := range values {
		number, _ := value.(json.Number)
		r, ok := new(big.Rat).SetString(string(number))
		if !ok {
			continue
		}
		if smallest == nil || r.Cmp(smallest) < 0 {
			smallest = r
		}
		if largest == nil || r.Cmp(largest) > 0 {
			largest = r
		}
	}
	return smallest, largest
}
