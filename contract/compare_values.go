package contract

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func ratOf(value any) *big.Rat {
	number, ok := value.(json.Number)
	if !ok {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return nil
	}
	return r
}

// A limit bounds something on one side.
type limit struct {
	value *big.Rat
	open  bool // the value itself is beyond it
}

func (l *limit) String() string {
	switch {
	case l == nil:
		return "none"
	case l.open:
		return "not " + exact(l.value)
	}
	return exact(l.value)
}

// numberLimits gives the strictest ones.
func (a *alternative) numberLimits() (lowest, highest *limit) {
	tighten := func(to **limit, value *big.Rat, open bool, sign int) {
		if value == nil {
			return
		}
		if l := *to; l == nil || value.Cmp(l.value) == sign || value.Cmp(l.value) == 0 && open {
			*to = &limit{value, open}
		}
	}
	for _, part := range a.parts {
		tighten(&lowest, part.Minimum, false, 1)
		tighten(&lowest, part.ExclusiveMinimum, true, 1)
		tighten(&highest, part.Maximum, false, -1)
		tighten(&highest, part.ExclusiveMaximum, true, -1)
	}
	if a.types&fractionType == 0 {
		lowest.toInteger(1)
		highest.toInteger(-1)
	}
	return lowest, highest
}

// toInteger makes a limit of integers one of them: above 1.5 and above 1 are both from 2 on.
func (l *limit) toInteger(sign int64) {
	if l == nil {
		return
	}
	value := l.value
	if sign < 0 {
		value = new(big.Rat).Neg(value)
	}
	floor := new(big.Int).Div(value.Num(), value.Denom()) // Euclidean: the denominator is positive
	least := new(big.Rat).SetInt(floor)
	if !value.IsInt() || l.open {
		least.SetInt(floor.Add(floor, big.NewInt(1)))
	}
	if sign < 0 {
		least.Neg(least)
	}
	l.value, l.open = least, false
}

// compareTo tells which of two limits lets more in, where more is in the direction of sign; no limit lets in all.
func (l *limit) compareTo(other *limit, sign int) (wider, narrower bool) {
	switch {
	case l == nil || other == nil:
		return l == nil && other != nil, l != nil && other == nil
	case l.value.Cmp(other.value) != 0:
		wider = l.value.Cmp(other.value) == sign
		return wider, !wider
	}
	return other.open && !l.open, l.open && !other.open
}

func (c *comparison) compareNumbers(pointer string, at place, old, now alternative) {
	number := integerType | fractionType
	had, has := old.types&number, now.types&number
	if had != has {
		c.add(difference{pointer: pointer, at: c.at(at, now.parts, "type", "multipleOf"), text: fmt.Sprintf("type: %s → %s", had, has),
			wider: has&^had != 0, narrower: had&^has != 0})
	}
	oldLowest, oldHighest := old.numberLimits()
	newLowest, newHighest := now.numberLimits()
	c.compareLimit(pointer, c.at(at, now.parts, "minimum", "exclusiveMinimum"), "minimum", oldLowest, newLowest, -1)
	c.compareLimit(pointer, c.at(at, now.parts, "maximum", "exclusiveMaximum"), "maximum", oldHighest, newHighest, 1)
	oldOf, newOf := old.multiples(), now.multiples()
	wider, narrower := !areMultiples(oldOf, newOf), !areMultiples(newOf, oldOf)
	if wider || narrower {
		c.add(difference{pointer: pointer, at: c.at(at, now.parts, "multipleOf"), wider: wider, narrower: narrower,
			text: fmt.Sprintf("multipleOf: %s → %s", rats(oldOf), rats(newOf))})
	}
}

func (c *comparison) compareLimit(pointer string, at place, name string, old, now *limit, sign int) {
	wider, narrower := now.compareTo(old, sign)
	if wider || narrower {
		c.add(difference{pointer: pointer, at: at, wider: wider, narrower: narrower, text: fmt.Sprintf("%s: %s → %s", name, old, now)})
	}
}

// multiples are what each number is a multiple of.
func (a *alternative) multiples() []*big.Rat {
	var all []*big.Rat
	for _, part := range a.parts {
		if part.MultipleOf != nil {
			all = append(all, part.MultipleOf)
		}
	}
	if a.types&fractionType == 0 {
		all = append(all, big.NewRat(1, 1))
	}
	return all
}

