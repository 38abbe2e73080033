package contract_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// Few names and values, so that they meet.
var (
	someNames   = []string{"a", "b", "type", "é", "a/b~", "", "\u2028"}
	someStrings = []string{"", "a", "b", "äö", "😀", "a\nb", "2024-05-01T10:00:00Z", "2024-02-30", "0188d2d5-7b5a-7000-8000-000000000000", "1.2.3.4", "\u0000", "a@b.c"}
	someNumbers = []string{"0", "-0", "-0.0", "1", "1.0", "-1", "2", "3", "1.5", "-1.5", "0.1", "0.01", "0.30", "1e2", "100", "1E+2", "15e-1", "1e-2", "12.34",
		"999999999999999999", "1000000000000000000", "9223372036854775807", "18446744073709551616", "12345678901234567890.5", "1e30", "1e400", "1e-400", "-1e400",
		"0.000000000000000001", "0.0000000000000000001", "-123456789.123456789", "0e5", "1.000000000000000000000"}
	someTypes = []string{"null", "boolean", "integer", "number", "string", "array", "object", "number", "string", "array", "object", "object"}

	// What says something of each type, and of all.
	someKeywords = map[string][]string{
		"null": {"enum", "const", "allOf"}, "boolean": {"enum", "const", "allOf"},
		"integer": {"enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf"},
		"number":  {"enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf"},
		"string":  {"enum", "const", "minLength", "maxLength", "pattern", "format", "allOf"},
		"array":   {"items", "prefixItems", "minItems", "maxItems", "allOf"},
		"object":  {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "allOf"},
		"": {"enum", "const", "minimum", "exclusiveMaximum", "minLength", "maxLength", "format", "pattern", "items", "prefixItems", "minItems",
			"maxItems", "properties", "required", "additionalProperties", "minProperties", "maxProperties", "allOf"},
	}
)

const nestedKeywords = "properties additionalProperties items prefixItems allOf"

func number(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "random number") == 0 {
		text := strconv.Itoa(rapid.IntRange(-300, 300).Draw(t, "whole"))
		if rapid.Bool().Draw(t, "fraction") {
			text += "." + strconv.Itoa(rapid.IntRange(0, 999).Draw(t, "digits"))
		}
		return text
	}
	return rapid.SampledFrom(someNumbers).Draw(t, "number")
}

// A randomSchema knows whether it is one that Accept can do without the validator.
type randomSchema struct {
	t       *rapid.T
	planned bool
}

// any gives a schema; one that applies to the same value as that around it has no reference, which could have no end.
func (r *randomSchema) any(depth int, references bool) any {
	switch rapid.IntRange(0, 15).Draw(r.t, "schema") {
	case 0:
		return true
	case 1:
		return depth == 0 // a whole schema false tells little
	case 2:
		if references {
			return map[string]any{"$ref": "#/$defs/x", "title": "T", "type": rapid.SampledFrom(someTypes).Draw(r.t, "type")}
		}
	case 3:
		if references {
			return map[string]any{"$ref": "#"}
		}
	}
	s := map[string]any{}
	switch rapid.IntRange(0, 4).Draw(r.t, "type") {
	case 0:
	case 1:
		s["type"] = rapid.SliceOfNDistinct(rapid.SampledFrom(someTypes), 1, 3, rapid.ID).Draw(r.t, "types")
	default:
		s["type"] = rapid.SampledFrom(someTypes).Draw(r.t, "type")
	}
	keywords := someKeywords[""]
	if only, ok := s["type"].(string); ok && rapid.IntRange(0, 4).Draw(r.t, "idle keywords") > 0 {
		keywords = someKeywords[only]
	}
	if depth >= 3 {
		keywords = slices.DeleteFunc(slices.Clone(keywords), func(k string) bool { return strings.Contains(nestedKeywords, k) })
	}
	if rapid.IntRange(0, 30).Draw(r.t, "other") == 0 {
		r.planned = false
		keywords = []string{"not", "anyOf", "uniqueItems", "contains", "patternProperties", "dependentRequired", "unevaluatedProperties"}
	}
	for _, keyword := range rapid.SliceOfNDistinct(rapid.SampledFrom(keywords), 0, 4, rapid.ID).Draw(r.t, "keywords") {
		s[keyword] = r.keyword(keyword, depth)
	}
	return s
}

// part gives a schema for the value of the schema around it.
func (r *randomSchema) part(depth int) any {
	part := r.any(depth+1, false)
	if s, ok := part.(map[string]any); ok && rapid.IntRange(0, 3).Draw(r.t, "type of its own") > 0 {
		delete(s, "type") // it would seldom be the same
	}
	return part
}

