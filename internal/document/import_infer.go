package document

import (
	"encoding/json"
	"slices"
	"strings"
)

// inferredComment marks schemas that no document states.
const (
	inferredComment = "Inferred from examples"
	inferredOfAll   = "Inferred: the document says this of the data of all events"
)

// inferred makes a schema of examples: it states types, and requires nothing.
func inferred(examples []any) any {
	schema := typed(examples)
	return append(object("$comment", inferredComment), schema...)
}

// typed states the types of values.
func typed(values []any) Object {
	var kinds []any
	var members Object
	var items []any
	for _, value := range values {
		kind := kindOf(value)
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		switch value := value.(type) {
		case Object:
			for _, m := range value {
				seen, _ := members.Get(m.Name)
				members.Set(m.Name, append(list(seen), m.Value))
			}
		case []any:
			items = append(items, value...)
		}
	}
	if slices.Contains(kinds, any("number")) {
		kinds = slices.DeleteFunc(kinds, func(kind any) bool { return kind == "integer" })
	}
	out := Object{}
	switch len(kinds) {
	case 0:
	case 1:
		if kinds[0] != "null" { // an example that is null shows no type
			out.Set("type", kinds[0])
		}
	default:
		out.Set("type", kinds)
	}
	if len(members) > 0 {
		properties := Object{}
		for _, m := range members {
			properties.Set(m.Name, typed(list(m.Value)))
		}
		out.Set("properties", properties)
	}
	if len(items) > 0 {
		out.Set("items", typed(items))
	}
	return out
}

func kindOf(value any) any {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}

// loose takes out of a schema what an example of another type could break: what is required, and that nothing else can
// be there.
func loose(schema any) any {
	o, ok := schema.(Object)
	if !ok {
		return schema
	}
	out := object("$comment", inferredOfAll)
	for _, m := range o {
		if m.Name != "required" && m.Name != "$comment" && m.Name != "examples" && !(m.Name == "additionalProperties" && m.Value == false) {
			out.Set(m.Name, m.Value)
		}
	}
	return out
}
