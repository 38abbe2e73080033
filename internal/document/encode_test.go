package document_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leatstream/leat/internal/document"
)

// readYAML gives the values as encoding/json would.
func readYAML(t rapid.TB, text []byte) any {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return likeJSON(value)
}

func likeJSON(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = likeJSON(value[name])
		}
	case []any:
		for i := range value {
			value[i] = likeJSON(value[i])
		}
	case uint64:
		return float64(value)
	case int64:
		return float64(value)
	}
	return value
}

func TestYAMLKeepsOrderAndNumbers(t *testing.T) {
	doc := document.Object{
		{Name: "z", Value: json.Number("1.50")}, {Name: "a", Value: json.Number("12345678901234567890123")},
		{Name: "text", Value: "event: x\ndata: {}\n\n"}, {Name: "no", Value: "no"}, {Name: "1", Value: []any{true, nil, "1"}},
	}
	got, err := document.YAML(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := "z: 1.50\na: 12345678901234567890123\ntext: |+\n  event: x\n  data: {}\n\n\"no\": \"no\"\n\"1\":\n  - true\n  - null\n  - \"1\"\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestYAMLSaysWhatTheJSONSays(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching("[ -~]{0,12}"), rapid.StringMatching(`[a: #\-?!|>\n"'0-9{}]{0,12}`))
	value := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return rapid.Bool().Draw(t, "bool")
		case 1:
			return json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number"))
		case 2:
			return nil
		}
		return text.Draw(t, "text")
	})
	rapid.Check(t, func(t *rapid.T) {
		doc := document.Object{}
		for i := range rapid.IntRange(0, 5).Draw(t, "members") {
			doc.Set(text.Draw(t, "name"), value.Draw(t, "value"))
			if i == 2 {
				doc.Set("inner", []any{document.Object{{Name: text.Draw(t, "name"), Value: value.Draw(t, "value")}}, []any{value.Draw(t, "value")}})
			}
		}
		asYAML, err := document.YAML(doc)
		if err != nil {
			t.Fatal(err)
		}
		inJSON, err := document.JSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal(inJSON, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readYAML(t, asYAML)); diff != "" {
			t.Fatalf("%s\n%s", asYAML, diff)
		}
		again, err := document.YAML(doc)
		if err != nil || !bytes.Equal(again, asYAML) {
			t.Fatalf("another time it is other YAML: %s, %v", again, err)
		}
	})
}
