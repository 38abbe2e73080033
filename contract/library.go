package contract

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/problem"
)

// A library holds the schemas that a contract declares in place, and the files that they refer to. It finds every
// $ref that leads nowhere: the validator stops at the first, and does not tell where it stands.
type library struct {
	r         *reading
	path      string            // of the contract, absolute
	documents map[string]*value // by URL: files, and schemas in place
	schemas   map[*value]string // what must be a schema as a whole, and the URL of its document
	ids       map[string]*value // by URL: the documents, and what has an $id
	anchors   map[string]*value // by the URL in bases, with fragment
	bases     map[*value]string // of what has an $id, or is a document: what is within it is relative to this URL
	visited   map[*value]bool
	refs      []reference
	aliases   map[string]string   // the $id of a document to its URL
	leads     map[string][]string // from a document to those that it refers to, by URL
	broken    map[string]bool     // documents in which a mistake was found, by URL
	targets   map[*value]*value   // from the text of a $ref or $dynamicRef to the schema that it leads to
}

// A reference is one $ref or $dynamicRef.
type reference struct {
	keyword, text string
	value         *value // that has the text
	at            place
	base, from    string // URLs: what it is relative to, and of the document it is in
}

// draft is the only dialect of JSON Schema that is taken.
const draft = "https://json-schema.org/draft/2020-12/"

func newLibrary(r *reading, path string) *library {
	return &library{r: r, path: path, documents: map[string]*value{}, schemas: map[*value]string{}, ids: map[string]*value{},
		anchors: map[string]*value{}, bases: map[*value]string{}, visited: map[*value]bool{}, aliases: map[string]string{},
		leads: map[string][]string{}, broken: map[string]bool{}, targets: map[*value]*value{}}
}

// wrong reports what is wrong within a document.
func (l *library) wrong(document string, at place, format string, args ...any) {
	l.broken[document] = true
	l.r.errorf(at, format, args...)
}

// explained tells whether a mistake was found in a document, or in one that it leads to.
func (l *library) explained(document string) bool {
	seen, todo := map[string]bool{}, []string{document}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if l.broken[next] {
			return true
		}
		if !seen[next] {
			seen[next] = true
			todo = append(todo, l.leads[next]...)
		}
	}
	return false
}

// addInline adds a schema that stands in the contract. Its URL has the contract's path, so that files are found beside
// it, and a query of its own, so that # means the schema and not the contract.
func (l *library) addInline(schema *value) string {
	u := fileURL(l.path)
	u.RawQuery = "schema=" + strconv.Itoa(len(l.documents))
	l.add(u.String(), schema)
	return u.String()
}

func fileURL(path string) *url.URL {
	return &url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
}

func (l *library) add(at string, root *value) {
	l.documents[at], l.ids[at], l.bases[root] = root, root, at
	l.schemas[root] = at
	l.visit(root, at, at)
}

// check follows every reference, also those in the files that it finds on the way.
func (l *library) check() {
	for i := 0; i < len(l.refs); i++ { //nolint:intrange // resolving finds more of them
		l.open(l.refs[i])
	}
	// Only now is every $id known; a place that no keyword makes a schema is one by being referred to.
	for i := 0; i < len(l.refs); i++ { //nolint:intrange // resolving finds more of them
		l.open(l.refs[i])
		if reason := l.follow(l.refs[i]); reason != "" {
			ref := l.refs[i]
			l.wrong(ref.from, ref.at, "%s %q: %s", ref.keyword, shorten(ref.text), reason)
		}
	}
}

// The keywords that hold a schema, a list of schemas, and schemas by name.
var (
	holdsOne = words("additionalProperties contains contentSchema else if items not propertyNames then " +
		"unevaluatedItems unevaluatedProperties")
	holdsList  = words("allOf anyOf oneOf prefixItems")
	holdsNamed = words("$defs definitions dependentSchemas patternProperties properties")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// visit notes the references, ids and anchors of a schema and of those in it.
func (l *library) visit(schema *value, base, from string) {
	if l.visited[schema] || schema.kind != isMapping {
		return
	}
	l.visited[schema] = true
	if id := schema.get("$id"); id != nil && id.kind == isString {
		base = l.identify(schema, id, base, from)
	}
	for _, m := range schema.members {
		switch {
		case holdsOne[m.name]:
			l.visit(m.value, base, from)
		case holdsList[m.name]:
			for _, item := range m.value.items {
				l.visit(item, base, from)
			}
		case holdsNamed[m.name]:
			for _, inner := range m.value.members {
				l.visit(inner.value, base, from)
			}
		case m.value.kind != isString:
		case m.name == "$ref", m.name == "$dynamicRef":
			l.refs = append(l.refs, reference{m.name, m.value.text, m.value, m.value.at, base, from})
		case m.name == "$anchor", m.name == "$dynamicAnchor":
			l.anchor(schema, m, base, from)
		case m.name == "format" && !slices.Contains(formats, m.value.text):
			l.wrong(from, m.value.at, "format %q is not known%s", shorten(m.value.text), knownFormats(m.value.text))
		case m.name == "$schema" && strings.TrimSuffix(m.value.text, "#") != draft+"schema":
			l.wrong(from, m.value.at, "$schema must be %sschema, the dialect that leat reads, not %q",
				draft, shorten(m.value.text))
		}
	}
}

// formats are those that the validator asserts; it passes over others, though who asserts formats must fail on those that
// it does not know (JSON Schema 2020-12, Validation, section 7.2.3).
var formats = strings.Fields("date date-time duration email hostname ipv4 ipv6 iri iri-reference json-pointer period " +
	"regex relative-json-pointer semver time uri uri-reference uri-template uuid")

func knownFormats(name string) string {
	if near := problem.DidYouMean(name, formats); near != "" {
		return near
	}
	return "; known are " + strings.Join(formats, ", ")
}

func (l *library) anchor(schema *value, m member, base, from string) {
	url := base + "#" + m.value.text
	if other := l.anchors[url]; other != nil && other != schema {
		l.wrong(from, m.value.at, "%s %q is that of another schema already, at %s", m.name, shorten(m.value.text), other.at)
		return
	}
	l.anchors[url] = schema
}

func (l *library) identify(schema, id *value, base, from string) string {
	target, _, err := resolve(base, id.text)
	if err != nil || target == base { // the first is told by the dialect
		return base
	}
	if other := l.ids[target]; other != nil && other != schema {
		l.wrong(from, id.at, "$id %q is that of another schema already, at %s", shorten(id.text), other.at)
		return base
	}
	l.ids[target], l.bases[schema] = schema, target
	if l.documents[from] == schema {
		l.aliases[target] = from
	}
	return target
}

// resolve gives the URL of a reference without its fragment, and the fragment.
func resolve(base, ref string) (target, fragment string, err error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", "", err
	}
	u, err := url.Parse(ref)
	if err != nil {
		return "", "", err
	}
	joined := b.ResolveReference(u)
	if b.Opaque != "" && !u.IsAbs() { // as urn:uuid:…, of which ResolveReference keeps nothing
		joined.Opaque = b.Opaque
	}
	fragment = joined.Fragment
	joined.Fragment, joined.RawFragment = "", ""
	return joined.String(), fragment, nil
}

