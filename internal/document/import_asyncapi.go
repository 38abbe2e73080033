package document

import (
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// asyncAPI makes a stream of each channel. In version 3 operations tell what the API sends, which are events, and what
// it receives, which are commands; in version 2 clients subscribe to the former and publish the latter.
func (im *importer) asyncAPI(second bool) {
	im.nothing = "it has no channels with messages"
	own := im.isOwn("channels")
	for at := range im.root.Get("channels").Members() {
		channel := im.in(at)
		if extension := channel.Get(extensionName, "stream"); extension.Exists() {
			im.own(at, channel)
			continue
		}
		if !own { // a stream that leat wrote has other channels for its other addresses
			im.channel(at, channel, second)
		}
	}
	if own {
		return
	}
	im.leftOver(im.in(im.root), "the document", "asyncapi info channels operations components servers defaultContentType id")
	im.leftOver(im.in(im.root.Get("info")), "info", "title version description contact license")
	if servers := im.root.Get("servers"); servers.Exists() {
		im.skip(servers, "servers are not carried over: where leat listens is its own setting, and so are its protocols")
	}
	if security := im.root.Get("components", "securitySchemes"); security.Exists() {
		im.skip(security, "security is not carried over: who may do what is a stream's access, and how callers are known is the server's setting")
	}
}

func (im *importer) channel(at contract.Tree, channel Part, second bool) {
	address := at.Name()
	if text := channel.Get("address").String(); text != "" {
		address = text
	}
	name, inAddress := streamNameOf(strings.NewReplacer(".", "/", ":", "/").Replace(address), at.Name())
	s := &importedStream{at: at}
	im.describe(s, channel)
	if title := channel.Get("title").String(); title != "" && !s.fields.Has("summary") {
		s.fields.Set("summary", title)
	}
	if second {
		im.secondMessages(s, channel)
	} else {
		im.messages(s, channel)
	}
	if len(s.events) == 0 && len(s.commands) > 0 {
		im.skip(at, "channel %s only receives: what it receives becomes events, to be published and subscribed", at.Name())
		s.events, s.commands = s.commands, nil
	}
	if len(s.events) == 0 {
		im.skip(at, "channel %s is left out: it has no messages that can be read", at.Name())
		return
	}
	s.name = im.names.take(name)
	im.key(s, channel, inAddress)
	im.leftOver(channel, "channel "+at.Name(), "address title summary description messages bindings parameters subscribe publish servers")
	if bindings := channel.Get("bindings"); bindings.Exists() {
		im.skip(bindings, "bindings of channel %s are not carried over: every stream is on Server-Sent Events, WebSocket and gRPC", at.Name())
	}
	im.streams = append(im.streams, s)
}

// messages tells events from commands by the operations of the channel.
func (im *importer) messages(s *importedStream, channel Part) {
	var received, sent []contract.Tree // messages that operations name
	allReceived, allSent := false, false
	for at := range im.root.Get("operations").Members() {
		operation := im.in(at)
		if !im.in(operation.Get("channel")).Tree.Same(channel.Tree) {
			continue
		}
		im.leftOver(operation, "operation "+at.Name(), "action channel messages summary description title bindings")
		all, some := &allReceived, &received
		if operation.Get("action").String() != "receive" {
			all, some = &allSent, &sent
		}
		named := slices.Collect(operation.Get("messages").Items())
		*all = *all || len(named) == 0
		for _, one := range named {
			*some = append(*some, im.in(one).Tree)
		}
	}
	for at := range channel.Get("messages").Members() {
		t := im.message(channel.Of(at), at.Name())
		target := im.files.Resolve(channel.Of(at)).Tree
		isReceived := allReceived || slices.ContainsFunc(received, target.Same)
		isSent := allSent || slices.ContainsFunc(sent, target.Same)
		im.add(s, t, isReceived && !isSent)
	}
}

func (im *importer) secondMessages(s *importedStream, channel Part) {
	for _, direction := range []string{"subscribe", "publish"} {
		operation := channel.Get(direction)
		if text := operation.Get("summary").String(); text != "" && direction == "subscribe" {
			s.fields.Set("summary", text)
		}
		message := im.files.Resolve(channel.Of(operation.Get("message")))
		all := slices.Collect(message.Get("oneOf").Items())
		if len(all) == 0 && message.Exists() {
			all = []contract.Tree{operation.Get("message")}
		}
		for _, at := range all {
			im.add(s, im.message(message.Of(at), ""), direction == "publish")
		}
	}
}

// add adds a type, unless its name is taken: an event and a command never share one.
func (im *importer) add(s *importedStream, t *importedType, isCommand bool) {
	if t == nil {
		return
	}
	for _, other := range append(slices.Clone(s.events), s.commands...) {
		if strings.EqualFold(pascal(other.name), pascal(t.name)) {
			im.skip(t.at, "message %s is left out: the stream has a %s already", t.name, other.name)
			return
		}
	}
	if isCommand {
		s.commands = append(s.commands, t)
		return
	}
	s.events = append(s.events, t)
}

// message reads a message; nil where its data is in no JSON Schema.
func (im *importer) message(at Part, name string) *importedType {
	in := im.files.Resolve(at)
	for _, own := range []string{"messageId", "name"} {
		if text := in.Get(own).String(); text != "" {
			name = text
		}
	}
	if reference := at.Get("$ref").String(); name == "" {
		name = reference[strings.LastIndexByte(reference, '/')+1:]
	}
	if name == "" {
		name = "message"
	}
	payload := in.Of(in.Get("payload"))
	format := in.Get("schemaFormat").String() + payload.Get("schemaFormat").String()
	if payload.Get("schemaFormat").Exists() {
		payload = in.Of(payload.Get("schema"))
	}
	t := &importedType{at: in.Tree, name: im.typeName(at, name), deprecated: in.Get("deprecated").IsTrue()}
	if t.name == "" {
		return nil
	}
	t.summary, t.description = in.Get("summary").String(), in.Get("description").String()
	if title := in.Get("title").String(); t.summary == "" {
		t.summary = title
	}
	for _, known := range []string{"avro", "protobuf", "raml"} {
		if strings.Contains(format, known) {
			im.skip(payload.Tree, "the schema of %s is left out, so that it takes anything: it is of %s, not JSON Schema", name, known)
			payload = Part{}
		}
	}
	t.schema = Object{}
	if payload.Exists() {
		t.schema = im.schema(payload)
	}
	if headers := in.Get("headers"); headers.Exists() {
		im.skip(headers, "headers of %s are not carried over: an event has a key and a time, and all else is data", name)
	}
	im.leftOver(in, "message "+name, "name messageId title summary description payload schemaFormat headers examples deprecated contentType")
	if kind := in.Get("contentType"); kind.Exists() && !strings.Contains(kind.String(), "json") {
		im.skip(kind, "contentType %.60q of message %s is not carried over: an event's data is JSON", kind.String(), name)
	}
	for example := range in.Get("examples").Items() {
		if value := example.Get("payload"); value.Exists() {
			t.examples = append(t.examples, mustParse(value.JSON()))
		}
	}
	return t
}
