package document

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// An Imported is a contract made of another kind of document.
type Imported struct {
	YAML     []byte             // the contract, as a file has it
	Contract *contract.Contract // the same; its file is the document's
	Skipped  []contract.Error   // what of the document is not in it, or only roughly so, each at its place
}

// IsImportable tells whether a file's text is a document that Import reads, and no contract.
func IsImportable(file string, text []byte) bool {
	root, err := contract.ReadTree(file, text)
	return err == nil && (root.Get("openapi").Exists() || root.Get("asyncapi").Exists() || root.Get("swagger").Exists())
}

// Import makes a contract of an OpenAPI 3.0, 3.1 or 3.2 document, whose operations that answer text/event-stream become
// streams, or of an AsyncAPI document of version 3 or 2, whose channels do. $ref to files beside it is followed; nothing
// is fetched. The error is a contract.Errors where the file is no such document, or has no streams.
func Import(file string, text []byte) (*Imported, error) {
	root, err := contract.ReadTree(file, text)
	if err != nil {
		return nil, err
	}
	im := &importer{file: file, root: root, names: names{"leat": true}}
	version := root.Get("openapi").Scalar() + root.Get("asyncapi").Scalar()
	switch {
	case root.Get("openapi").Exists() && strings.HasPrefix(version, "3."):
		im.old = strings.HasPrefix(version, "3.0")
		im.openAPI()
	case root.Get("asyncapi").Exists() && (strings.HasPrefix(version, "3.") || strings.HasPrefix(version, "2.")):
		im.asyncAPI(version[0] == '2')
	case root.Get("swagger").Exists():
		return nil, contract.Errors{root.Get("swagger").Error("Swagger 2.0 is not read: convert the document to OpenAPI 3 first")}
	case version != "":
		return nil, contract.Errors{root.Error("version %.20q is not read: OpenAPI 3.0, 3.1 and 3.2, and AsyncAPI 2 and 3 are", version)}
	default:
		return nil, contract.Errors{root.Error("this is no OpenAPI and no AsyncAPI document: it has neither openapi nor asyncapi at its top")}
	}
	if len(im.streams) == 0 {
		return nil, append(contract.Errors{root.Error("the document has no streams: %s", im.nothing)}, inOrder(im.skipped)...)
	}
	return im.contract()
}

// An importer reads one document.
type importer struct {
	file    string
	root    contract.Tree
	old     bool   // of OpenAPI 3.0's dialect of JSON Schema
	nothing string // what there would be, if there were streams
	files   Files
	names   names // of streams
	streams []*importedStream
	skipped []contract.Error
}

// An importedStream becomes a stream of the contract.
type importedStream struct {
	at               contract.Tree
	name             string
	fields           Object // all but events and commands
	events, commands []*importedType
}

// An importedType becomes a type of event or command.
type importedType struct {
	at                   contract.Tree
	name                 string
	summary, description string
	deprecated           bool
	schema               any
	examples             []any
}

// skip notes what is not carried over, and why.
func (im *importer) skip(at contract.Tree, format string, args ...any) {
	im.skipped = append(im.skipped, at.Error(format, args...))
}

// leftOver notes each member of a part that nothing reads; known are those that are read, or spoken of elsewhere.
func (im *importer) leftOver(part Part, of, known string) {
	read := words(known)
	for at := range part.Members() {
		if name := at.Name(); !read[name] && !strings.HasPrefix(name, "x-") && name != "$ref" {
			im.skip(at, "%s of %s is not carried over", name, of)
		}
	}
}

// contract puts the whole together, and makes sure that it is valid.
func (im *importer) contract() (*Imported, error) {
	var streams Object
	for _, s := range im.streams {
		o := s.fields
		if len(s.commands) > 0 && !o.Has("backend") {
			address := backendAddress(s.name)
			o.Set("backend", object("url", address))
			im.skip(s.at, "commands need a backend, whose address no such document tells: it is %s", address)
		}
		o.Set("events", im.declare(s, s.events))
		if len(s.commands) > 0 {
			o.Set("commands", im.declare(s, s.commands))
		}
		streams.Set(s.name, o)
	}
	made := object("leat", 1, "info", literal(im.info()), "streams", streams)
	text, err := YAML(made)
	if err != nil {
		return nil, err
	}
	c, err := im.parse(made)
	if err != nil {
		if wrong, ok := errors.AsType[contract.Errors](err); ok { // places in the text would mislead: the file has another
			return nil, contract.Errors{im.root.Error("no valid contract comes of this document: %s", wrong[0].Text)}
		}
		return nil, err
	}
	return &Imported{YAML: text, Contract: c, Skipped: inOrder(im.skipped)}, nil
}

