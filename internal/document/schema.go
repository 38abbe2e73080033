package document

import "github.com/leatstream/leat/contract"

// Schema is the schema of an event's or a command's data on its own, JSON Schema 2020-12, with an $id.
func Schema(t *contract.EventType, id string) Object {
	o := object("$schema", "https://json-schema.org/draft/2020-12/schema", "$id", id)
	root, _ := asObject(mustParse(t.Schema.Bundle.JSON)).(Object)
	o = append(o, root...)
	if text := told(t); text != "" && !o.Has("description") {
		o.Set("description", text)
	}
	if t.Deprecated {
		o.Set("deprecated", true)
	}
	if len(t.Examples) > 0 && !o.Has("examples") {
		o.Set("examples", examples(t))
	}
	var definitions Object
	for _, d := range t.Schema.Bundle.Definitions {
		definitions.Set(d.Name, mustParse(d.JSON))
	}
	if len(definitions) > 0 {
		o.Set("$defs", definitions)
	}
	return o
}

// told is what the contract tells of a type: summary, description, or both.
func told(t *contract.EventType) string { return paragraphs(t.Summary, t.Description) }

func paragraphs(texts ...string) string {
	all := ""
	for _, text := range texts {
		switch {
		case text == "":
		case all == "":
			all = text
		default:
			all += "\n\n" + text
		}
	}
	return all
}

func examples(t *contract.EventType) []any {
	all := make([]any, len(t.Examples))
	for i, example := range t.Examples {
		all[i] = mustParse(example)
	}
	return all
}
