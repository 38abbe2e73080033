package document

import (
	"encoding/json"
	"math/big"
	"slices"
)

// inOpenAPI30 puts a schema of JSON Schema 2020-12 into OpenAPI 3.0's dialect (specification 3.0.3, "Schema Object").
// What the dialect cannot say is left out, so that the result takes at least what the schema takes; the schema itself
// then stands in the extension, for those who read it.
func inOpenAPI30(schema any) any {
	var d dialect30
	schema = withItems(schema)
	out := d.schema(schema)
	if o, ok := out.(Object); ok && d.lossy {
		if o.Has("$ref") {
			o = object("allOf", []any{o})
		}
		o.Set(extensionName, object("schema", schema))
		return o
	}
	return out
}

// A dialect30 notes whether anything was left out.
type dialect30 struct{ lossy bool }

// same30 are the keywords that both dialects have.
var same30 = words("title description default format enum readOnly writeOnly deprecated " +
	"multipleOf minimum maximum minLength maxLength pattern minItems maxItems uniqueItems minProperties maxProperties required " +
	"additionalProperties items properties allOf anyOf oneOf not")

func (d *dialect30) schema(schema any) any {
	o, ok := asObject(schema).(Object)
	if !ok {
		return schema
	}
	if o.Has("$ref") && len(o) > 1 {
		o = besideRef(o)
	}
	out := Object{}
	for _, m := range o {
		switch {
		case m.Name == "$ref":
			out.Set("$ref", m.Value)
		case m.Name == "required" && len(list(m.Value)) == 0, m.Name == "enum" && o.Has("const"), outdone(o, m):
		case same30[m.Name]:
			d.keyword(&out, m)
		default:
			d.translate(&out, o, m)
		}
	}
	d.arrays(&out, o)
	d.members(&out, o)
	return out
}

// besideRef moves a $ref into allOf: 3.0 does not heed what is beside it.
func besideRef(o Object) Object {
	target, _ := o.Get("$ref")
	out := object("allOf", []any{object("$ref", target)})
	for _, m := range o {
		switch m.Name {
		case "$ref":
		case "allOf":
			out.Set("allOf", append([]any{object("$ref", target)}, list(m.Value)...))
		default:
			out.Set(m.Name, m.Value)
		}
	}
	return out
}

// keyword takes over a keyword whose inner schemas need the same. A schema that takes more than it should makes a not
// take less, and a oneOf too.
func (d *dialect30) keyword(out *Object, m Member[any]) {
	var inner dialect30
	value := within(m, inner.schema)
	d.lossy = d.lossy || inner.lossy
	switch {
	case m.Name == "not" && inner.lossy:
	case m.Name == "oneOf" && inner.lossy:
		d.either(out, list(value))
	case m.Name == "anyOf":
		d.either(out, list(value))
	case m.Name == "allOf":
		out.Set("allOf", append(list(valueOf(*out, "allOf")), list(value)...))
	default:
		out.Set(m.Name, value)
	}
}

// either asks for one of the schemas, also where another anyOf is there already.
func (d *dialect30) either(out *Object, schemas []any) {
	if out.Has("anyOf") {
		out.Set("allOf", append(list(valueOf(*out, "allOf")), object("anyOf", schemas)))
		return
	}
	out.Set("anyOf", schemas)
}

// translate puts a keyword that 3.0 has not into its words, or leaves it out.
func (d *dialect30) translate(out *Object, o Object, m Member[any]) {
	switch m.Name {
	case "const":
		out.Set("enum", []any{m.Value})
	case "examples":
		if all := list(m.Value); len(all) > 0 {
			out.Set("example", all[0])
			d.lossy = d.lossy || len(all) > 1
		}
	case "exclusiveMinimum", "exclusiveMaximum":
		inclusive := map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}[m.Name]
		if other, ok := o.Get(inclusive); !ok || !stricter(inclusive, other, m.Value) {
			out.Set(inclusive, m.Value)
			out.Set(m.Name, true)
		}
	case "type":
		d.types(out, o)
	case "prefixItems", "patternProperties", "$comment": // for arrays and members
	default:
		d.lossy = true
	}
}