// open reads the file that a reference names, if it names one that was not read before.
func (l *library) open(ref reference) {
	target, _, err := resolve(ref.base, ref.text)
	if err != nil {
		return
	}
	u, err := url.Parse(target)
	if _, known := l.ids[target]; known || err != nil || u.Scheme != "file" || u.RawQuery != "" {
		return
	}
	l.ids[target] = nil // read once, whatever comes of it
	path := filepath.FromSlash(u.Path)
	text, err := os.ReadFile(path)
	if err != nil {
		l.wrong(ref.from, ref.at, "%s %q: file %s cannot be read: %v", ref.keyword, shorten(ref.text), l.shown(path),
			withoutPath(err))
		return
	}
	root := l.r.parse(l.shown(path), text, false)
	if root == nil {
		l.broken[target] = true // what is wrong was reported
		return
	}
	l.add(target, root)
}

// shown is a file's path as it is relative to what the contract was given as.
func (l *library) shown(path string) string {
	relative, err := filepath.Rel(filepath.Dir(l.path), path)
	if err != nil {
		return path
	}
	return filepath.Join(filepath.Dir(l.r.file), relative)
}

// follow says why a reference leads nowhere, and "" where it leads somewhere or its file was reported.
func (l *library) follow(ref reference) string {
	target, fragment, err := resolve(ref.base, ref.text)
	if err != nil {
		return "" // the dialect tells that
	}
	if strings.HasPrefix(target, draft) {
		return "" // the validator brings its own
	}
	root, known := l.ids[target]
	l.leads[ref.from] = append(l.leads[ref.from], l.document(target))
	if !known {
		return l.unknown(ref, target)
	}
	if root == nil {
		return ""
	}
	if fragment != "" && fragment[0] != '/' {
		found := l.anchors[l.bases[root]+"#"+fragment]
		l.targets[ref.value] = found
		if found == nil {
			return fmt.Sprintf("there is no $anchor %q in %s", shorten(fragment), root.at.file)
		}
		return ""
	}
	found, whole := root.find(fragment)
	l.targets[ref.value] = found
	if !whole {
		return fmt.Sprintf("there is nothing at %s in %s", shorten(fragment), l.name(root))
	}
	if !l.visited[found] {
		l.schemas[found] = l.document(target)
	}
	l.visit(found, l.bases[root], l.document(target))
	return ""
}

// document gives the URL of the document with that URL or $id.
func (l *library) document(target string) string {
	if at, ok := l.aliases[target]; ok {
		return at
	}
	return target
}

func (l *library) unknown(ref reference, target string) string {
	u, err := url.Parse(target)
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https"):
		why := ""
		if own, err := url.Parse(ref.text); err == nil && !own.IsAbs() {
			why = fmt.Sprintf("this is %s, because of the $id around it; ", target)
		}
		return why + "leat loads nothing from the network: save the schema beside the contract and refer to the file"
	case err == nil && u.Scheme == "file":
		return "a file's name has no query"
	}
	return "no schema here has this $id"
}

// name tells a file, or a schema in place, apart.
func (l *library) name(root *value) string {
	if root.at.file == l.r.file {
		return "the schema at " + root.at.String()
	}
	return root.at.file
}

// value finds what is at the validator's location: a URL with a JSON Pointer, percent-encoded.
func (l *library) value(location string) (*value, bool) {
	target, fragment, _ := strings.Cut(location, "#")
	pointer, err := url.PathUnescape(fragment)
	root := l.ids[target]
	if err != nil || root == nil {
		return nil, false
	}
	found, _ := root.find(pointer)
	return found, true
}

// place is where the validator's location is written.
func (l *library) place(location string) place {
	if found, ok := l.value(location); ok {
		return found.at
	}
	return place{file: l.r.file}
}
