package document

// subscribeParameters are those that the stream takes.
func (o *streamAPI) subscribeParameters(keyed bool) []parameter {
	all := o.pathParameters(keyed)
	query := func(name, description string, schema Object, example any) {
		all = append(all, parameter{Name: name, In: "query", Description: description, Schema: schema, Example: example})
	}
	header := func(name, description string, example any) {
		all = append(all, parameter{Name: name, In: "header", Description: description, Schema: textSchema, Example: example})
	}
	types := make([]any, len(o.stream.Events))
	for i, t := range o.stream.Events {
		types[i] = t.Name
	}
	query("eventTypes", "Only these types; repeated, or separated by commas.",
		object("type", "array", "minItems", 1, "items", object("type", "string", "enum", types)), types[:min(2, len(types))])
	if o.stored() {
		query("after", "Start behind this position; or `earliest`, or `latest`. At most one of `after`, `since` and `last`.", textSchema, "earliest")
		query("since", "Start with the first event that was stored at or after this time.", timeSchema, "2024-05-01T10:00:00Z")
		query("last", "Start with the last so many events that match the other parameters.", object("type", "integer", "minimum", 1, "maximum", 10000), 10)
	}
	if o.stream.Key.Path && !keyed {
		query("allKeys", "`true`: every room.", object("type", "boolean"), true)
	}
	query("heartbeats", "For `text/event-stream`: `events` makes heartbeats events, `leat.heartbeat`, that a browser's page can see.",
		object("type", "string", "enum", []any{"events"}), nil)
	if !o.stored() {
		return all
	}
	query("limit", "Of a page (`application/json`) alone: how many events, at most; 100 where it is not given.",
		object("type", "integer", "minimum", 1, "maximum", 1000), nil)
	query("lastEventId", "As `Last-Event-ID`, for clients that cannot set headers.", textSchema, nil)
	header("Last-Event-ID", "Start behind the event of this id. It wins over all that the query says of the start.", nil)
	header("Prefer", "Of a page alone: `wait=N` waits up to N seconds, at most 60, for the first event where the page would be empty (RFC 7240).", "wait=1")
	return all
}

func (o *streamAPI) pathParameters(keyed bool) []parameter {
	if !keyed {
		return nil
	}
	what := "The entity that events are about: what they have at `" + o.stream.Key.Pointer + "` in their data."
	if o.stream.Key.Path {
		what = "The room."
	}
	return []parameter{{Name: "key", In: "path", Description: what + " Percent-encoded, `/` too.", Required: true, Schema: keySchema,
		Example: o.exampleKey()}}
}

// publishParameters are the headers of POST.
func (o *streamAPI) publishParameters(keyed bool) []parameter {
	all := o.pathParameters(keyed)
	header := func(name, description string, schema Object) {
		all = append(all, parameter{Name: name, In: "header", Description: description, Schema: schema})
	}
	if o.stored() {
		header("Idempotency-Key", "A repeat of the request within 2 minutes stores nothing, and is answered with the first one's id. Not with `application/x-ndjson`.",
			object("type", "string", "minLength", 1, "maxLength", 256))
		header("If-Match", "`\"<position>\"`: store the event only if that is still the newest of its key, or of a stream without keys. For single events.", textSchema)
		header("If-None-Match", "Store the event only if its key has none yet. For single events.", object("type", "string", "enum", []any{"*"}))
	}
	const binary = "CloudEvents, binary mode: "
	header("ce-specversion", binary+"1.0.", textSchema)
	header("ce-id", binary+"with the source, keeps a repeat from being stored.", textSchema)
	header("ce-source", binary+"who says it.", textSchema)
	header("ce-type", binary+"the type of the event.", textSchema)
	header("ce-subject", binary+"the key.", textSchema)
	header("ce-time", binary+"when it happened.", timeSchema)
	return all
}
