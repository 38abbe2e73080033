package contract

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/problem"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// sortViolations gives the leaves of the validator's error, in the order of their pointers, each once.
func sortViolations(parts map[string]*jsonschema.Schema, failed *jsonschema.ValidationError) []Violation {
	found := leaves(parts, failed)
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(comparePointers(a.Pointer, b.Pointer), strings.Compare(a.Detail, b.Detail))
	})
	return slices.Compact(found)
}

// comparePointers puts /items/2 before /items/10.
func comparePointers(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "/"), strings.Split(b, "/"), func(a, b string) int {
		i, errA := strconv.Atoi(a)
		j, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return cmp.Or(cmp.Compare(i, j), strings.Compare(a, b))
		}
		return strings.Compare(a, b)
	})
}

func pointer(tokens []string, more ...string) string {
	var b strings.Builder
	for _, token := range slices.Concat(tokens, more) {
		b.WriteByte('/')
		b.WriteString(escape.Replace(token))
	}
	return b.String()
}

func leaves(parts map[string]*jsonschema.Schema, e *jsonschema.ValidationError) []Violation {
	at := e.InstanceLocation
	var found []Violation
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			found = append(found, leaves(parts, cause)...)
		}
	case *kind.AnyOf:
		return alternatives(parts, e, "anyOf")
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return alternatives(parts, e, "oneOf")
		}
		return []Violation{{pointer(at), fmt.Sprintf("must match only one schema of oneOf, but matches numbers %d and %d",
			k.Subschemas[0]+1, k.Subschemas[1]+1)}}
	case *kind.Required:
		for _, name := range k.Missing {
			found = append(found, Violation{pointer(at, name), "is required"})
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			found = append(found, Violation{pointer(at, name), fmt.Sprintf("is required beside %q", k.Prop)})
		}
	case *kind.AdditionalProperties:
		var known []*jsonschema.Schema
		if part := parts[e.SchemaURL]; part != nil {
			known = append(known, part)
		}
		for _, name := range k.Properties {
			found = append(found, Violation{pointer(at, name), "is not allowed" + nearProperty(known, name)})
		}
	case *kind.PropertyNames:
		for _, cause := range e.Causes {
			for _, v := range leaves(parts, cause) {
				found = append(found, Violation{pointer(at, k.Property), "is not allowed as a name: it " + v.Detail})
			}
		}
	default:
		return []Violation{{pointer(at), detail(e.ErrorKind)}}
	}
	return found
}

// nearProperty gives `; did you mean "…"?` where one of the declared properties is near.
func nearProperty(parts []*jsonschema.Schema, name string) string {
	var known []string
	for _, part := range parts {
		known = slices.AppendSeq(known, maps.Keys(part.Properties))
	}
	slices.Sort(known)
	return problem.DidYouMean(name, known)
}

// alternatives tells why no schema of an anyOf or oneOf matches. Where all but one fail at the type of the value or
// none allows it, that says it all; else the first reason of each.
func alternatives(parts map[string]*jsonschema.Schema, e *jsonschema.ValidationError, keyword string) []Violation {
	at := pointer(e.InstanceLocation)
	var types []string
	var values []any
	var rest [][]Violation
	got := ""
	for _, branch := range e.Causes {
		switch k := onlyLeaf(branch).(type) {
		case *kind.Type:
			if pointer(lastLeaf(branch).InstanceLocation) == at {
				types, got = append(types, k.Want...), k.Got
				continue
			}
		case *kind.Const:
			if pointer(lastLeaf(branch).InstanceLocation) == at {
				values = append(values, k.Want)
				continue
			}
		}
		rest = append(rest, leaves(parts, branch))
	}
	slices.Sort(types)
	types = slices.Compact(types)
	switch {
	case len(rest) == 1 && len(values) == 0:
		return rest[0]
	case len(rest) == 0 && len(values) == 0:
		return []Violation{{at, fmt.Sprintf("must be %s, got %s", strings.Join(types, " or "), got)}}
	case len(rest) == 0:
		return []Violation{{at, "must be one of " + list(values)}}
	}
	var reasons []string
	for _, branch := range rest {
		if len(branch) > 0 && len(reasons) < 5 {
			reasons = append(reasons, strings.TrimSpace(branch[0].Pointer+" "+branch[0].Detail))
		}
	}
	return []Violation{{at, fmt.Sprintf("matches no schema of %s: %s", keyword, strings.Join(reasons, "; or "))}}
}

// lastLeaf goes down as long as there is one cause only.
func lastLeaf(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(e.Causes) == 1 {
		switch e.ErrorKind.(type) {
		case *kind.Reference, *kind.AllOf, *kind.Group:
			e = e.Causes[0]
		default:
			return e
		}
	}
	return e
}

func onlyLeaf(e *jsonschema.ValidationError) jsonschema.ErrorKind { return lastLeaf(e).ErrorKind }

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
