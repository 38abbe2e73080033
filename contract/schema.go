package contract

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Schema is a compiled JSON Schema 2020-12, with format asserted.
type Schema struct {
	JSON []byte // as it stands in the contract; files that it refers to by $ref are not in it
	Root *Node  // the same, with where each $ref leads
	// Bundle is the same on its own: with all that it refers to.
	Bundle Bundle

	compiled *jsonschema.Schema
	parts    map[string]*jsonschema.Schema // all that the schemas of the contract consist of, by location
	plan     *plan
	planned  bool // else the validator alone can tell what is valid
	library  *library
}

// A Violation is one place where data is not what its schema says.
type Violation struct {
	Pointer string // JSON Pointer into the data, "" for the whole
	Detail  string // such as: is required
}

// maxViolations bounds what is told of one value: a list of a thousand wrong items is one mistake.
const maxViolations = 100

// Validate checks data decoded by DecodeJSON; nil where it is valid. It may be called from many goroutines.
func (s *Schema) Validate(data any) []Violation {
	err := s.compiled.Validate(data)
	if err == nil {
		return nil
	}
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return []Violation{{"", err.Error()}}
	}
	found := violations(s.parts, data, failed)
	return found[:min(len(found), maxViolations)]
}

// checkSchemas compiles every schema once all files are read, and checks what depends on them: examples, keys, flat
// framing.
func (r *reading) checkSchemas() {
	r.library.check()
	c := r.compiler()
	r.checkDialect(c)
	r.nodes = &nodes{library: r.library, made: map[string]*Node{}}
	r.bundler = newBundler(r.library, r.declared)
	for _, d := range r.declared {
		s := r.compile(c, d)
		if s == nil {
			continue
		}
		d.typ.Schema = s
		d.typ.Flat = isFlat(s.compiled)
		for n, example := range d.examples {
			r.checkExample(d, s, n, example)
		}
		if at, ok := r.keys[d.stream]; ok && d.event && d.stream.Key.Pointer != "" {
			if reason := r.library.keyAt(s.compiled, d.stream.Key.Pointer); reason != "" {
				r.errorf(at, "%s: key %s %s", d.of, d.stream.Key.Pointer, reason)
			}
		}
	}
}

func (r *reading) checkExample(d declaration, s *Schema, n int, example *value) {
	for _, v := range s.Validate(example.data()) {
		at, _ := example.find(v.Pointer)
		if at.broken {
			continue
		}
		where := v.Pointer
		if where == "" {
			where = "the data"
		}
		r.errorf(at.at, "%s: example %d is not what the schema says: %s %s", d.of, n+1, where, v.Detail)
	}
}

func (r *reading) compiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.RegisterFormat(uriTemplate)
	c.UseLoader(noLoader{})
	for at, root := range r.library.documents {
		_ = c.AddResource(at, root.data()) // fails only for a URL that is there already
	}
	for id, at := range r.library.aliases {
		_ = c.AddResource(id, r.library.documents[at].data()) // likewise; the first stays
	}
	return c
}

// A noLoader loads nothing: what is not in the library was reported by it.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errNotLoaded }

var errNotLoaded = errors.New("leat loads nothing from the network")

// checkDialect checks each schema against the meta-schema of JSON Schema, which finds all mistakes in it at once.
func (r *reading) checkDialect(c *jsonschema.Compiler) {
	meta, err := c.Compile(draft + "schema")
	if err != nil {
		panic(err) // it is part of the validator
	}
	parts := map[string]*jsonschema.Schema{}
	collect(meta, parts, nil)
	for schema, document := range r.library.schemas {
		data := schema.data()
		var failed *jsonschema.ValidationError
		if !errors.As(meta.Validate(data), &failed) {
			continue
		}
		for _, v := range violations(parts, data, failed) {
			at, _ := schema.find(v.Pointer)
			where := v.Pointer
			if where == "" {
				where = "the schema"
			}
			r.library.wrong(document, at.at, "not a valid JSON Schema: %s %s", where, v.Detail)
		}
	}
}

// compile gives nil where the schema has a mistake, which is reported unless it was before.
func (r *reading) compile(c *jsonschema.Compiler, d declaration) *Schema {
	compiled, err := c.Compile(d.url)
	if err != nil {
		r.reportCompile(d, err)
		return nil
	}
	s := &Schema{JSON: d.schema.appendJSON(nil), compiled: compiled, parts: r.graph.parts, library: r.library}
	if location := r.graph.add(compiled); location != "" {
		r.graph = newGraph()
		r.errorf(r.library.place(location), "the schema refers to itself without end")
		return nil
	}
	s.plan, s.planned = planFor(compiled)
	s.Root = r.nodes.node(compiled)
	s.Bundle = r.bundler.bundle(d)
	return s
}

// reportCompile tells the validator's own error where nothing else explains it.
func (r *reading) reportCompile(d declaration, err error) {
	if r.library.explained(d.url) {
		return
	}
	text := strings.ReplaceAll(err.Error(), fileURL(filepath.Dir(r.library.path)).String()+"/", "")
	r.errorf(d.schema.at, "%s: the schema is not valid: %s", d.of, text)
}
