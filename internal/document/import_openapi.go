package document

import (
	"reflect"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

var methods = words("get put post delete options head patch trace query")

// openAPI makes a stream of each operation that answers with Server-Sent Events.
func (im *importer) openAPI() {
	im.nothing = "no operation answers 2xx with text/event-stream"
	for path := range im.root.Get("paths").Members() {
		item := im.in(path)
		if own := item.Get(extensionName, "stream"); own.Exists() {
			im.own(path, item)
			continue
		}
		for at := range item.Members() {
			if methods[at.Name()] && !im.isOwnPath(path.Name()) {
				im.operation(path, item, item.Of(at))
			}
		}
	}
	for at := range im.root.Get("webhooks").Members() {
		im.skip(at, "webhook %s is no stream", at.Name())
	}
	if im.isOwn("paths") {
		return
	}
	im.leftOver(im.in(im.root), "the document", "openapi info paths components servers security tags webhooks jsonSchemaDialect")
	im.leftOver(im.in(im.root.Get("info")), "info", "title version description contact license summary")
	if security := im.root.Get("components", "securitySchemes"); security.Exists() {
		im.skip(security, "security is not carried over: who may do what is a stream's access, and how callers are known is the server's setting")
	}
	if servers := im.root.Get("servers"); servers.Exists() {
		im.skip(servers, "servers are not carried over: where leat listens is its own setting")
	}
}

// isOwn tells whether leat wrote the document.
func (im *importer) isOwn(in string) bool {
	for path := range im.root.Get(in).Members() {
		if path.Get(extensionName, "stream").Exists() {
			return true
		}
	}
	return false
}

// isOwnPath tells the other paths of a stream that leat wrote, and those of the server itself.
func (im *importer) isOwnPath(path string) bool {
	return im.isOwn("paths") && (strings.HasPrefix(path, "/events/") || strings.HasPrefix(path, "/commands/") || path == "/healthz" || path == "/readyz")
}

// operation makes a stream of an operation, or says why it is none.
func (im *importer) operation(path contract.Tree, item, op Part) {
	what := strings.ToUpper(op.Name()) + " " + path.Name()
	media := im.eventStream(op)
	if !media.Exists() {
		im.skip(op.Tree, "%s is left out: it does not answer with text/event-stream", what)
		return
	}
	parameters := im.parameters(item, op)
	types := im.eventTypes(media, parameters)
	if len(types) == 0 {
		im.skip(op.Tree, "%s is left out: it tells nothing of its events", what)
		return
	}
	name, inPath := streamNameOf(path.Name(), op.Get("operationId").String())
	s := &importedStream{at: path, events: types}
	if im.joins(name, s, inPath) {
		return
	}
	s.name = im.names.take(name)
	if s.name != name {
		im.skip(path, "%s becomes stream %s: there is a %s already", what, s.name, name)
	}
	im.describe(s, op, item)
	im.key(s, op, inPath)
	im.notCarried(op, what, parameters)
	im.leftOver(op, what, "summary description operationId parameters responses requestBody callbacks security tags")
	im.leftOver(item, path.Name(), "summary description parameters get put post delete options head patch trace query")
	im.streams = append(im.streams, s)
}

// eventStream is what an operation answers with, the zero Part where that is no stream.
func (im *importer) eventStream(op Part) Part {
	for answer := range op.Get("responses").Members() {
		if !strings.HasPrefix(answer.Name(), "2") && answer.Name() != "default" {
			continue
		}
		response := im.files.Resolve(op.Of(answer))
		for media := range response.Get("content").Members() {
			if kind, _, _ := strings.Cut(media.Name(), ";"); strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				im.besides(op, response, media.Name())
				return response.Of(media)
			}
		}
	}
	return Part{}
}

// besides notes what an answer has beside the stream.
func (im *importer) besides(op, response Part, stream string) {
	what := "the answer of " + strings.ToUpper(op.Name()) + " " + op.Get("operationId").String()
	im.leftOver(response, strings.TrimSpace(what), "description content")
	for media := range response.Get("content").Members() {
		if media.Name() != stream {
			im.skip(media, "%s of %s is not carried over", media.Name(), strings.TrimSpace(what))
		}
	}
}

// parameters are those of an operation, and those that its path gives to all.
func (im *importer) parameters(item, op Part) []Part {
	var all []Part
	for _, from := range []Part{op, item} {
		for at := range from.Get("parameters").Items() {
			all = append(all, im.files.Resolve(from.Of(at)))
		}
	}
	return all
}

// joins adds nothing where a stream of the same name has the same events: an address with a key beside one without.
func (im *importer) joins(name string, s *importedStream, inPath []string) bool {
	at := slices.IndexFunc(im.streams, func(other *importedStream) bool { return other.name == name })
	if at < 0 {
		return false
	}
	other := im.streams[at]
	if len(other.events) != len(s.events) {
		return false
	}
	for i, t := range s.events {
		if t.name != other.events[i].name || !reflect.DeepEqual(t.schema, other.events[i].schema) {
			return false
		}
	}
	if len(inPath) > 0 && !other.fields.Has("key") {
		im.keyFrom(other, inPath[len(inPath)-1])
	}
	return true
}

