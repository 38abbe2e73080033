package document

import "github.com/leatstream/leat/contract"

// A streamAPI makes the operations of one stream.
type streamAPI struct {
	*openAPI
	stream *contract.Stream
	name   string // of the stream, as names of schemas and operations begin

	// References to the schemas of bodies and of what they consist of; empty where there is none. Each has a name,
	// because what code generators make of a oneOf that has none cannot be used.
	page, published, body, cloudEvent, batch, sent, replies Object
}

// ownNames are the schemas that all streams share.
var ownNames = []string{"Problem", "LeatGap", "LeatLive", "LeatHeartbeat", "LeatEnd", "Published", "Repeated", "Uploaded", "RepeatedOrUploaded"}

// stored tells whether events have positions.
func (o *streamAPI) stored() bool { return o.stream.Durability != contract.None }

// schemas makes those of bodies.
func (o *streamAPI) schemas() {
	events := o.stream.Events
	if o.stored() && o.stream.Offers(contract.SSE) {
		event := o.union(events, "Event", func(t *contract.EventType) Object { return o.envelope(t, true) })
		o.page = o.own(o.name+"Page", object("type", "object", "required", []any{"events", "next"}, "properties", object(
			"events", object("type", "array", "items", event),
			"next", object("type", "string", "description", "What to give as `after` for the next page"),
			"gap", o.gap())))
	}
	o.published = o.union(events, "Publish", o.publication)
	o.body = o.own(o.name+"PublishBody", object("oneOf", []any{o.published, o.several("PublishArray", o.published)}))
	o.cloudEvent = o.union(events, "CloudEvent", o.asCloudEvent)
	o.batch = o.several("CloudEventBatch", o.cloudEvent)
	if commands := o.stream.Commands; len(commands) > 0 {
		o.sent = o.union(commands, "Command", o.message)
		o.replies = o.own(o.name+"Replies", object("type", "object", "required", []any{"reply"}, "properties", object(
			"reply", object("type", "array", "description", "Events for the sender of the command alone",
				"items", o.union(events, "Reply", o.reply)))))
	}
}

// own names a schema of the document's own as it can, and refers to it.
func (o *streamAPI) own(name string, schema Object) Object {
	return o.parts.own(o.parts.names.take(name), schema)
}

// several makes the schema of an array of events.
func (o *streamAPI) several(suffix string, item Object) Object {
	return o.own(o.name+suffix, object("type", "array", "minItems", 1, "maxItems", mostEvents, "items", item))
}

// union makes a schema for each type, and one that says that it is one of these by its member type.
func (o *streamAPI) union(types []*contract.EventType, suffix string, schema func(*contract.EventType) Object) Object {
	var branches []any
	var mapping Object
	for _, t := range types {
		branch := o.own(o.parts.data[t]+suffix, schema(t))
		branches = append(branches, branch)
		mapping.Set(t.Name, valueOf(branch, "$ref"))
	}
	return o.own(o.name+suffix, object("oneOf", branches, "discriminator", object("propertyName", "type", "mapping", mapping)))
}

// described begins a schema with what the contract tells of a type.
func described(t *contract.EventType) Object {
	schema := object("type", "object")
	if text := told(t); text != "" {
		schema.Set("description", text)
	}
	if t.Deprecated {
		schema.Set("deprecated", true)
	}
	return schema
}

var (
	timeSchema = object("type", "string", "format", "date-time")
	keySchema  = object("type", "string", "minLength", 1, "maxLength", 256)
	textSchema = object("type", "string")
)

// envelope is an event that is not alone. One that was pushed to a connection has no id, so that it is not always there.
func (o *streamAPI) envelope(t *contract.EventType, withID bool) Object {
	return o.enveloped(described(t), t.Name, o.parts.dataOf(t), withID)
}

