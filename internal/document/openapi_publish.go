package document

const mostEvents = 1000 // of an array

// publish is POST of a stream, or of one key of it.
func (o *streamAPI) publish(keyed bool) *operation {
	op := &operation{OperationID: o.operationID("publish", keyed), Summary: "Publish to " + o.stream.Name, Tags: []string{o.stream.Name},
		Description: o.aboutPublishing(), Parameters: o.publishParameters(keyed), RequestBody: o.publishBody(keyed)}
	if keyed {
		op.Summary += ", one key"
	}
	uploaded := &mediaType{Schema: o.uploaded()}
	if !o.stored() {
		op.Responses.Set("200", &response{Description: "Of `application/x-ndjson`: what became of the lines.", Content: Map[*mediaType]{{"application/json", uploaded}}})
		op.Responses.Set("202", &response{Description: "The events go to whoever is subscribed now.",
			Content: Map[*mediaType]{{"application/json", &mediaType{Schema: object("type", "object")}}}})
		o.fail(op, "400", "403", "413", "415", "422", "503", "default")
		o.secure(op, o.stream.Access.Publish)
		return op
	}
	etag := Map[*header]{{"ETag", &header{Description: "The position of a single event, which `If-Match` takes.", Schema: textSchema}}}
	op.Responses.Set("200", &response{Description: "A repeat: the first request's ids. Or, of `application/x-ndjson`, what became of the lines.", Headers: etag,
		Content: Map[*mediaType]{{"application/json", &mediaType{Schema: o.stored200()}}}})
	op.Responses.Set("201", &response{Description: "The events are stored, as durably as the contract asks.", Headers: etag,
		Content: Map[*mediaType]{{"application/json", &mediaType{Schema: o.stored201(),
			Examples: Map[*example]{{"one", &example{Value: object("id", examplePosition)}}}}}}})
	o.fail(op, "400", "403", "412", "413", "415", "422", "503", "default")
	o.secure(op, o.stream.Access.Publish)
	return op
}

func (o *streamAPI) aboutPublishing() string {
	text := "One event or an array of them, which is taken whole or not at all; CloudEvents 1.0, structured, as a batch or binary; or a long upload, an event a line, each of which is taken or refused as it comes."
	if o.stored() {
		return paragraphs(describeStream(o.stream), text+" The answer comes when the event log has the events as durably as the contract asks.")
	}
	return paragraphs(describeStream(o.stream), text+" Events are not stored: they go to whoever is subscribed now.")
}

func (o *streamAPI) publishBody(keyed bool) *requestBody {
	body := &requestBody{Required: true, Description: "As `text/json`, CloudEvents in binary mode: the data alone, with the headers ce-specversion, " +
		"ce-id, ce-source and ce-type. With these, `application/json` is taken like this too."}
	body.Content.Set("application/json", &mediaType{
		Schema: o.body, Examples: o.publishExamples(keyed)})
	body.Content.Set("application/cloudevents+json", &mediaType{Schema: o.cloudEvent, Examples: o.cloudEventExamples(keyed)})
	body.Content.Set("application/cloudevents-batch+json", &mediaType{Schema: o.batch})
	body.Content.Set("application/x-ndjson", o.sequence(o.published, "A line for each event, as `application/json` has it", o.publishLines(keyed)))
	var data []any
	for _, t := range o.stream.Events {
		data = append(data, o.parts.dataOf(t))
	}
	binary, _ := anyOf(data).(Object)
	body.Content.Set("text/json", &mediaType{Schema: binary})
	return body
}

func (b *openAPI) stored201() Object {
	return b.shared("Published", object("type", "object", "properties", idProperties()))
}

// idProperties are of an answer: id after a single event, ids after several.
func idProperties() Object {
	return object(
		"id", object("type", "string", "description", "The position of the one event"),
		"ids", object("type", "array", "description", "The positions of an array or a batch", "items", textSchema))
}

func (b *openAPI) repeated() Object {
	properties := idProperties()
	properties.Set("duplicate", b.enum("boolean", true))
	return b.shared("Repeated", object("type", "object", "required", []any{"duplicate"}, "properties", properties))
}

func (b *openAPI) stored200() Object {
	return b.shared("RepeatedOrUploaded", object("oneOf", []any{b.repeated(), b.uploaded()}))
}

func (b *openAPI) uploaded() Object {
	return b.shared("Uploaded", object("type", "object", "required", []any{"stored", "refused", "errors"}, "properties", object(
		"stored", object("type", "integer", "format", "int64", "minimum", 0),
		"refused", object("type", "integer", "format", "int64", "minimum", 0),
		"last", object("type", "string", "description", "The position of the last event that was stored"),
		"errors", object("type", "array", "description", "The first 100", "items", object("allOf", []any{b.problem(),
			object("type", "object", "required", []any{"line"}, "properties", object(
				"line", object("type", "integer", "format", "int64", "minimum", 1)))})))))
}