// nameless are segments of paths that name no stream, where others do.
var nameless = words("api events event stream streams sse rest public")

// streamNameOf makes a stream's name of a path, and lists the path's parameters.
func streamNameOf(path, operationID string) (name string, inPath []string) {
	var named, all []string
	path, _, _ = strings.Cut(path, "?")
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
			inPath = append(inPath, strings.Trim(segment, "{}"))
			continue
		}
		word := nameWord(segment)
		if word == "" {
			continue
		}
		all = append(all, word)
		if !nameless[word] && !isVersion(word) {
			named = append(named, word)
		}
	}
	for _, candidate := range []string{strings.Join(named, "-"), nameWord(operationID), strings.Join(all, "-"), "stream"} {
		candidate = strings.TrimLeft(candidate, "0123456789-")
		if len(candidate) > 60 {
			candidate = strings.TrimRight(candidate[:60], "-")
		}
		if candidate != "" && candidate != "leat" {
			return candidate, inPath
		}
	}
	return "stream", inPath
}

func isVersion(word string) bool {
	return len(word) > 1 && word[0] == 'v' && strings.Trim(word[1:], "0123456789-") == ""
}

// nameWord makes small letters, digits and hyphens of a text.
func nameWord(text string) string {
	var b strings.Builder
	lower := false
	for _, c := range text {
		switch {
		case c >= 'A' && c <= 'Z':
			if lower {
				b.WriteByte('-')
			}
			b.WriteRune(c - 'A' + 'a')
			lower = false
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
			lower = true
			continue
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		lower = false
	}
	return strings.Trim(b.String(), "-")
}

// describe carries an operation's texts.
func (im *importer) describe(s *importedStream, op Part, others ...Part) {
	for _, from := range append(others, op) { // the last one wins
		for _, name := range []string{"summary", "description"} {
			if text := strings.TrimSpace(from.Get(name).String()); text != "" {
				s.fields.Set(name, text)
			}
		}
	}
}

// key makes the last parameter of a path the key: what the data has under its name, or the path's own.
func (im *importer) key(s *importedStream, op Part, inPath []string) {
	if len(inPath) == 0 {
		return
	}
	im.keyFrom(s, inPath[len(inPath)-1])
	for _, other := range inPath[:len(inPath)-1] {
		im.skip(op.Tree, "parameter %s of the path is not carried over: a stream has one key, here %s", other, inPath[len(inPath)-1])
	}
}

func (im *importer) keyFrom(s *importedStream, parameter string) {
	key := any("path")
	pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(parameter)
	trial := *s
	trial.fields = object("key", pointer)
	if !slices.ContainsFunc(s.events, func(t *importedType) bool { return im.refusal(&trial, t) != "" }) {
		key = pointer
	}
	s.fields.Set("key", key)
}

// notCarried names what of an operation a stream has not.
func (im *importer) notCarried(op Part, what string, parameters []Part) {
	if op.Name() != "get" {
		im.skip(op.Tree, "%s becomes a stream to GET: a subscription has no request body", what)
	}
	for _, p := range parameters {
		switch name, in := p.Get("name").String(), p.Get("in").String(); {
		case in == "path", in == "query" && name == "eventTypes", in == "header" && strings.EqualFold(name, "Last-Event-ID"):
		default:
			im.skip(p.Tree, "parameter %s (%s) of %s is not carried over", name, in, what)
		}
	}
	if callbacks := op.Get("callbacks"); callbacks.Exists() {
		im.skip(callbacks, "callbacks of %s are not carried over", what)
	}
}

// own makes a stream of what leat itself wrote.
func (im *importer) own(path contract.Tree, item Part) {
	from := item.Of(item.Get(extensionName))
	s := &importedStream{at: path, name: im.names.take(from.Get("stream").String())}
	im.ownStream(s, from)
	im.streams = append(im.streams, s)
}

// ownStream reads the extension, whose members are those of a contract's stream.
func (im *importer) ownStream(s *importedStream, from Part) {
	for at := range from.Members() {
		switch at.Name() {
		case "stream":
		case "events":
			s.events = im.ownTypes(from.Of(at))
		case "commands":
			s.commands = im.ownTypes(from.Of(at))
		case "backend":
			address := backendAddress(s.name)
			backend, _ := mustParse(at.JSON()).(Object)
			s.fields.Set("backend", append(object("url", address), backend...))
			im.skip(at, "the backend's address is in no document: it is %s", address)
		default:
			s.fields.Set(at.Name(), mustParse(at.JSON()))
		}
	}
}

func (im *importer) ownTypes(from Part) []*importedType {
	var all []*importedType
	for at := range from.Members() {
		t := &importedType{at: at, name: at.Name(), summary: at.Get("summary").String(), description: at.Get("description").String(),
			deprecated: at.Get("deprecated").IsTrue()}
		target := NewPart(im.root.Find(strings.TrimPrefix(at.Get("schema").String(), "#")), im.root, im.file)
		t.schema = im.schema(target)
		for example := range at.Get("examples").Items() {
			t.examples = append(t.examples, mustParse(example.JSON()))
		}
		all = append(all, t)
	}
	return all
}