// outdone tells whether a bound says no more than the exclusive one beside it.
func outdone(o Object, m Member[any]) bool {
	exclusive, has := o.Get(map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}[m.Name])
	return has && !stricter(m.Name, m.Value, exclusive)
}

// stricter tells whether an inclusive bound refuses the exclusive one's own value too.
func stricter(inclusive string, bound, exclusive any) bool {
	a, b := rational(bound), rational(exclusive)
	if a == nil || b == nil {
		return false
	}
	if inclusive == "minimum" {
		return a.Cmp(b) > 0
	}
	return a.Cmp(b) < 0
}

func rational(value any) *big.Rat {
	n, _ := value.(json.Number)
	if r, ok := new(big.Rat).SetString(n.String()); ok {
		return r
	}
	return nil
}

// types has no list of types in 3.0, and no null.
func (d *dialect30) types(out *Object, o Object) {
	value, ok := o.Get("type")
	if !ok {
		return
	}
	names := list(value)
	if one, ok := value.(string); ok {
		names = []any{one}
	}
	nullable := slices.Contains(names, any("null"))
	names = slices.DeleteFunc(slices.Clone(names), func(name any) bool { return name == "null" })
	switch {
	case len(names) == 0: // null alone
		d.lossy = true
		out.Set("type", "string")
		out.Set("nullable", true)
		out.Set("enum", []any{nil})
	case len(names) == 1:
		out.Set("type", names[0])
		if nullable {
			out.Set("nullable", true)
		}
	default:
		d.lossy = true
		branches := make([]any, len(names))
		for i, name := range names {
			branch := object("type", name)
			if name == "array" {
				branch.Set("items", Object{})
			}
			if nullable {
				branch.Set("nullable", true)
			}
			branches[i] = branch
		}
		d.either(out, branches)
	}
}

// arrays have items in 3.0, and all of the same schema.
func (d *dialect30) arrays(out *Object, o Object) {
	prefix, has := o.Get("prefixItems")
	if !has {
		if kind, _ := out.Get("type"); kind == "array" && !out.Has("items") {
			out.Set("items", Object{})
		}
		return
	}
	d.lossy = true
	rest, limited := o.Get("items")
	switch {
	case limited && isNever(rest):
		out.Set("items", anyOf(d.all(list(prefix))))
		if !out.Has("maxItems") {
			out.Set("maxItems", len(list(prefix)))
		}
	case limited:
		out.Set("items", anyOf(d.all(append(slices.Clone(list(prefix)), rest))))
	default:
		out.Set("items", Object{})
	}
}

// members of names by a pattern are in 3.0 like any other.
func (d *dialect30) members(out *Object, o Object) {
	patterns, has := o.Get("patternProperties")
	if !has {
		return
	}
	d.lossy = true
	others, limited := o.Get("additionalProperties")
	if !limited || others == true {
		return
	}
	var all []any
	named, _ := patterns.(Object)
	for _, m := range named {
		all = append(all, m.Value)
	}
	if others != false {
		all = append(all, others)
	}
	out.Set("additionalProperties", anyOf(d.all(all)))
}

// anyOf asks for one of the schemas.
func anyOf(schemas []any) any {
	if len(schemas) == 1 {
		return schemas[0]
	}
	return object("anyOf", schemas)
}

// isNever knows the schema that takes nothing, as asObject writes it.
func isNever(schema any) bool {
	o, _ := schema.(Object)
	not, _ := valueOf(o, "not").(Object)
	return len(o) == 1 && not != nil && len(not) == 0
}

func (d *dialect30) all(schemas []any) []any {
	out := make([]any, len(schemas))
	for i, schema := range schemas {
		out[i] = d.schema(schema)
	}
	return out
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}

// valueOf gives a member, nil where there is none.
func valueOf(o Object, name string) any {
	value, _ := o.Get(name)
	return value
}
