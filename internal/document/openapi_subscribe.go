package document

import (
	"strings"
)

// subscribe is GET of a stream, or of one key of it.
func (o *streamAPI) subscribe(keyed bool) *operation {
	s := o.stream
	op := &operation{OperationID: o.operationID("subscribe", keyed), Summary: "Subscribe to " + s.Name,
		Tags: []string{s.Name}, Description: o.aboutSubscribing(keyed), Parameters: o.subscribeParameters(keyed)}
	if keyed {
		op.Summary += ", one key"
	}
	ok := &response{Description: "The events."}
	ok.Content.Set("text/event-stream", o.eventStream())
	ok.Content.Set("application/x-ndjson", o.lines())
	if o.stored() {
		ok.Description = "The events: live, or a page of those that were stored."
		ok.Headers.Set("Preference-Applied", &header{Description: "Of a page, if `Prefer` asked for `wait`.", Schema: textSchema})
		ok.Content.Set("application/json", &mediaType{Schema: o.page, Examples: o.pageExamples()})
	}
	op.Responses.Set("200", ok)
	o.fail(op, "400", "406", "503", "default")
	o.secure(op, s.Access.Subscribe)
	return op
}

func (o *streamAPI) operationID(verb string, keyed bool) string {
	if keyed {
		return o.ids.take(verb+o.name+"Key", verb+o.name+"OneKey")
	}
	return o.ids.take(verb + o.name)
}

func (o *streamAPI) aboutSubscribing(keyed bool) string {
	s := o.stream
	text := "`Accept` chooses: `text/event-stream` (also where there is none), or `application/x-ndjson`, which is live too, one event with its envelope a line"
	if o.stored() {
		text += "; or `application/json`, a page of the events that were stored, which begins at `earliest` unless told otherwise"
	}
	text += "."
	if s.Key.Path && !keyed {
		text += " Without a key in the path it is the room `default`."
	}
	text += " Control events, whose types begin with `leat.`, come among the others: "
	text += "`leat.gap` (events are missing), "
	if o.stored() {
		text += "`leat.live` (all that was stored before has been sent), "
	}
	text += "`leat.heartbeat` and `leat.end` (come back after `reconnectAfterMs`)."
	if o.stored() {
		text += " Whoever comes back with the id of the last event that it saw, as `Last-Event-ID` or `after`, misses nothing."
	} else {
		text += " Events are not stored: they have no ids, and nobody can come back for them."
	}
	return paragraphs(describeStream(s), text)
}

// sequence documents a media type that is one item after the other. Before 3.2 that is a text.
func (b *openAPI) sequence(item Object, description, text string) *mediaType {
	media := &mediaType{ItemSchema: item}
	if b.version != OpenAPI32 {
		media = &mediaType{Schema: object("type", "string", "description", description)}
	}
	if text != "" {
		media.Examples.Set("default", &example{Value: text})
	}
	return media
}

// eventStream documents Server-Sent Events.
func (o *streamAPI) eventStream() *mediaType {
	var item Object
	if o.version == OpenAPI32 {
		item = o.block()
	}
	return o.sequence(item, "Blocks of Server-Sent Events (WHATWG HTML): `event` is the type ("+strings.Join(o.stream.EventNames(), ", ")+
		"), `data` the event's data as JSON on one line", o.blocks())
}

// block is one block of an event stream that a client dispatches, in 3.2.
func (o *streamAPI) block() Object {
	var branches []any
	branch := func(schema Object, name string, data Object) {
		schema.Set("required", []any{"event", "data"})
		schema.Set("properties", object("event", o.enum("string", name),
			"data", object("type", "string", "contentMediaType", "application/json", "contentSchema", data)))
		branches = append(branches, schema)
	}
	for _, t := range o.stream.Events {
		schema := described(t)
		branch(schema[1:], t.Name, o.parts.dataOf(t)) // what all have is said once
	}
	for _, m := range o.control() {
		var schema Object
		if m.Name == "leat.heartbeat" {
			schema.Set("description", "With `heartbeats=events` alone: else a heartbeat is a comment.")
		}
		branch(schema, m.Name, m.Value)
	}
	properties := object("event", textSchema, "data", textSchema)
	if o.stored() {
		properties.Set("id", object("type", "string", "description", "The position to come back with"))
	}
	properties.Set("retry", object("type", "integer", "minimum", 0, "description", "In milliseconds"))
	return object("type", "object", "required", []any{"event", "data"}, "properties", properties, "oneOf", branches)
}

// lines documents live NDJSON.
func (o *streamAPI) lines() *mediaType {
	var item Object
	if o.version == OpenAPI32 {
		var branches []any
		for _, t := range o.stream.Events {
			branches = append(branches, o.envelope(t, false))
		}
		for _, m := range o.control() {
			branches = append(branches, o.enveloped(object("type", "object"), m.Name, m.Value, false))
		}
		item = object("oneOf", branches)
	}
	return o.sequence(item, "A line for each event: its envelope, as JSON", o.envelopeLines())
}
