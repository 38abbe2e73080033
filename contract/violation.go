package contract

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/problem"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// A telling puts the validator's tree of errors into words.
type telling struct {
	parts map[string]*jsonschema.Schema // by location, as far as they are known
	data  any
}

// violations gives the leaves of the validator's error, in the order of their pointers, each once.
func violations(parts map[string]*jsonschema.Schema, data any, failed *jsonschema.ValidationError) []Violation {
	found := telling{parts, data}.leaves(failed, nil)
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

// leaves lists what is wrong; around is the place of the error that e is a cause of.
func (t telling) leaves(e *jsonschema.ValidationError, around []string) []Violation {
	at := e.InstanceLocation
	var found []Violation
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			found = append(found, t.leaves(cause, at)...)
		}
	case *kind.AnyOf:
		return t.alternatives(e, "anyOf")
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return t.alternatives(e, "oneOf")
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
		if part := t.parts[e.SchemaURL]; part != nil {
			known = append(known, part)
		}
		for _, name := range k.Properties {
			found = append(found, Violation{pointer(at, name), "is not allowed" + nearProperty(known, name)})
		}
	case *kind.PropertyNames:
		return t.name(e, around, k.Property)
	default:
		return []Violation{{pointer(at), detail(e.ErrorKind)}}
	}
	return found
}

// name tells that the name of a member is wrong. The validator reuses the memory of this error's place for places that
// it visits later, so the place counts only where the data has the member there.
func (t telling) name(e *jsonschema.ValidationError, around []string, name string) []Violation {
	at, what := pointer(e.InstanceLocation, name), "is not allowed as a name: it "
	if !t.has(e.InstanceLocation, name) {
		at, what = pointer(around), fmt.Sprintf("has a member %q, which is not allowed as a name: it ", shorten(name))
	}
	var found []Violation
	for _, cause := range e.Causes {
		for _, v := range t.leaves(cause, nil) {
			found = append(found, Violation{at, what + v.Detail})
		}
	}
	return found
}

func (t telling) has(place []string, name string) bool {
	data := t.data
	for _, token := range append(slices.Clone(place), name) {
		switch container := data.(type) {
		case map[string]any:
			next, ok := container[token]
			if !ok {
				return false
			}
			data = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(container) {
				return false
			}
			data = container[i]
		default:
			return false
		}
	}
	return true
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

// alternatives tells why no schema of an anyOf or oneOf matches. Where all allow other types or other values only,
// these say it all. Else those count that fail within the value rather than at it: they are what was meant.
func (t telling) alternatives(e *jsonschema.ValidationError, keyword string) []Violation {
	at := pointer(e.InstanceLocation)
	var types []string
	var values []any
	var near, far [][]Violation
	got := ""
	for _, branch := range e.Causes {
		leaf := lastLeaf(branch)
		found := t.leaves(branch, e.InstanceLocation)
		deeper := !slices.ContainsFunc(found, func(v Violation) bool { return v.Pointer == at })
		switch k := leaf.ErrorKind.(type) {
		case *kind.Type:
			if !deeper {
				types, got = append(types, k.Want...), k.Got
				continue
			}
		case *kind.Const:
			if !deeper {
				values = append(values, k.Want)
			}
		}
		if deeper {
			near = append(near, found)
		} else {
			far = append(far, found)
		}
	}
	switch {
	case len(near) == 0 && len(far) == 0:
		slices.Sort(types)
		return []Violation{{at, fmt.Sprintf("must be %s, got %s", strings.Join(slices.Compact(types), " or "), got)}}
	case len(near) == 0 && len(far) == len(values):
		return []Violation{{at, "must be one of " + list(values)}}
	case len(near) == 0:
		near = far
	}
	if len(near) == 1 {
		return near[0]
	}
	var reasons []string
	for _, branch := range near[:min(len(near), 5)] {
		if len(branch) > 0 {
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