func (r *randomSchema) keyword(keyword string, depth int) any {
	t := r.t
	scalar := func() any {
		switch rapid.IntRange(0, 5).Draw(t, "scalar") {
		case 0:
			return rapid.SampledFrom([]any{nil, true, false}).Draw(t, "literal")
		case 1, 2:
			return json.Number(number(t))
		}
		return rapid.SampledFrom(someStrings).Draw(t, "string")
	}
	switch keyword {
	case "enum":
		return []any{scalar(), scalar(), scalar()}
	case "const":
		return scalar()
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return json.Number(number(t))
	case "multipleOf":
		return json.Number(rapid.SampledFrom([]string{"1", "2", "0.1", "0.01", "0.3", "1e2", "1.0", "1e-20", "3e20", "0.03", "1e18"}).Draw(t, "of"))
	case "minLength", "minItems", "minProperties", "maxLength", "maxItems", "maxProperties":
		return rapid.IntRange(0, 3).Draw(t, "size")
	case "pattern":
		return rapid.SampledFrom([]string{"^a", "^[aäöb]*$", ".", `^\d`, "😀"}).Draw(t, "pattern")
	case "format":
		return rapid.SampledFrom([]string{"date-time", "date", "uuid", "ipv4", "email", "regex", "uri", "hostname"}).Draw(t, "format")
	case "required":
		return rapid.SliceOfNDistinct(rapid.SampledFrom(someNames), 0, 3, rapid.ID).Draw(t, "required")
	case "properties", "patternProperties":
		properties := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(someNames), 0, 4, rapid.ID).Draw(t, "names") {
			properties[name] = r.any(depth+1, true)
		}
		return properties
	case "prefixItems":
		return []any{r.any(depth+1, true), r.any(depth+1, true)}
	case "allOf", "anyOf":
		return []any{r.part(depth), r.part(depth)}
	case "not":
		return r.part(depth)
	case "uniqueItems":
		return true
	case "additionalProperties":
		if rapid.Bool().Draw(t, "closed") {
			return false
		}
	case "dependentRequired":
		return map[string]any{"a": []string{"b"}}
	}
	return r.any(depth+1, true) // and for items and those that are not planned
}

// A randomValue is text that is nearly what a schema asks for.
type randomValue struct {
	t    *rapid.T
	root map[string]any // the whole schema
	strings.Builder
}

func (r *randomValue) space() {
	r.WriteString(rapid.SampledFrom([]string{"", "", "", "", " ", "\n\t"}).Draw(r.t, "space"))
}

func (r *randomValue) string(text string) {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	if rapid.IntRange(0, 8).Draw(r.t, "escape") == 0 && text != "" {
		quoted = []byte(strconv.QuoteToASCII(text))
		if strings.Contains(string(quoted), `\U`) || strings.Contains(string(quoted), `\x`) {
			quoted = []byte(`"\u0061"`)
		}
	}
	r.Write(quoted)
}

func (r *randomValue) value(schema any, depth int) {
	r.space()
	defer r.space()
	s, _ := schema.(map[string]any)
	switch s["$ref"] {
	case "#":
		s = r.root
	case "#/$defs/x":
		s, _ = r.root["$defs"].(map[string]any)["x"].(map[string]any)
	}
	s = together(s)
	if values, ok := s["enum"].([]any); ok && rapid.IntRange(0, 3).Draw(r.t, "constant") > 0 {
		r.constant(rapid.SampledFrom(values).Draw(r.t, "value"))
		return
	}
	if value, ok := s["const"]; ok && rapid.IntRange(0, 3).Draw(r.t, "constant") > 0 {
		r.constant(value)
		return
	}
	types := someTypes
	switch declared := s["type"].(type) {
	case string:
		types = []string{declared}
	case []string:
		types = declared
	}
	if rapid.IntRange(0, 12).Draw(r.t, "other type") == 0 {
		types = someTypes
	}
	kind := rapid.SampledFrom(types).Draw(r.t, "type")
	if depth > 5 && (kind == "object" || kind == "array") {
		kind = "null"
	}
	switch kind {
	case "null":
		r.WriteString("null")
	case "boolean":
		r.WriteString(rapid.SampledFrom([]string{"true", "false"}).Draw(r.t, "boolean"))
	case "integer", "number":
		r.number(s)
	case "string":
		r.string(rapid.SampledFrom(someStrings).Draw(r.t, "string"))
	case "array":
		r.array(s, depth)
	case "object":
		r.object(s, depth)
	}
}

// together is about what a schema and its allOf ask for.
func together(s map[string]any) map[string]any {
	parts, _ := s["allOf"].([]any)
	if len(parts) == 0 {
		return s
	}
	all := maps.Clone(s)
	for _, part := range parts {
		part, _ := part.(map[string]any)
		for keyword, value := range together(part) {
			switch has := all[keyword].(type) {
			case nil:
				all[keyword] = value
			case map[string]any:
				if more, ok := value.(map[string]any); ok && keyword == "properties" {
					both := maps.Clone(more)
					maps.Copy(both, has)
					all[keyword] = both
				}
			case []string:
				if more, ok := value.([]string); ok && keyword == "required" {
					all[keyword] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(has, more))))
				}
			}
		}
	}
	return all
}

