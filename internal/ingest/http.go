package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// ServeHTTP answers POST /events/{stream} and POST /events/{stream}/{key} (path values "stream" and "key").
func (in *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := in.answer(w, r)
	if err != nil {
		p := problem.From(err)
		if p.Kind == problem.Internal {
			in.logger.ErrorContext(r.Context(), "publish", "stream", r.PathValue("stream"), "error", p)
		}
		Refuse(w, r, p)
		return
	}
	answer.write(w)
}

// Refuse answers a request with a problem when it has read what is left of the body, within reason. Many clients do
// not look for an answer before they have sent all, and would tell their users of a broken pipe instead of what was
// wrong; on HTTP/2 net/http resets the stream of a body that is not read.
func Refuse(w http.ResponseWriter, r *http.Request, p *problem.Error) {
	drain(r, p.Kind)
	problem.Write(w, p)
}

// maxDrain is how much of a refused body is read and thrown away.
const maxDrain = 2 * maxRequestBytes

// drain reads what is left of a refused body. Nobody waits for the end of an endless upload, nor for a body that
// Expect: 100-continue has kept back.
func drain(r *http.Request, kind problem.Kind) {
	known := 0 < r.ContentLength && r.ContentLength <= maxDrain
	if r.Header.Get("Expect") == "" && (known || kind == problem.TooLarge && r.ContentLength < 0) {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrain) // the answer goes out in any case
	}
}

// publishWithin bounds what becomes of a body that is there. The request's own context says nothing about it: net/http
// ends it also for a client that has closed its half of the connection, and waits for the answer.
const publishWithin = 30 * time.Second

// answer refuses what it can before the body is read: a client that sent Expect: 100-continue then keeps it.
func (in *Ingest) answer(w http.ResponseWriter, r *http.Request) (*answer, error) {
	stream := r.PathValue("stream")
	if _, _, err := in.begin(stream, pathOptions(r)); err != nil {
		return nil, err
	}
	if err := noParameters(r); err != nil {
		return nil, err
	}
	form, err := formOf(r.Header)
	if err != nil {
		return nil, err
	}
	o, err := headerOptions(r)
	if err != nil {
		return nil, err
	}
	ctx := context.WithoutCancel(r.Context())
	if form == formUpload {
		return in.serveUpload(ctx, r, stream, o)
	}
	if _, _, err := in.begin(stream, o); err != nil {
		return nil, err
	}
	body, err := readBody(w, r, bodyTooLarge)
	if err != nil {
		return nil, err
	}
	events, several, err := decodeBody(r, form, body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	results, many, err := in.publish(ctx, stream, events, several, o)
	if err != nil {
		return nil, err
	}
	if many {
		return manyAnswer(results), nil
	}
	return singleAnswer(results[0]), nil
}

// A form is how a body carries events.
type form int

const (
	formJSON       form = iota // one event or an array
	formStructured             // a CloudEvent
	formBatch                  // an array of CloudEvents
	formBinary                 // a CloudEvent's data, its attributes in headers
	formUpload                 // one event a line
)

const accepted = "application/json (an event or an array), application/x-ndjson (an event a line), " +
	"application/cloudevents+json, application/cloudevents-batch+json, or any JSON with the ce- headers of CloudEvents"

func formOf(h http.Header) (form, error) {
	media, err := mediaType(h, accepted)
	if err != nil {
		return 0, err
	}
	switch {
	case media == "application/cloudevents+json":
		return formStructured, nil
	case media == "application/cloudevents-batch+json":
		return formBatch, nil
	case isBinary(h) && isJSON(media):
		return formBinary, nil
	case media == "application/json":
		return formJSON, nil
	case media == "application/x-ndjson":
		return formUpload, nil
	}
	return 0, notAccepted(media, accepted)
}

// mediaType is that of a body which is not encoded, in UTF-8; accepted is what errors tell.
func mediaType(h http.Header, accepted string) (string, error) {
	for _, coding := range h.Values("Content-Encoding") {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return "", problem.New(problem.UnsupportedMedia, "Content-Encoding %q: send the body as it is", brief(coding))
		}
	}
	contentType := h.Get("Content-Type")
	if contentType == "" {
		return "", problem.New(problem.UnsupportedMedia, "there is no Content-Type; accepted: %s", accepted)
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", problem.New(problem.UnsupportedMedia, "Content-Type %q is not well-formed; accepted: %s", brief(contentType), accepted)
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", problem.New(problem.UnsupportedMedia, "charset %q: JSON is UTF-8 (RFC 8259, section 8.1)", brief(charset))
	}
	return media, nil
}

