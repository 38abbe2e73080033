package contract

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/event"
)

// A Bundle is a schema that refers to nothing but its own definitions: every $ref in it, and in them, is
// "#/$defs/NAME", or "#" for the schema itself. $id, $anchor, $schema and $defs are left out. In place of a $dynamicRef, which means another schema
// from wherever one comes, stands a $comment, so that any value will do there.
type Bundle struct {
	JSON        []byte       // without the definitions
	Definitions []Definition // all that it leads to, in the order in which it does
}

// A Definition is a schema of a bundle. Its name is of one schema alone in the whole contract.
type Definition struct {
	Name string
	JSON []byte
}

// A bundler gives names to the schemas of a contract to which a $ref leads.
type bundler struct {
	library *library
	types   map[*value]string // names of the schemas that event types and commands declare in place
	names   map[*value]string
	taken   map[string]bool
	made    map[*value]*madeDefinition
}

func newBundler(l *library, declared []declaration) *bundler {
	b := &bundler{library: l, types: map[*value]string{}, names: map[*value]string{}, taken: map[string]bool{}, made: map[*value]*madeDefinition{}}
	for _, d := range declared {
		b.types[d.schema] = d.typ.Name
	}
	return b
}

// bundle is for a schema that has compiled: each of its references leads somewhere.
func (b *bundler) bundle(d declaration) Bundle {
	w := &bundling{bundler: b, root: d.schema}
	bundle := Bundle{JSON: w.schema(nil, d.schema)}
	found := w.leads
	for i := 0; i < len(found); i++ { // one leads to more of them
		made := b.definition(found[i], d.schema)
		bundle.Definitions = append(bundle.Definitions, made.Definition)
		for _, lead := range made.leads {
			if !slices.Contains(found, lead) {
				found = append(found, lead)
			}
		}
	}
	return bundle
}

// definition writes a definition of the bundle of root. Bundles share those that do not lead back to a root.
func (b *bundler) definition(v, root *value) *madeDefinition {
	if made := b.made[v]; made != nil {
		return made
	}
	w := &bundling{bundler: b, root: root}
	made := &madeDefinition{Definition{b.names[v], w.schema(nil, v)}, w.leads}
	if !w.rooted {
		b.made[v] = made
	}
	return made
}

// A madeDefinition knows where its references lead.
type madeDefinition struct {
	Definition
	leads []*value
}

// A bundling is one schema of a bundle being written.
type bundling struct {
	*bundler
	root   *value
	rooted bool // refers to root
	leads  []*value
}

// left are the keywords that mean nothing in a bundle.
var left = words("$id $anchor $dynamicAnchor $schema $vocabulary $defs definitions")

func (w *bundling) schema(dst []byte, v *value) []byte {
	if v.kind != isMapping {
		return v.appendJSON(dst)
	}
	dst = append(dst, '{')
	for _, m := range v.members {
		if left[m.name] {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = w.keyword(dst, m)
	}
	return append(dst, '}')
}

func (w *bundling) keyword(dst []byte, m member) []byte {
	switch {
	case m.name == "$dynamicRef":
		return append(dst, `"$comment":"the contract has a $dynamicRef here"`...)
	case m.name == "$ref":
		return w.ref(dst, m.value)
	}
	dst = append(event.AppendString(dst, m.name), ':')
	switch {
	case holdsOne[m.name]:
		return w.schema(dst, m.value)
	case holdsList[m.name] && m.value.kind == isList:
		dst = append(dst, '[')
		for i, item := range m.value.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = w.schema(dst, item)
		}
		return append(dst, ']')
	case holdsNamed[m.name] && m.value.kind == isMapping:
		dst = append(dst, '{')
		for i, inner := range m.value.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(event.AppendString(dst, inner.name), ':')
			dst = w.schema(dst, inner.value)
		}
		return append(dst, '}')
	}
	return m.value.appendJSON(dst)
}

func (w *bundling) ref(dst []byte, ref *value) []byte {
	target := w.library.targets[ref]
	if target == nil { // a part of JSON Schema itself, which the validator brings
		return append(dst, `"type":["object","boolean"],"$comment":"a schema of JSON Schema 2020-12"`...)
	}
	if target == w.root {
		w.rooted = true
		return append(dst, `"$ref":"#"`...)
	}
	if !slices.Contains(w.leads, target) {
		w.leads = append(w.leads, target)
	}
	dst = append(dst, `"$ref":`...)
	return event.AppendString(dst, "#/$defs/"+w.name(target, ref.text))
}

// nameless are the characters that would need an escape in a pointer or a component's name.
var nameless = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// name is the last word of the reference by which the schema is met first: of its pointer, its anchor or its file.
func (b *bundler) name(target *value, ref string) string {
	if name := b.names[target]; name != "" {
		return name
	}
	name := b.types[target]
	if u, err := url.Parse(ref); err == nil && name == "" {
		file := path.Base(u.Path)
		name = strings.TrimSuffix(file, path.Ext(file))
		if u.Fragment != "" {
			name = unescape.Replace(u.Fragment[strings.LastIndexByte(u.Fragment, '/')+1:])
		}
	}
	name = strings.Trim(nameless.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		name = "schema"
	}
	free := name
	for n := 2; b.taken[strings.ToLower(free)]; n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	b.names[target], b.taken[strings.ToLower(free)] = free, true
	return free
}
