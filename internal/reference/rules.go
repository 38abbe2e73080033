package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/leatstream/leat/internal/document"
)

// first gives the first value that the schemas have for a keyword.
func (m *met) first(keyword string) (any, bool) {
	for _, o := range m.schemas {
		if v, ok := o.Get(keyword); ok {
			return v, true
		}
	}
	return nil, false
}

func (m *met) is(keyword string) bool {
	v, _ := m.first(keyword)
	return v == true
}

func (m *met) text() string {
	for _, keyword := range []string{"description", "title"} {
		if text, _ := m.first(keyword); text != nil && text != "" {
			return fmt.Sprint(text)
		}
	}
	return ""
}

// typ is what the data is, in a word or two.
func (m *met) typ() string {
	if m.nothing {
		return "nothing"
	}
	var text string
	switch types, _ := m.first("type"); types := types.(type) {
	case string:
		text = types
	case []any:
		names := make([]string, len(types))
		for i, name := range types {
			names[i] = fmt.Sprint(name)
		}
		text = strings.Join(names, " or ")
	default:
		text = m.guess()
	}
	if format, ok := m.first("format"); ok {
		text = strings.TrimPrefix(text+", "+fmt.Sprint(format), ", ")
	}
	if m.again != "" {
		text = strings.TrimSuffix("as "+m.again+", "+text, ", ")
	}
	return text
}

// guess is the type of a schema that does not say it.
func (m *met) guess() string {
	for _, hint := range []struct{ keyword, typ string }{
		{"const", ""}, {"enum", ""}, {"oneOf", ""}, {"anyOf", ""}, {"properties", "object"}, {"additionalProperties", "object"},
		{"items", "array"}, {"prefixItems", "array"}, {"pattern", "string"}, {"maxLength", "string"}, {"format", "string"},
	} {
		if _, ok := m.first(hint.keyword); ok {
			return hint.typ
		}
	}
	if m.again != "" {
		return ""
	}
	return "anything"
}

// rules are the bounds of a value, each in words.
func (m *met) rules() []string {
	var all []string
	add := func(text string) {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, o := range m.schemas {
		for _, r := range ruled {
			if v, ok := o.Get(r.keyword); ok {
				add(fmt.Sprintf(r.says, written(v)))
			}
		}
		if pattern, ok := value[string](o, "pattern"); ok {
			add("matches " + pattern)
		}
		for _, c := range counted {
			add(c.bounds(o))
		}
		if values, ok := value[[]any](o, "enum"); ok {
			add("one of " + list(values))
		}
		for _, r := range flags {
			if v, ok := o.Get(r.keyword); ok && v == r.when {
				add(r.says)
			}
		}
		asked, _ := value[document.Object](o, "dependentRequired")
		for _, a := range asked {
			if names, ok := a.Value.([]any); ok {
				add(a.Name + " asks for " + list(names))
			}
		}
	}
	return all
}

var ruled = []struct{ keyword, says string }{
	{"const", "always %s"},
	{"minimum", "at least %s"},
	{"exclusiveMinimum", "above %s"},
	{"maximum", "at most %s"},
	{"exclusiveMaximum", "below %s"},
	{"multipleOf", "a multiple of %s"},
	{"minContains", "%s items at least that fit"},
	{"maxContains", "%s items at most that fit"},
	{"contentEncoding", "encoded as %s"},
	{"contentMediaType", "holds %s"},
	{"default", "%s where left out"},
}

// A counting is of how many there are of something.
type counting struct{ least, most, one, many string }

var counted = []counting{
	{"minLength", "maxLength", "character", "characters"},
	{"minItems", "maxItems", "item", "items"},
	{"minProperties", "maxProperties", "member", "members"},
}

func (c counting) bounds(o document.Object) string {
	least, some := value[json.Number](o, c.least)
	most, bounded := value[json.Number](o, c.most)
	what := c.many
	switch {
	case some && bounded && least == most:
		if least == "1" {
			what = c.one
		}
		return fmt.Sprintf("%s %s", most, what)
	case some && bounded:
		return fmt.Sprintf("%s to %s %s", least, most, what)
	case some:
		if least == "1" {
			what = c.one
		}
		return fmt.Sprintf("at least %s %s", least, what)
	case bounded:
		if most == "1" {
			what = c.one
		}
		return fmt.Sprintf("at most %s %s", most, what)
	}
	return ""
}

var flags = []struct {
	keyword string
	when    bool
	says    string
}{
	{"uniqueItems", true, "no two items alike"},
	{"additionalProperties", false, "no other members"},
	{"unevaluatedProperties", false, "no other members"},
	{"items", false, "no other items"},
	{"readOnly", true, "only read"},
	{"writeOnly", true, "only written"},
}

const mostListed = 40 // values of an enum

func list(values []any) string {
	texts := make([]string, 0, min(len(values), mostListed))
	for _, v := range values[:min(len(values), mostListed)] {
		texts = append(texts, written(v))
	}
	text := strings.Join(texts, ", ")
	if more := len(values) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// written is a value as JSON, and a text as it is where it reads as one.
func written(value any) string {
	if text, ok := value.(string); ok && text != "" && strings.TrimSpace(text) == text && !strings.ContainsAny(text, ",\"") {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