// notAccepted is the problem of a body of another kind than those accepted.
func notAccepted(media, accepted string) error {
	hint := ""
	if media == "application/x-www-form-urlencoded" {
		hint = " (what curl -d sends unless told otherwise: add -H 'Content-Type: application/json')"
	}
	return problem.New(problem.UnsupportedMedia, "Content-Type %q is not accepted%s; accepted: %s", brief(media), hint, accepted)
}

func readBody(w http.ResponseWriter, r *http.Request, tooLarge func() error) ([]byte, error) {
	var body bytes.Buffer
	if r.ContentLength > maxRequestBytes {
		return nil, tooLarge()
	}
	// A claim of a length gets no memory before it comes true.
	body.Grow(int(min(max(r.ContentLength, 0)+bytes.MinRead, 64<<10)))
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequestBytes)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge()
		}
		return nil, problem.New(problem.Malformed, "the body broke off after %d bytes; nothing was stored: %w", body.Len(), err)
	}
	return body.Bytes(), nil
}

func bodyTooLarge() error {
	return problem.New(problem.TooLarge, "the body has more than %d bytes: send several arrays, or application/x-ndjson; "+
		"if one event is that large, %s", maxRequestBytes, claimCheck)
}

func decodeBody(r *http.Request, form form, body []byte) (events []Event, several bool, err error) {
	d := newDecoder("the body", body)
	defer d.release()
	var e Event
	switch form {
	case formJSON:
		return decodeEvents(d, decodeEvent)
	case formBatch:
		if d.PeekKind() != '[' {
			return nil, false, problem.New(problem.Malformed, "a CloudEvents batch is a JSON array: send a single event as application/cloudevents+json")
		}
		d.like = cloudEventExample
		return decodeEvents(d, decodeCloudEvent)
	case formStructured:
		d.like = cloudEventExample
		e, err = decodeOne(d, decodeCloudEvent)
	case formBinary:
		e, err = decodeBinary(r, body)
	}
	return []Event{e}, false, err
}

// An answer is that to a publish request which succeeded.
type answer struct {
	status int
	id     event.Position // of a single event
	body   any
}

type singleBody struct {
	ID        string `json:"id,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

type manyBody struct {
	IDs       []string `json:"ids,omitempty"`
	Duplicate bool     `json:"duplicate,omitempty"`
}

func singleAnswer(r Result) *answer {
	return &answer{successStatus(r.ID, r.Duplicate), r.ID, singleBody{r.ID.String(), r.Duplicate}}
}

func manyAnswer(results []Result) *answer {
	body := manyBody{Duplicate: true}
	for _, r := range results {
		body.Duplicate = body.Duplicate && r.Duplicate
		if !r.ID.IsZero() {
			body.IDs = append(body.IDs, r.ID.String())
		}
	}
	return &answer{status: successStatus(results[0].ID, body.Duplicate), body: body}
}

func successStatus(id event.Position, duplicate bool) int {
	switch {
	case duplicate:
		return http.StatusOK
	case id.IsZero():
		return http.StatusAccepted
	}
	return http.StatusCreated
}

func (a *answer) write(w http.ResponseWriter) {
	text, err := json.Marshal(a.body)
	if err != nil {
		panic(err) // strings, numbers and bools alone
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)+1))
	if !a.id.IsZero() {
		header.Set("ETag", `"`+a.id.String()+`"`) // what If-Match takes
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, string(text)+"\n") // the client is gone, and there is nobody to tell
}
