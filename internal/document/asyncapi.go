package document

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/leatstream/leat/contract"
)

// asyncOwnNames are the schemas and messages that all streams share.
var asyncOwnNames = append([]string{"Ack", "Error", "Subscribed"}, ownNames...)

// AsyncAPI describes, as AsyncAPI 3.1, what a contract's server sends and receives over HTTP and WebSocket; server is its
// URL. There is no binding for gRPC. Server-Sent Events have none of their own: they have HTTP's, and x-sse.
func AsyncAPI(c *contract.Contract, server string) Object {
	b := &openAPI{version: OpenAPI31, doc: &OpenAPIDocument{}, ids: names{}, responses: map[string]*response{}}
	b.parts = newComponents(c, func(schema any) any { return schema }, asyncOwnNames...)
	a := &asyncAPI{openAPI: b}
	for _, s := range c.Streams {
		a.stream(s)
	}
	components := object("schemas", b.parts.schemas, "messages", a.messages)
	if b.secured {
		components.Set("securitySchemes", object(securityScheme, object("type", "http", "scheme", "bearer", "bearerFormat", "JWT",
			"description", "A token of whom the server trusts.")))
	}
	return object("asyncapi", "3.1.0", "info", a.info(c.Info), "defaultContentType", "application/json",
		"servers", asyncServers(server), "channels", a.channels, "operations", a.operations, "components", components)
}

// An asyncAPI is a document being made.
type asyncAPI struct {
	*openAPI // for the schemas

	channels, operations, messages Object
}

func (a *asyncAPI) info(i contract.Info) Object {
	from := a.openAPI.info(i)
	o := object("title", from.Title, "version", from.Version, "description", from.Description)
	if from.Contact != nil {
		o.Set("contact", from.Contact)
	}
	if l := from.License; l != nil {
		out := object("name", l.Name)
		switch {
		case l.URL != "":
			out.Set("url", l.URL)
		case l.Identifier != "": // which AsyncAPI has no word for
			out.Set("url", "https://spdx.org/licenses/"+l.Identifier+".html")
			out.Set(extensionName, object("identifier", l.Identifier))
		}
		o.Set("license", out)
	}
	return o
}

// asyncServers are one address by two protocols.
func asyncServers(address string) Object {
	protocols := []string{"http", "ws"}
	host, path := address, ""
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		host, path = u.Host, strings.TrimSuffix(u.Path, "/")
		if u.Scheme == "https" {
			protocols = []string{"https", "wss"}
		}
	}
	servers := Object{}
	for i, name := range []string{"http", "websocket"} {
		o := object("host", host)
		if path != "" {
			o.Set("pathname", path)
		}
		o.Set("protocol", protocols[i])
		o.Set("description", []string{
			"Server-Sent Events, pages of history, publishing and commands",
			"WebSocket, framed as the subprotocol leat.v1",
		}[i])
		servers.Set(name, o)
	}
	return servers
}

// A streamChannels makes the channels of one stream.
type streamChannels struct {
	*streamAPI
	async *asyncAPI
}

func (a *asyncAPI) stream(s *contract.Stream) {
	c := &streamChannels{&streamAPI{openAPI: a.openAPI, stream: s, name: pascal(s.Name)}, a}
	for _, keyed := range []bool{false, true} {
		if keyed && s.Key.IsZero() {
			continue
		}
		c.events(keyed)
		if s.Offers(contract.WebSocket) {
			c.socket(keyed)
		}
		if len(s.Commands) > 0 {
			c.commands(keyed)
		}
	}
}

// channel adds one, and gives a reference to it.
func (c *streamChannels) channel(name, prefix string, keyed bool, title, server string, messages Object, more ...Member[any]) Object {
	o := object("address", path(prefix, c.stream, keyed), "title", title)
	if text := paragraphs(c.stream.Summary, c.stream.Description); text != "" {
		o.Set("description", text)
	}
	o.Set("servers", []any{object("$ref", "#/servers/"+server)})
	if keyed {
		parameter := c.pathParameters(true)[0]
		key := object("description", parameter.Description)
		if example, ok := parameter.Example.(string); ok && example != "" {
			key.Set("examples", []any{example})
		}
		o.Set("parameters", object("key", key))
	}
	o.Set("messages", messages)
	o = append(o, more...)
	c.async.channels.Set(name, o)
	return object("$ref", "#/channels/"+name)
}

// channelName is unique, since no stream's name has a dot.
func (c *streamChannels) channelName(kind string, keyed bool) string {
	name := c.stream.Name
	if kind != "" {
		name += "." + kind
	}
	if keyed {
		name += ".key"
	}
	return name
}

// operation adds one, of messages that the channel has.
func (c *streamChannels) operation(name, action, summary, need string, channel Object, messages []string, more ...Member[any]) {
	o := object("action", action, "channel", channel, "summary", summary, "messages", messagesOf(channel, messages))
	if need != "" && need != "public" {
		c.secured = true
		o.Set("security", []any{object("$ref", "#/components/securitySchemes/"+securityScheme)})
		if need != "authenticated" {
			o.Set("description", "The caller needs the grant `"+strings.ReplaceAll(need, "`", "'")+"`.")
		}
	}
	c.async.operations.Set(name, append(o, more...))
}

// messagesOf refers to messages of a channel.
func messagesOf(channel Object, messages []string) []any {
	base, _ := channel.Get("$ref")
	all := make([]any, len(messages))
	for i, name := range messages {
		all[i] = object("$ref", fmt.Sprintf("%v/messages/%s", base, name))
	}
	return all
}

// answer is the reply object of an operation.
func answer(channel Object, messages ...string) Member[any] {
	return Member[any]{"reply", object("channel", channel, "messages", messagesOf(channel, messages))}
}

// message makes one, and gives a reference to it; the same name is the same message.
func (c *streamChannels) message(name string, message Object) Object {
	if !c.async.messages.Has(name) {
		c.async.messages.Set(name, message)
	}
	return object("$ref", "#/components/messages/"+name)
}

// told begins a message with what the contract tells of a type.
func (c *streamChannels) told(t *contract.EventType) Object {
	o := object("name", t.Name, "title", t.Name)
	if t.Summary != "" {
		o.Set("summary", t.Summary)
	}
	if t.Description != "" {
		o.Set("description", t.Description)
	}
	return o
}
