package ingest

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/leatstream/leat/internal/problem"
)

// A cloudEvent is an event of CloudEvents 1.0 as it came; attributes that were not given are nil. Of the
// extensions, only those of a trace are kept.
type cloudEvent struct {
	specversion, id, source, eventType *string
	subject, time, datacontenttype     *string
	data                               []byte

	traceparent, tracestate string // of the Distributed Tracing extension
}

// attribute gives where an attribute is kept, nil for those that leat has no use for.
func (c *cloudEvent) attribute(name string) **string {
	switch name {
	case "specversion":
		return &c.specversion
	case "id":
		return &c.id
	case "source":
		return &c.source
	case "type":
		return &c.eventType
	case "subject":
		return &c.subject
	case "time":
		return &c.time
	case "datacontenttype":
		return &c.datacontenttype
	}
	return nil
}

// setTrace keeps an attribute of a trace: whether it is one is for who passes it on to say.
func (c *cloudEvent) setTrace(name string, value jsontext.Value) error {
	text, err := stringMember(name, value)
	switch {
	case err != nil:
		return err
	case name == "traceparent":
		c.traceparent = *text
	default:
		c.tracestate = *text
	}
	return nil
}

// event checks what CloudEvents itself asks for (section "REQUIRED Attributes").
func (c *cloudEvent) event() (Event, error) {
	var violations []problem.Violation
	if c.specversion == nil || *c.specversion != "1.0" {
		violations = append(violations, problem.Violation{Pointer: "/specversion", Detail: `must be "1.0"`})
	}
	for _, required := range []string{"id", "source", "type"} {
		if value := *c.attribute(required); value == nil || *value == "" {
			violations = append(violations, problem.Violation{Pointer: "/" + required, Detail: "is required, and not empty"})
		}
	}
	if len(violations) > 0 {
		return Event{}, invalid("CloudEvent", violations...)
	}
	if c.datacontenttype != nil && !isJSON(*c.datacontenttype) {
		return Event{}, problem.New(problem.UnsupportedMedia, "datacontenttype %q: the data of an event is JSON (application/json)", brief(*c.datacontenttype))
	}
	return Event{
		Type: *c.eventType, Key: c.subject, Time: c.time, Data: c.data, keyIsSubject: true,
		// The length keeps a source and id apart from those that are split elsewhere.
		Dedupe:      strconv.Itoa(len(*c.source)) + ":" + *c.source + *c.id,
		Traceparent: c.traceparent, Tracestate: c.tracestate,
	}, nil
}

// DecodeCloudEvent reads a message of the WebSockets binding, which is a CloudEvent in the JSON format. Errors are
// problems; the event shares memory with the message.
func DecodeCloudEvent(message []byte) (Event, error) {
	d := newDecoder("the message", message)
	defer d.release()
	d.like = cloudEventExample
	if d.PeekKind() == '[' {
		return Event{}, problem.New(problem.Malformed, "the message is an array: CloudEvents over WebSocket have no batches, so send one event a message")
	}
	return decodeOne(d, decodeCloudEvent)
}

const cloudEventExample = `{"specversion":"1.0","id":"…","source":"…","type":"…","data":{…}}`

// decodeCloudEvent reads the JSON format (structured mode, and each event of a batch).
func decodeCloudEvent(d *decoder) (Event, error) {
	var c cloudEvent
	var encoded *string
	err := d.members(func(name string, value jsontext.Value) (err error) {
		attribute := c.attribute(name)
		switch {
		case name == "data":
			c.data = value
		case value.Kind() == 'n': // "equivalent to unset or omitted" (JSON format, section 2.2)
		case name == "data_base64":
			encoded, err = stringMember(name, value)
		case attribute != nil:
			*attribute, err = stringMember(name, value)
		case (name == "traceparent" || name == "tracestate") && value.Kind() == '"':
			err = c.setTrace(name, value)
		}
		return err
	})
	if err != nil {
		return Event{}, err
	}
	if encoded != nil {
		if c.data != nil {
			return Event{}, invalid("CloudEvent", problem.Violation{Pointer: "/data_base64", Detail: "excludes data: give one of them"})
		}
		if c.data, err = base64.StdEncoding.DecodeString(*encoded); err != nil {
			return Event{}, invalid("CloudEvent", problem.Violation{Pointer: "/data_base64", Detail: "is not base64 (RFC 4648, section 4)"})
		}
	}
	return c.event()
}

const attributePrefix = "Ce-" // as net/http spells it

// isBinary tells whether a request carries a CloudEvent in binary mode.
func isBinary(h http.Header) bool {
	for _, name := range []string{"Specversion", "Id", "Source", "Type"} {
		if h.Get(attributePrefix+name) != "" {
			return true
		}
	}
	return false
}

// decodeBinary reads the HTTP binding's binary mode: attributes in headers, the data as the body.
func decodeBinary(r *http.Request, body []byte) (Event, error) {
	var c cloudEvent
	for header := range r.Header {
		suffix, ok := strings.CutPrefix(header, attributePrefix)
		if !ok {
			continue
		}
		attribute := c.attribute(strings.ToLower(suffix))
		if attribute == nil {
			continue
		}
		value, _, err := oneHeader(r, header)
		if err != nil {
			return Event{}, err
		}
		if *attribute, err = attributeValue(header, value); err != nil {
			return Event{}, err
		}
	}
	c.datacontenttype = nil // the Content-Type says it, and was checked
	if len(trimSpace(body)) > 0 {
		c.data = body
	}
	return c.event()
}

// attributeValue decodes a header's value (HTTP binding, section 3.1.3.2): first the quotes of older producers, then
// one round of percent-encoding.
func attributeValue(header, value string) (*string, error) {
	if text, ok := unquote(value); ok {
		value = text
	}
	text, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(text) {
		return nil, problem.New(problem.Malformed, "%s: %q is not percent-encoded UTF-8: %%20 for a space, %%25 for a percent sign",
			strings.ToLower(header), brief(value))
	}
	return &text, nil
}

// isJSON tells whether a media type is JSON by its name (RFC 6839, section 3.1).
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"))
}