// parse makes a contract of what was made for one. A file named .json is read as JSON.
func (im *importer) parse(made Object) (*contract.Contract, error) {
	encode := YAML
	if filepath.Ext(im.file) == ".json" {
		encode = JSON
	}
	text, err := encode(made)
	if err != nil {
		return nil, err
	}
	return contract.Parse(im.file, text)
}

// backendAddress leaves it to the environment: it is in no document.
func backendAddress(stream string) string {
	variable := strings.ToUpper(strings.ReplaceAll(stream, "-", "_")) + "_BACKEND"
	return "${" + variable + ":-http://127.0.0.1:8090/" + stream + "}"
}

// inOrder sorts by place, and tells each thing once: many types can lead to one schema.
func inOrder(all []contract.Error) []contract.Error {
	slices.SortStableFunc(all, func(a, b contract.Error) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(all)
}

// declare writes the types of a stream as a contract does.
func (im *importer) declare(s *importedStream, types []*importedType) Object {
	var all Object
	for _, t := range types {
		im.fit(s, t)
		var o Object
		for _, m := range []Member[string]{{"summary", t.summary}, {"description", t.description}} {
			if m.Value != "" {
				o.Set(m.Name, m.Value)
			}
		}
		if t.deprecated {
			o.Set("deprecated", true)
		}
		o.Set("schema", t.schema)
		if len(t.examples) > 0 {
			o.Set("examples", t.examples)
		}
		all.Set(t.name, literal(o))
	}
	return all
}

// literal writes ${ so that a contract does not take it for a variable of the environment.
func literal(value any) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, "${", "$${")
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = literal(item)
		}
		return out
	case Object:
		out := make(Object, len(value))
		for i, m := range value {
			out[i] = Member[any]{m.Name, literal(m.Value)}
		}
		return out
	}
	return value
}

// fit leaves out what a contract would refuse: the examples that are not what the schema says, and then the schema.
func (im *importer) fit(s *importedStream, t *importedType) {
	reason := im.refusal(s, t)
	if reason == "" {
		return
	}
	if len(t.examples) > 0 {
		kept := t.examples
		t.examples = nil
		if im.refusal(s, t) == "" {
			for _, example := range kept {
				t.examples = append(t.examples, example)
				if why := im.refusal(s, t); why != "" {
					t.examples = t.examples[:len(t.examples)-1]
					im.skip(t.at, "an example of %s is left out: %s", t.name, why)
				}
			}
			return
		}
		reason = im.refusal(s, t)
	}
	im.skip(t.at, "the schema of %s is left out, so that it takes anything: %s", t.name, reason)
	t.schema = object("$comment", "The document's own schema could not be carried over")
}

// refusal says what a contract would find wrong with a type alone, "" where nothing is.
func (im *importer) refusal(s *importedStream, t *importedType) string {
	o := object("schema", t.schema)
	if len(t.examples) > 0 {
		o.Set("examples", t.examples)
	}
	stream := object("events", object(t.name, literal(o)))
	if key, has := s.fields.Get("key"); has && key != "path" && !slices.Contains(s.commands, t) {
		stream.Set("key", key)
	}
	_, err := im.parse(object("leat", 1, "info", object("title", "A title", "version", "1.0.0"), "streams", object("s", stream)))
	if wrong, ok := errors.AsType[contract.Errors](err); ok {
		return strings.TrimPrefix(wrong[0].Text, `stream "s": event "`+t.name+`": `)
	}
	return ""
}

// in is a part of the imported document itself.
func (im *importer) in(at contract.Tree) Part { return im.files.Resolve(NewPart(at, im.root, im.file)) }