// number gives often one that is just within a limit, or just not.
func (r *randomValue) number(s map[string]any) {
	var limits []string
	for _, keyword := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} {
		if limit, ok := s[keyword].(json.Number); ok {
			limits = append(limits, string(limit))
		}
	}
	if len(limits) > 0 && rapid.Bool().Draw(r.t, "limit") {
		r.constant(json.Number(rapid.SampledFrom(limits).Draw(r.t, "number")))
		return
	}
	r.WriteString(number(r.t))
}

func (r *randomValue) constant(value any) {
	switch v := value.(type) {
	case string:
		r.string(v)
	case json.Number:
		r.WriteString(string(v))
		if !strings.ContainsAny(string(v), ".eE") && rapid.Bool().Draw(r.t, "written otherwise") {
			r.WriteString(".0")
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		r.Write(text)
	}
}

func (r *randomValue) array(s map[string]any, depth int) {
	prefix, _ := s["prefixItems"].([]any)
	r.WriteByte('[')
	for i := range rapid.IntRange(0, 4).Draw(r.t, "items") {
		if i > 0 {
			r.WriteByte(',')
		}
		if i < len(prefix) {
			r.value(prefix[i], depth+1)
		} else {
			r.value(s["items"], depth+1)
		}
	}
	r.space()
	r.WriteByte(']')
}

func (r *randomValue) object(s map[string]any, depth int) {
	properties, _ := s["properties"].(map[string]any)
	names, _ := s["required"].([]string)
	names = slices.Clone(names)
	if len(names) > 0 && rapid.IntRange(0, 5).Draw(r.t, "leave one out") == 0 {
		i := rapid.IntRange(0, len(names)-1).Draw(r.t, "left out")
		names = slices.Delete(names, i, i+1)
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(someNames), 0, 3).Draw(r.t, "names") {
		_, declared := properties[name]
		closed := s["additionalProperties"] == false && !declared
		if (name == "type" && depth == 0 || closed) && rapid.IntRange(0, 7).Draw(r.t, "forbidden") > 0 {
			continue // mostly, so that the rest is looked at
		}
		if !slices.Contains(names, name) || rapid.IntRange(0, 30).Draw(r.t, "twice") == 0 {
			names = append(names, name)
		}
	}
	r.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			r.WriteByte(',')
		}
		r.space()
		r.string(name)
		r.space()
		r.WriteByte(':')
		if of, ok := properties[name]; ok {
			r.value(of, depth+1)
		} else {
			r.value(s["additionalProperties"], depth+1)
		}
	}
	r.space()
	r.WriteByte('}')
}

// checkAccept compares Accept with the validator, over one schema and some values.
func checkAccept(t *rapid.T) {
	schema := randomSchema{t: t, planned: true}
	root, e := schema.eventType()
	for range 20 {
		value := randomValue{t: t, root: root}
		value.value(root, 0)
		text := []byte(value.String())
		if rapid.IntRange(0, 6).Draw(t, "broken") == 0 && len(text) > 0 {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			piece := rapid.SampledFrom([]string{"", "\xff", `\ud800`, `"`, "1", "e", ",", "}", "0", "-", "."}).Draw(t, "piece")
			text = slices.Concat(text[:at], []byte(piece), text[at+rapid.IntRange(0, 1).Draw(t, "instead"):])
		}
		accepted := accepts(t, e, text)
		if schema.planned && !accepted && isValid(e, text) {
			t.Fatalf("schema %s\ndoes not accept %q", e.Schema.JSON, text)
		}
	}
}

// eventType gives a type with a schema that refers to a part of its own, and that schema.
func (r *randomSchema) eventType() (root map[string]any, e *contract.EventType) {
	root, ok := r.any(0, false).(map[string]any)
	if !ok {
		root = map[string]any{}
	}
	x := map[string]any{}
	if s, ok := r.any(0, false).(map[string]any); ok {
		x = s
	}
	root["$defs"] = map[string]any{"x": x}
	text, err := json.Marshal(root)
	if err != nil {
		r.t.Fatal(err)
	}
	return root, eventType(r.t, string(text))
}

// checkBundle compares a bundle with the schema, over one schema and some values.
func checkBundle(t *rapid.T) {
	schema := randomSchema{t: t}
	root, e := schema.eventType()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///bundle", oneSchema(t, e.Schema)); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("file:///bundle")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		value := randomValue{t: t, root: root}
		value.value(root, 0)
		data, err := contract.DecodeJSON([]byte(value.String()))
		if err != nil {
			continue
		}
		if got, want := compiled.Validate(data) == nil, len(e.Schema.Validate(data)) == 0; got != want {
			t.Fatalf("%s is valid: %v, in the bundle %v\n%s\n%s", value.String(), want, got, e.Schema.JSON, bundled(e.Schema))
		}
	}
}
