package contract

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compareOpaque compares what is the same, came or went; of what changed little can be told.
func (c *comparison) compareOpaque(pointer string, at place, old, now alternative) {
	gone := slices.DeleteFunc(slices.Clone(old.opaque), func(o opaque) bool { return slices.ContainsFunc(now.opaque, o.same) })
	come := slices.DeleteFunc(slices.Clone(now.opaque), func(o opaque) bool { return slices.ContainsFunc(old.opaque, o.same) })
	for _, keyword := range []string{"anyOf", "oneOf", "not", "if", "contains", "$dynamicRef", "unevaluatedProperties", "unevaluatedItems"} {
		isOf := func(o opaque) bool { return o.keyword == keyword }
		was, is := slices.IndexFunc(gone, isOf), slices.IndexFunc(come, isOf)
		at := c.at(at, now.parts, keyword)
		switch {
		case was >= 0 && is >= 0:
			c.compareKeyword(pointer, at, keyword, gone[was].part, come[is].part)
		case was >= 0:
			c.add(difference{pointer: pointer, at: at, wider: true, text: keyword + " no longer restricts it"})
		case is >= 0:
			c.add(difference{pointer: pointer, at: at, narrower: true, text: keyword + " restricts it now"})
		}
	}
	// All but the first of a keyword.
	if many(gone) && len(come) > 0 || many(come) && len(gone) > 0 {
		c.cannotTell(pointer, at, "several of anyOf, oneOf, not, if and contains changed")
	}
}

// many tells whether a keyword is in the list twice.
func many(all []opaque) bool {
	seen := map[string]bool{}
	return slices.ContainsFunc(all, func(o opaque) bool {
		twice := seen[o.keyword]
		seen[o.keyword] = true
		return twice
	})
}

func (c *comparison) compareKeyword(pointer string, at place, keyword string, old, now *jsonschema.Schema) {
	same := &sameness{}
	switch {
	case keyword == "if" && same.schemas(old.If, now.If):
		c.compare(pointer, at, whole(old.Then), whole(now.Then))
		c.compare(pointer, at, whole(old.Else), whole(now.Else))
	case keyword == "contains" && same.fields(old, now, "MinContains", "MaxContains") && now.MaxContains == nil &&
		(now.MinContains == nil || *now.MinContains > 0):
		found := c.try(whole(old.Contains), whole(now.Contains))
		c.summarize(pointer, at, "contains: ", found, widens(found), narrows(found))
	case keyword == "not":
		// What is assumed of pairs that are being compared is the other way round in here.
		sub := comparison{old: c.old, now: c.now, within: map[string]bool{}, left: c.left}
		sub.compare("", at, whole(old.Not), whole(now.Not))
		c.summarize(pointer, at, "not: ", sub.found, narrows(sub.found), widens(sub.found))
	default:
		c.cannotTell(pointer, at, "%s changed", keyword)
	}
}

// summarize adds what was found elsewhere as one difference, if it makes one.
func (c *comparison) summarize(pointer string, at place, before string, found []difference, wider, narrower bool) {
	var texts []string
	for _, d := range found {
		if d.kind != isSaid {
			texts = append(texts, strings.TrimPrefix(d.pointer+" ", " ")+d.text)
		}
	}
	if wider || narrower {
		c.add(difference{pointer: pointer, at: at, wider: wider, narrower: narrower, text: before + strings.Join(texts, ", ")})
	}
}

// whole is a schema that may be missing.
func whole(s *jsonschema.Schema) []*jsonschema.Schema {
	if s == nil {
		return nil
	}
	return []*jsonschema.Schema{s}
}

// Keywords that say something about the data, and those that say what a string holds.
var (
	said     = strings.Fields("title description default examples deprecated readOnly writeOnly")
	contents = strings.Fields("contentEncoding contentMediaType contentSchema")
)

// compareTexts compares what the schemas say without restricting anything.
func (c *comparison) compareTexts(pointer string, at place, old, now []*jsonschema.Schema) {
	var changed []string
	for _, keyword := range said {
		if !slices.Equal(written(c.old, old, keyword), written(c.now, now, keyword)) {
			changed = append(changed, keyword)
		}
	}
	if len(changed) > 0 {
		c.add(difference{pointer: pointer, at: c.at(at, now, changed...), kind: isSaid, text: strings.Join(changed, ", ") + " changed"})
	}
	for _, keyword := range contents {
		was, is := written(c.old, old, keyword), written(c.now, now, keyword)
		if !slices.Equal(was, is) {
			c.add(difference{pointer: pointer, at: c.at(at, now, keyword), kind: meaningChanged,
				text: keyword + ": " + shorten(orNone(was)) + " → " + shorten(orNone(is))})
		}
	}
}

// written lists what the schemas, and those they always ask for, have as a keyword's value.
func written(l *library, schemas []*jsonschema.Schema, keyword string) []string {
	var all []string
	for _, s := range schemas {
		for _, part := range always(s) {
			if found, ok := l.value(part.Location); ok {
				if v := found.get(keyword); v != nil {
					all = append(all, string(v.appendJSON(nil)))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
