package document

import "github.com/leatstream/leat/contract"

const socketBinding = "0.1.0"

// reference is where answers repeat what the client called its message.
var reference = object("location", "$message.payload#/ref", "description", "The client's own name for its message, which the answers repeat")

// socket is /ws/{stream} with the subprotocol leat.v1: events, publishing and commands over one connection.
func (c *streamChannels) socket(keyed bool) {
	name := c.channelName("socket", keyed)
	messages := Object{}
	var sent, publishes, commands, replies []string
	for _, t := range c.stream.Events {
		messages.Set("event."+t.Name, c.socketEvent(t))
		sent = append(sent, "event."+t.Name)
		messages.Set("publish."+t.Name, c.asked(t, "publish", "Publication"))
		publishes = append(publishes, "publish."+t.Name)
	}
	for _, m := range c.control() {
		o := object("name", m.Name, "title", m.Name, "payload", framed("event", c.enveloped(object("type", "object"), m.Name, m.Value, false)))
		messages.Set("event."+m.Name, c.message(c.name+pascal(m.Name), o))
		sent = append(sent, "event."+m.Name)
	}
	messages.Set("subscribed", c.message("Subscribed", answerMessage("subscribed", "The subscription stands", Object{
		{"stream", textSchema}, {"key", textSchema}, {"id", textSchema}})))
	for _, t := range c.stream.Commands {
		messages.Set("command."+t.Name, c.asked(t, "command", "Request"))
		commands = append(commands, "command."+t.Name)
	}
	if len(commands) > 0 {
		for _, t := range c.stream.Events {
			messages.Set("reply."+t.Name, c.asked(t, "reply", "Answer"))
			replies = append(replies, "reply."+t.Name)
		}
	}
	messages.Set("ack", c.message("Ack", answerMessage("ack", "It is done", Object{
		{"id", object("type", "string", "description", "The position of what was published")}, {"duplicate", object("type", "boolean")}})))
	messages.Set("error", c.message("Error", answerMessage("error", "It has failed", Object{{"error", c.problem()}})))
	binding := object("ws", object("method", "GET", "query", c.query(keyed), "headers", object("type", "object",
		"properties", object("Sec-WebSocket-Protocol", object("type", "string", "const", "leat.v1"))), "bindingVersion", socketBinding))
	channel := c.channel(name, "/ws/", keyed, "WebSocket of "+c.stream.Name, "websocket", messages, Member[any]{"bindings", binding})
	c.operation(name+".subscribe", "send", "Events of "+c.stream.Name, c.stream.Access.Subscribe, channel, append([]string{"subscribed"}, sent...))
	c.operation(name+".publish", "receive", "Publish to "+c.stream.Name, c.stream.Access.Publish, channel, publishes, answer(channel, "ack", "error"))
	if len(commands) > 0 {
		c.operation(name+".command", "receive", "Send a command to "+c.stream.Name, c.stream.Access.Command, channel, commands,
			answer(channel, append(replies, "ack", "error")...))
	}
}

// framed puts op before the members of a schema.
func framed(op string, schema Object) Object {
	out := Object{}
	for _, m := range schema {
		switch m.Name {
		case "required":
			m.Value = append([]any{"op"}, list(m.Value)...)
		case "properties":
			properties, _ := m.Value.(Object)
			m.Value = append(object("op", object("type", "string", "const", op)), properties...)
		}
		out = append(out, m)
	}
	return out
}

// socketEvent is an event with its envelope.
func (c *streamChannels) socketEvent(t *contract.EventType) Object {
	o := c.told(t)
	o.Set("payload", framed("event", c.envelope(t, false)))
	if shown := c.shown(t, func(s sample) any { return append(object("op", "event"), c.envelopeOf(s)...) }); shown != nil {
		o.Set("examples", shown)
	}
	return c.message(c.parts.data[t]+"Event", o)
}

// asked is a publication, a command or a reply, with ref.
func (c *streamChannels) asked(t *contract.EventType, op, suffix string) Object {
	schema := c.request(t, op)
	o := c.told(t)
	o.Set("correlationId", reference)
	o.Set("payload", schema)
	shown := c.shown(t, func(s sample) any {
		e := object("op", op, "ref", "1")
		if op != "reply" {
			e.Set("stream", c.stream.Name)
		}
		return append(e, published(s)...)
	})
	if shown != nil {
		o.Set("examples", shown)
	}
	return c.message(c.parts.data[t]+suffix, o)
}

func (c *streamChannels) request(t *contract.EventType, op string) Object {
	properties := object("op", object("type", "string", "const", op), "ref", textSchema)
	required := []any{"op", "type", "data"}
	if op != "reply" {
		properties.Set("stream", object("type", "string", "const", c.stream.Name))
		if !c.stream.Key.IsZero() {
			properties.Set("key", keySchema)
		}
	}
	properties.Set("type", object("type", "string", "const", t.Name))
	properties.Set("data", c.parts.dataOf(t))
	if op == "publish" {
		properties.Set("time", timeSchema)
		if c.stored() {
			properties.Set("idempotencyKey", textSchema)
			properties.Set("ifMatch", textSchema)
		}
	}
	schema := described(t)
	schema.Set("required", required)
	schema.Set("properties", properties)
	return schema
}

// answerMessage is one of the server's answers.
func answerMessage(op, title string, members Object) Object {
	properties := object("op", object("type", "string", "const", op), "ref", textSchema)
	return object("name", op, "title", title, "correlationId", reference,
		"payload", object("type", "object", "required", []any{"op"}, "properties", append(properties, members...)))
}
