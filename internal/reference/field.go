package reference

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/document"
)

// A field is a row of what the page shows of a schema: a member of an object, an item of a list, an alternative.
type field struct {
	Name       string // of a member; empty where Role says what it is
	Role       string
	Type       string
	Required   bool
	Deprecated bool
	Rules      []string
	Text       string
	Fields     []field
}

const (
	mostFields = 1000 // of one type: a few definitions that name each other twice make millions
	deepest    = 20
)

// describe reads a schema as document.Schema gives it: whatever it refers to is in its $defs.
func describe(schema document.Object) field {
	definitions, _ := schema.Get("$defs")
	d := &describing{left: mostFields}
	d.definitions, _ = definitions.(document.Object)
	return d.field(field{Role: "data"}, []any{schema}, []string{"#"})
}

// A describing is one schema being described.
type describing struct {
	definitions document.Object
	left        int // fields that there may still be
}

// A met is what a field consists of: all these schemas hold for it.
type met struct {
	schemas []document.Object
	opened  []string // the references that led here, from the top
	again   string   // a reference that was met on the way here already
	nothing bool     // false is among them
}

func (d *describing) field(f field, schemas []any, opened []string) field {
	d.left--
	m := &met{opened: opened}
	for _, s := range schemas {
		d.meet(m, s)
	}
	f.Type = m.typ()
	f.Rules = append(f.Rules, m.rules()...)
	f.Text = m.text()
	f.Deprecated = m.is("deprecated")
	switch {
	case m.again != "" && f.Text == "":
		f.Text = "As described above."
	case d.left <= 0 || len(m.opened) > deepest:
		f.Rules = append(f.Rules, "and more: see its JSON Schema")
	default:
		d.inside(&f, m)
	}
	return f
}

// meet adds a schema, what it refers to, and what it has in allOf.
func (d *describing) meet(m *met, schema any) {
	o, ok := schema.(document.Object)
	if !ok {
		m.nothing = m.nothing || schema == false
		return
	}
	m.schemas = append(m.schemas, o)
	if ref, ok := value[string](o, "$ref"); ok {
		if slices.Contains(m.opened, ref) {
			m.again = strings.TrimPrefix(strings.Replace(ref, "#", "the whole", 1), "the whole/$defs/")
		} else {
			m.opened = append(slices.Clip(m.opened), ref)
			d.meet(m, d.target(ref))
		}
	}
	all, _ := value[[]any](o, "allOf")
	for _, part := range all {
		d.meet(m, part)
	}
}

func (d *describing) target(ref string) any {
	target, _ := d.definitions.Get(strings.TrimPrefix(ref, "#/$defs/"))
	return target
}

// value gives a keyword's value where it is of that type.
func value[T any](o document.Object, keyword string) (T, bool) {
	v, _ := o.Get(keyword)
	typed, ok := v.(T)
	return typed, ok
}

// inside adds the fields below one.
func (d *describing) inside(f *field, m *met) {
	d.members(f, m)
	for _, o := range m.schemas {
		d.items(f, m, o)
		for _, each := range []struct{ keyword, role string }{
			{"additionalProperties", "any other member"}, {"unevaluatedProperties", "any other member"}, {"propertyNames", "each name"},
			{"contains", "at least one item"}, {"not", "but not"}, {"if", "if it is"}, {"then", "then"}, {"else", "else"},
		} {
			if inner, ok := o.Get(each.keyword); ok && says(inner) {
				d.add(f, field{Role: each.role}, m, inner)
			}
		}
		for _, each := range []struct{ keyword, role string }{{"patternProperties", "members like "}, {"dependentSchemas", "with "}} {
			named, _ := value[document.Object](o, each.keyword)
			for _, inner := range named {
				d.add(f, field{Role: each.role + inner.Name}, m, inner.Value)
			}
		}
		for _, each := range []struct{ keyword, role string }{{"oneOf", "one of these"}, {"anyOf", "any of these"}} {
			alternatives, _ := value[[]any](o, each.keyword)
			for i, inner := range alternatives {
				d.add(f, field{Role: each.role + ", " + strconv.Itoa(i+1)}, m, inner)
			}
		}
	}
}

// says tells whether a schema says more than that anything or nothing is allowed, which is a rule.
func says(schema any) bool {
	o, ok := schema.(document.Object)
	return ok && len(o) > 0
}

func (d *describing) add(to *field, f field, m *met, schemas ...any) {
	if d.left > 0 {
		to.Fields = append(to.Fields, d.field(f, schemas, m.opened))
	}
}

// members adds the properties, of which each is described by all the schemas that name it.
func (d *describing) members(f *field, m *met) {
	var all document.Map[[]any]
	required := map[string]bool{}
	for _, o := range m.schemas {
		properties, _ := value[document.Object](o, "properties")
		for _, p := range properties {
			schemas, _ := all.Get(p.Name)
			all.Set(p.Name, append(schemas, p.Value))
		}
		names, _ := value[[]any](o, "required")
		for _, name := range names {
			text, _ := name.(string)
			required[text] = true
			if !all.Has(text) {
				all.Set(text, []any{true})
			}
		}
	}
	for _, p := range all {
		d.add(f, field{Name: p.Name, Required: required[p.Name]}, m, p.Value...)
	}
}

func (d *describing) items(f *field, m *met, o document.Object) {
	first, _ := value[[]any](o, "prefixItems")
	for i, item := range first {
		d.add(f, field{Role: "item " + strconv.Itoa(i+1)}, m, item)
	}
	if rest, ok := o.Get("items"); ok && says(rest) {
		role := "each item"
		if len(first) > 0 {
			role = "each other item"
		}
		d.add(f, field{Role: role}, m, rest)
	}
}
