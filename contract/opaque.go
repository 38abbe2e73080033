package contract

import (
	"fmt"
	"math/big"
	"reflect"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An opaque is what a schema asks by a keyword of which can be told only whether it is the same as another's, or not
// much more.
type opaque struct {
	keyword string
	part    *jsonschema.Schema
	branch  int // of a oneOf, from 1 on, where the alternative that it is of takes one of its branches
}

// What belongs to the opaque keywords, by the validator's names; none means the whole schema, because the keyword's
// meaning depends on those beside it.
var opaqueFields = map[string][]string{
	"anyOf": {"AnyOf"}, "oneOf": {"OneOf"}, "not": {"Not"}, "if": {"If", "Then", "Else"},
	"contains": {"Contains", "MinContains", "MaxContains"}, "$dynamicRef": {"DynamicRef"},
	"unevaluatedProperties": nil, "unevaluatedItems": nil,
}

// opaques lists those of a schema itself.
func opaques(s *jsonschema.Schema) []opaque {
	var all []opaque
	add := func(keyword string, there bool) {
		if there {
			all = append(all, opaque{keyword, s, 0})
		}
	}
	add("not", s.Not != nil)
	add("if", s.If != nil && (s.Then != nil || s.Else != nil))
	add("contains", s.Contains != nil)
	add("$dynamicRef", s.DynamicRef != nil)
	add("unevaluatedItems", s.UnevaluatedItems != nil)
	add("unevaluatedProperties", s.UnevaluatedProperties != nil && !isPlain(s))
	return all
}

func (o opaque) same(other opaque) bool {
	if o.keyword != other.keyword {
		return false
	}
	return (&sameness{}).fields(o.part, other.part, opaqueFields[o.keyword]...)
}

// A sameness tells whether schemas of two versions say the same, texts aside.
type sameness struct {
	assumed map[[2]*jsonschema.Schema]bool
}

func (e *sameness) schemas(a, b *jsonschema.Schema) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	if takesAll(a) || takesAll(b) {
		return takesAll(a) && takesAll(b)
	}
	if takesNothing(a) || takesNothing(b) {
		return takesNothing(a) && takesNothing(b)
	}
	pair := [2]*jsonschema.Schema{a, b}
	if e.assumed[pair] { // they refer to themselves
		return true
	}
	if e.assumed == nil {
		e.assumed = map[[2]*jsonschema.Schema]bool{}
	}
	e.assumed[pair] = true
	return e.fields(a, b)
}

// takesAll tells a schema that restricts nothing, however it is written: true, {}, or with a text.
func takesAll(s *jsonschema.Schema) bool {
	if s.Bool != nil {
		return *s.Bool
	}
	return (&sameness{}).fields(s, &jsonschema.Schema{DraftVersion: s.DraftVersion})
}

// takesNothing tells the schema false, and its longer form.
func takesNothing(s *jsonschema.Schema) bool {
	if s.Bool != nil {
		return !*s.Bool
	}
	if s.Not == nil || !takesAll(s.Not) {
		return false
	}
	rest := *s
	rest.Not = nil
	return takesAll(&rest)
}

// Of these the validator asserts nothing; a place in a file says nothing either.
var spoken = words("Location ID Anchor DynamicAnchor Title Description Default Comment ReadOnly WriteOnly Examples Deprecated")

// fields compares those of the names, or all.
func (e *sameness) fields(a, b *jsonschema.Schema, names ...string) bool {
	x, y := reflect.ValueOf(*a), reflect.ValueOf(*b)
	if len(names) == 0 {
		for i := range x.NumField() {
			if field := x.Type().Field(i); field.IsExported() && !spoken[field.Name] {
				names = append(names, field.Name)
			}
		}
	}
	for _, name := range names {
		if !e.values(x.FieldByName(name), y.FieldByName(name)) {
			return false
		}
	}
	return true
}

func (e *sameness) values(x, y reflect.Value) bool {
	if x.Kind() == reflect.Interface {
		if x.IsNil() || y.IsNil() {
			return x.IsNil() && y.IsNil()
		}
		x, y = x.Elem(), y.Elem()
	}
	if x.Type() != y.Type() {
		return false
	}
	switch a := x.Interface().(type) {
	case *jsonschema.Schema:
		return e.schemas(a, y.Interface().(*jsonschema.Schema)) //nolint:forcetypeassert // of the same type
	case *big.Rat:
		b := y.Interface().(*big.Rat) //nolint:forcetypeassert // of the same type
		return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0)
	case fmt.Stringer: // a regular expression
		return fmt.Sprint(a) == fmt.Sprint(y.Interface())
	case *jsonschema.Format:
		b := y.Interface().(*jsonschema.Format) //nolint:forcetypeassert // of the same type
		return (a == nil) == (b == nil) && (a == nil || a.Name == b.Name)
	}
	return e.containers(x, y)
}

func (e *sameness) containers(x, y reflect.Value) bool {
	switch x.Kind() {
	case reflect.Pointer:
		if x.IsNil() || y.IsNil() {
			return x.IsNil() == y.IsNil()
		}
		if x.Elem().Kind() == reflect.Struct {
			for i := range x.Elem().NumField() {
				if x.Elem().Type().Field(i).IsExported() && !e.values(x.Elem().Field(i), y.Elem().Field(i)) {
					return false
				}
			}
			return true
		}
		return e.values(x.Elem(), y.Elem())
	case reflect.Slice:
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !e.values(x.Index(i), y.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return e.maps(x, y)
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}

// maps compares by the text of the keys, which may be regular expressions.
func (e *sameness) maps(x, y reflect.Value) bool {
	if x.Len() != y.Len() {
		return false
	}
	theirs := map[string]reflect.Value{}
	for _, key := range y.MapKeys() {
		theirs[fmt.Sprint(key.Interface())] = y.MapIndex(key)
	}
	for _, key := range x.MapKeys() {
		their, there := theirs[fmt.Sprint(key.Interface())]
		if !there || !e.values(x.MapIndex(key), their) {
			return false
		}
	}
	return true
}
