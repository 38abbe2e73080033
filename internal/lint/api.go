package lint

import (
	"slices"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

// An api is what the rules look at, whatever kind of document declares it.
type api struct {
	file    string
	root    contract.Tree
	parsed  *contract.Contract // nil of OpenAPI and AsyncAPI
	info    contract.Tree
	streams []*stream
	files   document.Files // that $ref leads to
}

// A stream is what clients subscribe to.
type stream struct {
	at               contract.Tree
	name             string
	texts            []contract.Tree // summary and description
	keyed            bool
	socketOnly       contract.Tree // where it says so, if it can be subscribed over WebSocket and not over SSE
	events, commands []*message
}

// A message is a type of event or command.
type message struct {
	at       contract.Tree
	name     string
	summary  bool
	examples bool
	texts    []contract.Tree
	schema   schema
}

// A schema is where a JSON Schema stands.
type schema struct{ document.Part }

// in is a schema within another one's document.
func (s schema) in(at contract.Tree) schema { return schema{s.Of(at)} }

// resolve follows $ref to where it leads; as far as it can, since a wrong one is told elsewhere.
func (a *api) resolve(s schema) schema { return schema{a.files.Resolve(s.Part)} }

// read makes out what kind of document a file is.
func read(file string, text []byte) (*api, error) {
	root, err := contract.ReadTree(file, text)
	if err != nil {
		return nil, err
	}
	a := &api{file: file, root: root, info: root.Get("info")}
	switch {
	case root.Get("openapi").Exists():
		a.openAPI()
	case root.Get("asyncapi").Exists():
		a.asyncAPI()
	default:
		if err := a.fromContract(text); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// fromContract reads a contract, which must be valid: what is wrong with it is said by leat contract check's means.
func (a *api) fromContract(text []byte) error {
	parsed, err := contract.Parse(a.file, text)
	if err != nil {
		return err
	}
	a.parsed = parsed
	for at := range a.root.Get("streams").Members() {
		s := &stream{at: at, name: at.Name(), texts: texts(at), keyed: at.Get("key").Exists()}
		offered := at.Get("transports")
		var named []string
		for item := range offered.Items() {
			named = append(named, item.String())
		}
		if slices.Contains(named, string(contract.WebSocket)) && !slices.Contains(named, string(contract.SSE)) {
			s.socketOnly = offered
		}
		s.events, s.commands = a.types(at.Get("events")), a.types(at.Get("commands"))
		a.streams = append(a.streams, s)
	}
	return nil
}

// contractStreams gives a contract's streams with their defaults; none of other documents.
func (a *api) contractStreams() []*contract.Stream {
	if a.parsed == nil {
		return nil
	}
	return a.parsed.Streams
}

func (a *api) types(types contract.Tree) []*message {
	var all []*message
	for at := range types.Members() {
		in := at.Get("schema")
		all = append(all, &message{
			at: at, name: at.Name(), summary: at.Get("summary").String() != "" || at.Get("description").String() != "",
			examples: at.Get("examples").Exists(), texts: texts(at),
			schema: a.resolve(schema{document.NewPart(in, in, a.file)}), // # is the schema itself
		})
	}
	return all
}

func texts(at contract.Tree) []contract.Tree {
	var all []contract.Tree
	for _, name := range []string{"summary", "title", "description"} {
		if text := at.Get(name); text.String() != "" {
			all = append(all, text)
		}
	}
	return all
}

// messages gives the events and commands of all streams.
func (a *api) messages() []*message {
	var all []*message
	for _, s := range a.streams {
		all = append(append(all, s.events...), s.commands...)
	}
	return all
}
