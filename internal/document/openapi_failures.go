package document

import (
	"github.com/leatstream/leat/internal/problem"
)

// A failure is a response with a problem (RFC 9457).
type failure struct {
	status, name, description string
	kind                      problem.Kind
	detail                    string // of the example
	headers                   Map[*header]
}

var retryAfter = Map[*header]{{"Retry-After", &header{"Seconds to wait.", true, object("type", "integer", "minimum", 1)}}}

// failures are in the order in which documents list them.
var failures = []failure{
	{"400", "BadRequest", "A parameter, a header or the body is not well-formed: `detail` says which, and what would be right.",
		problem.Malformed, `last is "ten"; it is a number from 1 to 10000`, nil},
	{"401", "Unauthorized", "Who calls is not known.", 0, "", nil},
	{"403", "Forbidden", "The caller, or the browser page that it runs in, may not do this.",
		problem.Forbidden, `pages of origin "https://other.example" may not do this; the server's allow-origin setting lists those that may`, nil},
	{"406", "NotAcceptable", "Nothing here suits `Accept`; `detail` lists what there is.",
		problem.NotAcceptable, "nothing here suits Accept: image/png; there is text/event-stream, application/x-ndjson (both live) and application/json (a page)", nil},
	{"412", "PreconditionFailed", "`If-Match` or `If-None-Match` does not hold; nothing was stored.",
		problem.PreconditionFailed, "the newest event of the key is b7k2m4xq-1042: nothing was stored",
		Map[*header]{{"ETag", &header{Description: "The position of the newest event, if there is one.", Schema: object("type", "string")}}}},
	{"413", "TooLarge", "The body, or the data of an event, is too large; `detail` says the limit.",
		problem.TooLarge, "the data has 70000 bytes as compact JSON: store the body elsewhere and publish a reference to it", nil},
	{"415", "UnsupportedMediaType", "A body of this `Content-Type` is not taken; `detail` lists what is.",
		problem.UnsupportedMedia, `Content-Type "text/plain" is not accepted`, nil},
	{"422", "Invalid", "The body is not what the contract says: `errors` names each place.",
		problem.Invalid, "/data is required", nil},
	{"502", "BackendFailed", "The service that handles commands cannot be reached, or what it answered is no answer; `retryable` tells which.",
		problem.BackendUnavailable, "the backend cannot be reached; the command was not sent: send it again", nil},
	{"503", "Unavailable", "The server is shutting down, or its event log or backend does not answer now: it passes by itself. `detail` says whether the request can have had an effect.",
		problem.Draining, "this node is shutting down; nothing was stored or sent: send it again", retryAfter},
	{"504", "BackendLate", "The service that handles commands has not answered in time. It may have handled the command.",
		problem.BackendLate, "the backend has not answered within 5s; it may have handled the command", nil},
	{"default", "Problem", "Anything else that goes wrong.", problem.Internal, "something went wrong in the server; its log says what under id 5f3a91c2", nil},
}

// fail adds responses of failures to an operation.
func (b *openAPI) fail(o *operation, statuses ...string) {
	for _, status := range statuses {
		for _, f := range failures {
			if f.status == status {
				b.response(f)
				o.Responses.Set(status, &response{Ref: "#/components/responses/" + f.name})
			}
		}
	}
}

// response makes the component of a failure when it is needed first.
func (b *openAPI) response(f failure) {
	if b.responses[f.name] != nil {
		return
	}
	media := &mediaType{Schema: b.problem()}
	if f.detail != "" {
		media.Examples.Set("problem", &example{Value: mustParse(f.example().JSON())})
	}
	b.responses[f.name] = &response{Description: f.description, Headers: f.headers,
		Content: Map[*mediaType]{{"application/problem+json", media}}}
}

func (f failure) example() *problem.Error {
	p := &problem.Error{Kind: f.kind, Detail: f.detail}
	switch f.kind {
	case problem.PreconditionFailed:
		p.Position = examplePosition
	case problem.Invalid:
		p.Violations = []problem.Violation{{Pointer: "/data", Detail: "is required"}}
	}
	return p
}

// problem is the schema of all failures.
func (b *openAPI) problem() Object {
	if b.parts.schemas.Has("Problem") {
		return ref("Problem")
	}
	return b.parts.own("Problem", object(
		"type", "object",
		"description", "What went wrong (RFC 9457).",
		"required", []any{"type", "title", "status", "detail", "retryable"},
		"properties", object(
			"type", object("type", "string", "format", "uri-reference", "description", "about:blank, or what a backend says"),
			"title", object("type", "string"),
			"status", object("type", "integer", "minimum", 400, "maximum", 599),
			"detail", object("type", "string", "description", "What was wrong, where, and what would be right"),
			"retryable", object("type", "boolean", "description", "Whether the same request can succeed later"),
			"position", object("type", "string", "description", "Of the newest event, where a precondition failed"),
			"errors", object("type", "array", "description", "Each place that is not what the contract says", "items", object(
				"type", "object", "required", []any{"pointer", "detail"},
				"properties", object(
					"pointer", object("type", "string", "description", "JSON Pointer into the event (RFC 6901)"),
					"detail", object("type", "string"))))),
	))
}
