package document

import "strings"

// asObject puts the schemas true and false into words that every tool reads.
func asObject(schema any) any {
	switch schema {
	case true:
		return Object{}
	case false:
		return object("not", Object{})
	}
	return schema
}

// pointElsewhere makes the references of a bundle such to components; self is that of the bundle's own schema.
func pointElsewhere(schema any, self string, definitions map[string]string) any {
	return rewrite(schema, func(o Object) Object {
		if text, ok := valueOf(o, "$ref").(string); ok {
			name := self
			if text != "#" {
				name = definitions[strings.TrimPrefix(text, "#/$defs/")]
			}
			o.Set("$ref", componentRef+name)
		}
		return o
	})
}

// withItems says that any item will do where an array's are not spoken of: many tools expect that to be said.
func withItems(schema any) any {
	var spoken bool
	rewrite(schema, func(o Object) Object {
		spoken = spoken || o.Has("unevaluatedItems") // which means those that nothing is said of
		return o
	})
	if spoken {
		return schema
	}
	return rewrite(schema, func(o Object) Object {
		if valueOf(o, "type") == "array" && !o.Has("items") {
			o.Set("items", Object{})
		}
		return o
	})
}

// The keywords of JSON Schema that hold a schema, a list of schemas, and schemas by name.
var (
	holdsOne = words("additionalProperties contains contentSchema else if items not propertyNames then " +
		"unevaluatedItems unevaluatedProperties")
	holdsList  = words("allOf anyOf oneOf prefixItems")
	holdsNamed = words("dependentSchemas patternProperties properties")
	// staysBool are those in which every tool reads true and false.
	staysBool = words("additionalProperties unevaluatedItems unevaluatedProperties")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// rewrite copies a schema and those within it, each as edit makes it when those within it are done.
func rewrite(schema any, edit func(Object) Object) any {
	o, ok := asObject(schema).(Object)
	if !ok {
		return schema // nothing that JSON Schema knows
	}
	out := make(Object, len(o))
	for i, m := range o {
		out[i] = Member[any]{m.Name, within(m, func(inner any) any { return rewrite(inner, edit) })}
	}
	return edit(out)
}

// within gives the value of a keyword, with each schema in it as next makes it.
func within(keyword Member[any], next func(schema any) any) any {
	switch value := keyword.Value.(type) {
	case bool:
		if holdsOne[keyword.Name] && !staysBool[keyword.Name] {
			return next(value)
		}
	case []any:
		if !holdsList[keyword.Name] {
			break
		}
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = next(item)
		}
		return items
	case Object:
		if holdsOne[keyword.Name] {
			return next(value)
		}
		if !holdsNamed[keyword.Name] {
			break
		}
		named := make(Object, len(value))
		for i, m := range value {
			named[i] = Member[any]{m.Name, next(m.Value)}
		}
		return named
	}
	return keyword.Value
}
