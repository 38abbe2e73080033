package document

import "github.com/leatstream/leat/contract"

const httpBinding = "0.3.0"

// events is /events/{stream}: subscribing by Server-Sent Events, and publishing.
func (c *streamChannels) events(keyed bool) {
	name := c.channelName("", keyed)
	messages, sent, received := Object{}, []string{}, []string{}
	offered := c.stream.Offers(contract.SSE)
	for _, t := range c.stream.Events {
		if offered {
			messages.Set(t.Name, c.sseMessage(t))
			sent = append(sent, t.Name)
		}
		publish := t.Name + ".publish"
		messages.Set(publish, c.body(t, "Publish", c.publication(t)))
		received = append(received, publish)
	}
	if offered {
		for _, m := range c.control() {
			messages.Set(m.Name, c.message(pascal(m.Name), c.sse(object("name", m.Name, "title", m.Name), m.Name, m.Value)))
			sent = append(sent, m.Name)
		}
	}
	messages.Set("published", c.message("Published", object("name", "published", "title", "What became of it", "payload", c.stored201())))
	more := []Member[any]{}
	if offered {
		more = append(more, Member[any]{"x-sse", true})
	}
	if !keyed {
		more = append(more, Member[any]{extensionName, extension(c.stream, c.parts)})
	}
	channel := c.channel(name, "/events/", keyed, "Events of "+c.stream.Name, "http", messages, more...)
	if offered {
		c.operation(name+".subscribe", "send", "Server-Sent Events of "+c.stream.Name, c.stream.Access.Subscribe, channel, sent,
			Member[any]{"bindings", object("http", object("method", "GET", "query", c.query(keyed), "bindingVersion", httpBinding))},
			Member[any]{"x-sse", object("mediaType", "text/event-stream", "resume", "Last-Event-ID")})
	}
	c.operation(name+".publish", "receive", "Publish to "+c.stream.Name, c.stream.Access.Publish, channel, received,
		Member[any]{"bindings", httpPost}, answer(channel, "published"))
}

var httpPost = object("http", object("method", "POST", "bindingVersion", httpBinding))

// sseMessage is an event as Server-Sent Events have it: its data alone, with type and position beside it.
func (c *streamChannels) sseMessage(t *contract.EventType) Object {
	o := c.sse(c.told(t), t.Name, c.parts.dataOf(t))
	if t.Deprecated {
		o.Set("x-deprecated", true)
	}
	if shown := c.shown(t, func(s sample) any { return s.data }); shown != nil {
		o.Set("examples", shown)
	}
	return c.message(c.parts.data[t]+"SSE", o)
}

// sse is a message by Server-Sent Events: the fields event and id are its headers.
func (c *streamChannels) sse(o Object, name string, data Object) Object {
	fields := object("event", object("type", "string", "const", name))
	if c.stored() {
		fields.Set("id", object("type", "string", "description", "The position to come back with"))
	}
	o.Set("contentType", "application/json")
	o.Set("headers", object("type", "object", "properties", fields))
	o.Set("payload", data)
	return o
}

// query are the parameters of a subscription.
func (c *streamChannels) query(keyed bool) Object {
	properties := Object{}
	for _, p := range c.subscribeParameters(keyed) {
		if p.In != "query" {
			continue
		}
		schema := append(Object{}, p.Schema...)
		schema.Set("description", p.Description)
		properties.Set(p.Name, schema)
	}
	return object("type", "object", "properties", properties, "additionalProperties", false)
}

// body is what clients send of a type.
func (c *streamChannels) body(t *contract.EventType, suffix string, schema Object) Object {
	o := c.told(t)
	if !c.parts.schemas.Has(c.parts.data[t] + suffix) {
		c.parts.own(c.parts.data[t]+suffix, schema)
	}
	o.Set("payload", ref(c.parts.data[t]+suffix))
	if shown := c.shown(t, func(s sample) any { return published(s) }); shown != nil {
		o.Set("examples", shown)
	}
	return c.message(c.parts.data[t]+suffix, o)
}

// shown are a type's examples, each as its message has it.
func (c *streamChannels) shown(t *contract.EventType, as func(sample) any) []any {
	var all []any
	for _, s := range c.samples([]*contract.EventType{t}) {
		all = append(all, object("name", s.name, "payload", as(s)))
	}
	return all
}

// commands is /commands/{stream}: a command, and in the answer the replies to it.
func (c *streamChannels) commands(keyed bool) {
	name := c.channelName("commands", keyed)
	messages, received := Object{}, []string{}
	for _, t := range c.stream.Commands {
		messages.Set(t.Name, c.body(t, "Command", c.streamAPI.message(t)))
		received = append(received, t.Name)
	}
	replies := c.replySchema()
	messages.Set("replies", c.message(c.name+"Replies", object("name", "replies", "title", "Replies", "payload", replies)))
	channel := c.channel(name, "/commands/", keyed, "Commands to "+c.stream.Name, "http", messages)
	c.operation(name+".send", "receive", "Send a command to "+c.stream.Name, c.stream.Access.Command, channel, received,
		Member[any]{"bindings", httpPost}, answer(channel, "replies"))
}

func (c *streamChannels) replySchema() Object {
	name := c.name + "Replies"
	if c.parts.schemas.Has(name) {
		return ref(name)
	}
	var branches []any
	for _, t := range c.stream.Events {
		branches = append(branches, c.streamAPI.reply(t))
	}
	return c.parts.own(name, object("type", "object", "required", []any{"reply"}, "properties", object(
		"reply", object("type", "array", "description", "Events for the sender of the command alone", "items", object("anyOf", branches)))))
}