func (o *streamAPI) enveloped(schema Object, name string, data Object, withID bool) Object {
	required := []any{"stream", "type", "time", "data"}
	if withID {
		required = []any{"stream", "id", "type", "time", "data"}
	}
	properties := object("stream", o.enum("string", o.stream.Name))
	if o.stored() {
		properties.Set("id", object("type", "string", "description", "The position"))
	}
	properties.Set("type", o.enum("string", name))
	if !o.stream.Key.IsZero() {
		properties.Set("key", textSchema)
	}
	properties.Set("time", timeSchema)
	properties.Set("data", data)
	schema.Set("required", required)
	schema.Set("properties", properties)
	return schema
}

// publication is what a publisher sends.
func (o *streamAPI) publication(t *contract.EventType) Object {
	schema := o.message(t)
	properties, _ := valueOf(schema, "properties").(Object)
	properties.Set("time", object("type", "string", "format", "date-time", "description", "When it happened; else when it is stored"))
	schema.Set("properties", properties)
	return schema
}

// message is what clients send: an event, or a command.
func (o *streamAPI) message(t *contract.EventType) Object {
	properties := object("type", o.enum("string", t.Name), "data", o.parts.dataOf(t))
	if !o.stream.Key.IsZero() {
		properties.Set("key", keySchema)
	}
	schema := described(t)
	schema.Set("required", []any{"type", "data"})
	schema.Set("properties", properties)
	schema.Set("additionalProperties", false)
	return schema
}

func (o *streamAPI) reply(t *contract.EventType) Object {
	schema := described(t)
	schema.Set("required", []any{"type", "data"})
	schema.Set("properties", object("type", o.enum("string", t.Name), "data", o.parts.dataOf(t)))
	return schema
}

// asCloudEvent is an event in the JSON format of CloudEvents 1.0.
func (o *streamAPI) asCloudEvent(t *contract.EventType) Object {
	schema := described(t)
	schema.Set("required", []any{"specversion", "id", "source", "type"})
	schema.Set("properties", object(
		"specversion", o.enum("string", "1.0"),
		"id", object("type", "string", "minLength", 1, "description", "With source, keeps a repeat from being stored; it is not delivered"),
		"source", object("type", "string", "minLength", 1),
		"type", o.enum("string", t.Name),
		"subject", object("type", "string", "description", "The key"),
		"time", timeSchema,
		"datacontenttype", object("type", "string", "description", "JSON, if anything"),
		"data", o.parts.dataOf(t),
		"data_base64", object("type", "string", "description", "The data as JSON in base64, in place of data")))
	return schema
}

// shared makes a schema that all streams share when the first needs it.
func (b *openAPI) shared(name string, schema Object) Object {
	if b.parts.schemas.Has(name) {
		return ref(name)
	}
	return b.parts.own(name, schema)
}

func (b *openAPI) gap() Object {
	return b.shared("LeatGap", object("type", "object",
		"description", "Events are missing: those after `after`, up to and including `resumedAfter`, will not come. Streams of durability none have no positions.",
		"required", []any{"reason"}, "properties", object(
			"after", textSchema, "resumedAfter", textSchema,
			"reason", object("type", "string", "description", "expired, reset, unknown or overflow"))))
}

// control gives the control events of a stream with their data.
func (o *streamAPI) control() Map[Object] {
	position := object("position", textSchema)
	all := Map[Object]{{"leat.gap", o.gap()}}
	if o.stored() {
		all.Set("leat.live", o.shared("LeatLive", object("type", "object", "description", "All that was stored before has been sent.",
			"properties", position)))
	}
	all.Set("leat.heartbeat", o.shared("LeatHeartbeat", object("type", "object", "description", "Nothing was sent for a while.",
		"properties", position)))
	all.Set("leat.end", o.shared("LeatEnd", object("type", "object", "description", "The server ends the subscription: come back after a while.",
		"required", []any{"reason", "reconnectAfterMs"}, "properties", object(
			"reason", object("type", "string", "description", "drain, slow, unavailable or disconnected"),
			"position", textSchema,
			"reconnectAfterMs", object("type", "integer", "minimum", 0)))))
	return all
}
