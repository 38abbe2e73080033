package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/problem"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// detail words a leaf. Only names and limits of the schema are in it, nothing of the data but its type and lengths.
func detail(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.FalseSchema:
		return "is not allowed"
	case *kind.Not:
		return "must not match the schema of not"
	case *kind.Type:
		return fmt.Sprintf("must be %s, got %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + list(k.Want) + nearValue(k)
	case *kind.Const:
		return "must be " + asJSON(k.Want)
	case *kind.Format:
		if k.Want == "regex" {
			return fmt.Sprintf("must be a regular expression as Go's regexp takes it: %v", k.Err)
		}
		return "must match format " + k.Want
	case *kind.Pattern:
		return "must match pattern " + strconv.Quote(k.Want)
	}
	if text := detailOfSize(k); text != "" {
		return text
	}
	return "is not valid under " + strings.Join(k.KeywordPath(), " ")
}

func detailOfSize(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %s, has %d", count(k.Want, "character"), k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %s, has %d", count(k.Want, "character"), k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %s, has %d", count(k.Want, "item"), k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %s, has %d", count(k.Want, "item"), k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %s, has %d", count(k.Want, "member"), k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %s, has %d", count(k.Want, "member"), k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("must have no equal items: those at %d and %d are", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "must have an item that matches the schema of contains"
	case *kind.MinContains:
		return fmt.Sprintf("must have at least %s that match the schema of contains, has %d", count(k.Want, "item"), len(k.Got))
	case *kind.MaxContains:
		return fmt.Sprintf("must have at most %s that match the schema of contains, has %d", count(k.Want, "item"), len(k.Got))
	case *kind.Minimum:
		return "must be at least " + exact(k.Want)
	case *kind.Maximum:
		return "must be at most " + exact(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + exact(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + exact(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + exact(k.Want)
	}
	return ""
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func exact(r *big.Rat) string {
	digits, _ := r.FloatPrec() // of what JSON can write, all
	return shorten(r.FloatString(digits))
}

func list(values []any) string {
	const most = 10
	texts := make([]string, 0, most+1)
	for i, v := range values {
		if i == most {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, asJSON(v))
	}
	return strings.Join(texts, ", ")
}

func nearValue(k *kind.Enum) string {
	got, ok := k.Got.(string)
	if !ok {
		return ""
	}
	var known []string
	for _, v := range k.Want {
		if text, ok := v.(string); ok {
			known = append(known, text)
		}
	}
	return problem.DidYouMean(got, known)
}

func asJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "another value"
	}
	return shorten(strings.TrimSpace(b.String()))
}