// areMultiples tells whether each of some is sure for a number that is a multiple of all of the others.
func areMultiples(some, of []*big.Rat) bool {
	return !slices.ContainsFunc(some, func(factor *big.Rat) bool {
		return !slices.ContainsFunc(of, func(r *big.Rat) bool { return new(big.Rat).Quo(r, factor).IsInt() })
	})
}

func rats(all []*big.Rat) string {
	var texts []string
	for _, r := range all {
		if text := exact(r); text != "1" {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, " and ")
}

// size gives the strictest of whole numbers, as a limit.
func (a *alternative) size(least bool, of func(*jsonschema.Schema) *int) *limit {
	var strictest *int
	for _, part := range a.parts {
		if n := of(part); n != nil && (strictest == nil || least == (*n > *strictest)) {
			strictest = n
		}
	}
	if strictest == nil || least && *strictest == 0 {
		return nil
	}
	return &limit{value: big.NewRat(int64(*strictest), 1)}
}

func (c *comparison) compareSize(pointer string, at place, name string, old, now alternative, of func(*jsonschema.Schema) *int) {
	least, sign := strings.HasPrefix(name, "min"), 1
	if least {
		sign = -1
	}
	c.compareLimit(pointer, c.at(at, now.parts, name), name, old.size(least, of), now.size(least, of), sign)
}

func (c *comparison) compareStrings(pointer string, at place, old, now alternative) {
	c.compareSize(pointer, at, "minLength", old, now, func(s *jsonschema.Schema) *int { return s.MinLength })
	c.compareSize(pointer, at, "maxLength", old, now, func(s *jsonschema.Schema) *int { return s.MaxLength })
	c.compareSets(pointer, at, "pattern", old, now, func(s *jsonschema.Schema) string {
		if s.Pattern == nil {
			return ""
		}
		return strconv.Quote(s.Pattern.String())
	})
	c.compareSets(pointer, at, "format", old, now, func(s *jsonschema.Schema) string {
		if s.Format == nil {
			return ""
		}
		return s.Format.Name
	})
}

// compareSets compares what can only be there or not: more of it lets less in.
func (c *comparison) compareSets(pointer string, at place, name string, old, now alternative, of func(*jsonschema.Schema) string) {
	had, has := old.texts(of), now.texts(of)
	gone := slices.DeleteFunc(slices.Clone(had), func(text string) bool { return slices.Contains(has, text) })
	come := slices.DeleteFunc(slices.Clone(has), func(text string) bool { return slices.Contains(had, text) })
	at = c.at(at, now.parts, name)
	text := fmt.Sprintf("%s: %s → %s", name, orNone(had), orNone(has))
	switch {
	case len(gone) > 0 && len(come) > 0:
		c.cannotTell(pointer, at, "%s", text)
	case len(gone) > 0 || len(come) > 0:
		c.add(difference{pointer: pointer, at: at, text: text, wider: len(gone) > 0, narrower: len(come) > 0})
	}
}

func (a *alternative) texts(of func(*jsonschema.Schema) string) []string {
	var all []string
	for _, part := range a.parts {
		if text := of(part); text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}

func orNone(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, " and ")
}

func (c *comparison) compareArrays(pointer string, at place, old, now alternative) {
	c.compareSize(pointer, at, "minItems", old, now, func(s *jsonschema.Schema) *int { return s.MinItems })
	c.compareSize(pointer, at, "maxItems", old, now, func(s *jsonschema.Schema) *int { return s.MaxItems })
	c.compareSets(pointer, at, "uniqueItems", old, now, func(s *jsonschema.Schema) string {
		if s.UniqueItems {
			return "true"
		}
		return ""
	})
	prefix := 0
	for _, part := range slices.Concat(old.parts, now.parts) {
		prefix = max(prefix, len(part.PrefixItems))
	}
	for i := range prefix {
		c.compare(fmt.Sprintf("%s/%d", pointer, i), at, old.ofItem(i), now.ofItem(i))
	}
	c.compare(pointer+"/*", at, old.ofItem(prefix), now.ofItem(prefix))
}

// ofItem lists what holds for the item at an index.
func (a *alternative) ofItem(i int) []*jsonschema.Schema {
	var of []*jsonschema.Schema
	for _, part := range a.parts {
		switch {
		case i < len(part.PrefixItems):
			of = append(of, part.PrefixItems[i])
		case part.Items2020 != nil:
			of = append(of, part.Items2020)
		}
	}
	return of
}
