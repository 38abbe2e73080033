package lint

import (
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// asyncAPI reads the channels of an AsyncAPI 3 document, or of one of version 2.
func (a *api) asyncAPI() {
	sockets := false // all of its servers are WebSocket's
	for server := range a.root.Get("servers").Members() {
		protocol := a.here(server).Get("protocol").String()
		if sockets = protocol == "ws" || protocol == "wss"; !sockets {
			break
		}
	}
	for at := range a.root.Get("channels").Members() {
		channel := a.here(at)
		s := &stream{at: at, name: at.Name(), texts: texts(channel.Tree)}
		address := channel.Get("address").String()
		if address == "" {
			address = at.Name()
		}
		s.keyed = strings.Contains(address, "{")
		for item := range channel.Get("messages").Members() {
			s.events = append(s.events, a.message(item, item.Name()))
		}
		a.operations(s, channel)
		if sockets || channel.Get("bindings", "ws").Exists() {
			s.socketOnly = at
		}
		a.streams = append(a.streams, s)
	}
}

// operations tells commands from events: the API sends events and receives commands. In version 2 clients subscribe to
// the former and publish the latter.
func (a *api) operations(s *stream, channel schema) {
	for at := range a.root.Get("operations").Members() {
		operation := a.here(at)
		if operation.Get("action").String() != "receive" || !a.here(operation.Get("channel")).Same(channel.Tree) {
			continue
		}
		received := slices.Collect(operation.Get("messages").Items())
		events := s.events
		s.events = nil
		for _, m := range events {
			if len(received) == 0 || a.among(received, m.at) {
				s.commands = append(s.commands, m)
			} else {
				s.events = append(s.events, m)
			}
		}
	}
	for _, item := range oneOf(channel.Get("subscribe", "message")) {
		s.events = append(s.events, a.message(item, ""))
	}
	for _, item := range oneOf(channel.Get("publish", "message")) {
		s.commands = append(s.commands, a.message(item, ""))
	}
}

// among tells whether references lead to the message that stands, or is referred to, there.
func (a *api) among(references []contract.Tree, at contract.Tree) bool {
	return slices.ContainsFunc(references, func(one contract.Tree) bool { return a.here(one).Same(a.here(at).Tree) })
}

// oneOf gives the messages of an operation of version 2: one, or several to choose from.
func oneOf(at contract.Tree) []contract.Tree {
	all := slices.Collect(at.Get("oneOf").Items())
	if len(all) == 0 && at.Exists() {
		all = []contract.Tree{at}
	}
	return all
}

func (a *api) message(at contract.Tree, name string) *message {
	in := a.here(at)
	for _, own := range []string{"name", "messageId"} {
		if text := in.Get(own).String(); text != "" {
			name = text
		}
	}
	if ref := at.Get("$ref").String(); name == "" {
		name = ref[strings.LastIndexByte(ref, '/')+1:]
	}
	payload := in.Get("payload")
	if wrapped := payload.Get("schema"); payload.Get("schemaFormat").Exists() {
		payload = wrapped
	}
	return &message{
		at: at, name: name, texts: texts(in.Tree), summary: len(texts(in.Tree)) > 0, examples: in.has("examples"),
		schema: a.resolve(in.in(payload)),
	}
}
