package contract_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"pgregory.net/rapid"
)

// A changedSchema makes one schema of another.
type changedSchema struct{ randomSchema }

// change gives a copy with some keywords changed, at any depth.
func (r *changedSchema) change(schema any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok {
		return r.part(depth)
	}
	s = maps.Clone(s)
	if inner := r.inner(s); inner != "" && rapid.IntRange(0, 2).Draw(r.t, "deeper") > 0 {
		s[inner] = r.changeInner(s[inner], depth)
		return s
	}
	keywords := slices.DeleteFunc(slices.Sorted(maps.Keys(s)), func(k string) bool { return k == "$defs" || k == "$ref" })
	if len(keywords) > 0 && rapid.IntRange(0, 2).Draw(r.t, "without") == 0 {
		delete(s, rapid.SampledFrom(keywords).Draw(r.t, "gone"))
		return s
	}
	if rapid.IntRange(0, 9).Draw(r.t, "around") == 0 && depth > 0 {
		return map[string]any{rapid.SampledFrom([]string{"allOf", "anyOf", "oneOf"}).Draw(r.t, "of"): []any{s, r.part(depth + 2)}}
	}
	keyword := rapid.SampledFrom(append(slices.Clone(someKeywords[""]), moreKeywords...)).Draw(r.t, "keyword")
	if len(keywords) > 0 && rapid.Bool().Draw(r.t, "of those there are") {
		keyword = rapid.SampledFrom(keywords).Draw(r.t, "changed")
	}
	r.set(s, keyword, depth)
	return s
}

var moreKeywords = strings.Fields("type oneOf anyOf not if contains minContains maxContains patternProperties propertyNames dependentSchemas " +
	"dependentRequired unevaluatedProperties unevaluatedItems uniqueItems multipleOf maximum exclusiveMinimum")

func (r *changedSchema) set(s map[string]any, keyword string, depth int) {
	switch keyword {
	case "type":
		s[keyword] = rapid.SliceOfNDistinct(rapid.SampledFrom(someTypes), 1, 3, rapid.ID).Draw(r.t, "types")
	case "oneOf", "anyOf":
		s[keyword] = []any{r.any(depth+2, false), r.any(depth+2, false)}
	case "if", "then", "else":
		s["if"], s[rapid.SampledFrom([]string{"then", "else"}).Draw(r.t, "branch")] = r.part(depth+1), r.part(depth+1)
	case "minContains", "maxContains":
		s[keyword] = rapid.IntRange(0, 2).Draw(r.t, "count")
	case "patternProperties":
		s[keyword] = map[string]any{rapid.SampledFrom([]string{"^a", "b", "."}).Draw(r.t, "names"): r.any(depth+1, false)}
	case "dependentSchemas":
		s[keyword] = map[string]any{rapid.SampledFrom(someNames).Draw(r.t, "name"): r.part(depth + 1)}
	case "unevaluatedProperties", "unevaluatedItems":
		s[keyword] = rapid.IntRange(0, 1).Draw(r.t, "open") == 0
	case "$defs":
	default:
		s[keyword] = r.keyword(keyword, depth)
	}
}

// inner draws a keyword that holds schemas.
func (r *changedSchema) inner(s map[string]any) string {
	var holding []string
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		switch s[keyword].(type) {
		case map[string]any:
			holding = append(holding, keyword)
		case []any:
			if keyword != "enum" {
				holding = append(holding, keyword)
			}
		}
	}
	if len(holding) == 0 {
		return ""
	}
	return rapid.SampledFrom(holding).Draw(r.t, "within")
}

func (r *changedSchema) changeInner(value any, depth int) any {
	switch v := value.(type) {
	case []any:
		v = slices.Clone(v)
		if len(v) > 0 {
			i := rapid.IntRange(0, len(v)-1).Draw(r.t, "item")
			v[i] = r.change(v[i], depth+1)
		}
		return v
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		named := len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool {
			_, schema := v[name].(map[string]any)
			_, truth := v[name].(bool)
			return !schema && !truth
		})
		if named {
			v = maps.Clone(v)
			name := rapid.SampledFrom(names).Draw(r.t, "name")
			v[name] = r.change(v[name], depth+1)
			return v
		}
		return r.change(v, depth+1)
	}
	return value
}

// schemaText gives a schema with its $defs, whose parts any generator refers to.
func schemaText(t *rapid.T, schema map[string]any) string {
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parseTypes gives nil where the schema refers to itself without end.
func parseTypes(t *rapid.T, schema map[string]any) *contract.Contract {
	c, err := contract.Parse("leat.json", []byte(`{"leat":1,"info":{"title":"T","version":"1.0.0"},"streams":{"s":{"events":{"e":{"schema":`+
		schemaText(t, schema)+`}},"commands":{"c":{"schema":`+schemaText(t, schema)+`}},"backend":{"url":"http://127.0.0.1:1"}}}}`))
	if err != nil {
		return nil
	}
	return c
}

func drawSchema(r *randomSchema) map[string]any {
	root, ok := r.any(0, false).(map[string]any)
	if !ok {
		root = map[string]any{}
	}
	x, ok := r.any(0, false).(map[string]any)
	if !ok {
		x = map[string]any{}
	}
	root["$defs"] = map[string]any{"x": x}
	return root
}

// checkCompare takes the validator as judge: what is not said to let more in, or to keep more out, does not.
func checkCompare(t *rapid.T) {
	r := changedSchema{randomSchema{t: t, planned: true}}
	before := drawSchema(&r.randomSchema)
	after := before
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		after, _ = r.change(after, 0).(map[string]any)
		if after == nil {
			after = map[string]any{}
		}
		if after["$defs"] == nil {
			after = maps.Clone(after)
			after["$defs"] = before["$defs"]
		}
	}
	old, now := parseTypes(t, before), parseTypes(t, after)
	if old == nil || now == nil {
		t.Skip("no schema")
	}
	if own := contract.Compare(now, now); len(own.List) > 0 {
		t.Fatalf("schema %s\ndiffers from itself:\n%s", schemaText(t, after), told(own))
	}
	changes := contract.Compare(old, now)
	wider := slices.ContainsFunc(changes.List, func(c contract.Change) bool { return c.Event != "" && c.Breaks&contract.Consumers != 0 })
	narrower := slices.ContainsFunc(changes.List, func(c contract.Change) bool {
		return c.Breaks&contract.Producers != 0 || strings.HasPrefix(c.Text, "is new, optional")
	})
	if wider && narrower {
		return
	}
	for i := range 30 {
		value := randomValue{t: t, root: []map[string]any{before, after}[i%2]}
		value.value(value.root, 0)
		data, err := contract.DecodeJSON([]byte(value.String()))
		if err != nil {
			continue
		}
		was := old.Stream("s").Event("e").Schema.Validate(data) == nil
		is := now.Stream("s").Event("e").Schema.Validate(data) == nil
		if is && !was && !wider || was && !is && !narrower {
			t.Fatalf("from %s\nto   %s\nvalid before: %v, after: %v: %s\ntold:\n%s", schemaText(t, before), schemaText(t, after), was, is, value.String(), told(changes))
		}
	}
}

func TestNoDifferenceIsOverlooked(t *testing.T) { rapid.Check(t, checkCompare) }
