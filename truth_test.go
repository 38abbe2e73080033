package leat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// truthText has every kind of stream that a document tells apart.
const truthText = `
leat: 1
info: { title: Truth, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    events:
      order.shipped:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, parts: { type: array, items: { $ref: "#" } } } }
        examples: [{ orderId: or_1, parts: [{ orderId: or_2 }] }, { orderId: or_3 }]
      order.cancelled:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, why: { type: [string, "null"] } } }
        examples: [{ orderId: or_1, why: null }]
  rooms:
    key: path
    durability: memory
    commands:
      say: { schema: { type: object, required: [text], properties: { text: { type: string } } }, examples: [{ text: Hi }] }
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string } } }, examples: [{ text: Hi }] }
    backend: { url: "http://127.0.0.1:1", timeout: 50ms }
  plain:
    transports: [sse]
    commands:
      wind: { schema: { type: integer }, examples: [7] }
    events:
      tick: { schema: { type: integer }, examples: [1] }
    backend: { url: "http://127.0.0.1:1" }
  hidden:
    transports: [websocket, grpc]
    events:
      tick: { schema: { type: [integer, boolean] }, examples: [1, true] }
  typing:
    key: path
    durability: none
    events:
      started: { schema: { type: object, properties: { user: { type: string } } }, examples: [{ user: Zoe }] }
`

// A walker compares what a document says with what the server does.
type walker struct {
	t      *testing.T
	url    string
	doc    map[string]any
	schema *jsonschema.Compiler // nil for 3.0, whose schemas are of another dialect
	seen   map[string]int       // how often each status was got
}

func TestTheDocumentsTellTheTruth(t *testing.T) {
	demo, err := contract.Load("internal/demo/leat.yaml")
	if err != nil {
		t.Fatal(err)
	}
	truth, err := contract.Parse("leat.yaml", []byte(truthText))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*contract.Contract{"truth": truth, "demo": demo} {
		for _, version := range []string{"3.0", "3.1", "3.2"} {
			t.Run(name+" "+version, func(t *testing.T) { walkDocument(t, c, version) })
		}
	}
}


func walkDocument(t *testing.T, c *contract.Contract, version string) {
	t.Helper()
	server, err := leat.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server.Handler())
	defer front.Close()
	defer http.DefaultClient.CloseIdleConnections()
	answers := make(chan leat.CommandHandler, 1)
	for _, s := range c.Streams {
		for _, name := range s.CommandNames() {
			if err := server.HandleCommand(s.Name, name, func(ctx context.Context, c leat.Command) (leat.Answer, error) {
				return (<-answers)(ctx, c)
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := &walker{t: t, url: front.URL, seen: map[string]int{}}
	_, text := fetch(t, http.MethodGet, front.URL+"/openapi.json?version="+version)
	if err := json.Unmarshal([]byte(text), &w.doc); err != nil {
		t.Fatal(err)
	}
	if version != "3.0" {
		w.schema = jsonschema.NewCompiler()
		w.schema.DefaultDraft(jsonschema.Draft2020)
		w.schema.AssertFormat()
		w.schema.AssertContent()
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.schema.AddResource("http://leat.invalid/openapi.json", value); err != nil {
			t.Fatal(err)
		}
	}
	w.operations(func(path, method string, op map[string]any) {
		if method == "post" {
			w.post(path, op, answers, c)
		}
	})
	w.operations(func(path, method string, op map[string]any) {
		if method == "get" {
			w.get(path, op, c)
		}
	})
	if err := server.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
	w.operations(func(path, method string, op map[string]any) {
		w.expect(path, method, op, "503", request{accept: "application/x-ndjson", contentType: "application/json", body: "{}"})
	})
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	for _, status := range []string{"200", "201", "202", "400", "403", "406", "412", "413", "415", "422", "502", "503", "504", "default"} {
		if w.seen[status] == 0 && (status != "504" || c.Info.Title == "Truth") {
			t.Errorf("nothing was answered with %s", status)
		}
	}
}

// operations visits every operation of the document.
func (w *walker) operations(visit func(path, method string, op map[string]any)) {
	paths := w.doc["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range []string{"get", "post"} {
			if op, ok := item[method].(map[string]any); ok {
				visit(path, method, op)
			}
		}
		for name := range item {
			if name != "get" && name != "post" && name != "x-leat" {
				w.t.Errorf("%s has %q, which is not walked", path, name)
			}
		}
	}
}

// A request is what an operation is asked; the path's parameters are those of its examples.
type request struct {
	query, accept, contentType, body string
	headers                          []string
	method                           string // where it is not the operation's
}

func (w *walker) send(path, method string, op map[string]any, r request) (*http.Response, context.CancelFunc) {
	w.t.Helper()
	for _, p := range list(op["parameters"]) {
		if p["in"] == "path" {
			path = strings.ReplaceAll(path, "{"+p["name"].(string)+"}", url.PathEscape(p["example"].(string)))
		}
	}
	if r.method != "" {
		method = r.method
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), w.url+path+r.query, strings.NewReader(r.body))
	if err != nil {
		w.t.Fatal(err)
	}
	if r.accept != "" {
		request.Header.Set("Accept", r.accept)
	}
	if r.contentType != "" && method != "get" {
		request.Header.Set("Content-Type", r.contentType)
	}
	for i := 0; i < len(r.headers); i += 2 {
		request.Header.Set(r.headers[i], r.headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, cancel
}

// expect sends a request that must be answered with a status, as the document says that it is.
func (w *walker) expect(path, method string, op map[string]any, status string, r request) {
	w.t.Helper()
	response, cancel := w.send(path, method, op, r)
	defer cancel()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := strconv.Itoa(response.StatusCode); got != status && status != "default" {
		w.t.Errorf("%s %s %v: got %s, want %s: %s", method, path, r, got, status, body)
		return
	}
	w.documented(path, method, op, status, response, body)
}

// documented finds what the document says of an answer, and compares it.
func (w *walker) documented(path, method string, op map[string]any, status string, response *http.Response, body []byte) {
	w.t.Helper()
	w.seen[status]++
	place := "/paths/" + escape(path) + "/" + method + "/responses/" + status
	said, ok := op["responses"].(map[string]any)[status].(map[string]any)
	if !ok {
		w.t.Errorf("%s %s: %s is not documented", method, path, status)
		return
	}
	if ref, ok := said["$ref"].(string); ok {
		place = strings.TrimPrefix(ref, "#")
		said = w.at(place).(map[string]any)
	}
	for name, h := range of(said["headers"]) {
		if h.(map[string]any)["required"] == true && response.Header.Get(name) == "" {
			w.t.Errorf("%s %s: %s has no header %s", method, path, status, name)
		}
	}
	contentType := response.Header.Get("Content-Type")
	if of(said["content"])[contentType] == nil {
		w.t.Errorf("%s %s: the Content-Type of %s is %q; documented are %v", method, path, status, contentType, slices.Collect(maps.Keys(of(said["content"]))))
		return
	}
	if contentType == "application/json" || contentType == "application/problem+json" {
		w.valid(place+"/content/"+escape(contentType)+"/schema", body)
	}
}

// valid checks JSON against the schema at a place of the document.
func (w *walker) valid(place string, body []byte) {
	w.t.Helper()
	if w.schema == nil {
		return
	}
	schema, err := w.schema.Compile("http://leat.invalid/openapi.json#" + (&url.URL{Path: place}).EscapedPath())
	if err != nil {
		w.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		w.t.Errorf("%s: %v in %s", place, err, body)
		return
	}
	if err := schema.Validate(value); err != nil {
		w.t.Errorf("%s is not what is said at %s: %v", body, place, err)
	}
}

func (w *walker) get(path string, op map[string]any, c *contract.Contract) {
	content := of(of(op["responses"].(map[string]any)["200"])["content"])
	for media := range content {
		if media == "application/json" {
			w.expect(path, "get", op, "200", request{accept: media})
			continue
		}
		w.live(path, op, media, c)
	}
	w.expect(path, "get", op, "400", request{query: "?nope=1"})
	w.expect(path, "get", op, "406", request{accept: "image/png"})
	w.expect(path, "get", op, "default", request{method: http.MethodDelete})
	for _, p := range list(op["parameters"]) {
		name, _ := p["name"].(string)
		value, ok := p["example"]
		if enum := list2(of(p["schema"])["enum"]); len(enum) > 0 {
			value, ok = enum[0], true
		}
		if !ok || p["in"] == "path" {
			continue
		}
		r := request{accept: "application/json"}
		if content["application/json"] == nil || name == "heartbeats" {
			r.accept = "text/event-stream"
		}
		switch p["in"] {
		case "query":
			query := url.Values{name: texts(value)}
			r.query = "?" + query.Encode()
		case "header":
			r.headers = []string{name, texts(value)[0]}
		}
		response, cancel := w.send(path, "get", op, r)
		if response.StatusCode != http.StatusOK || name == "Prefer" && response.Header.Get("Preference-Applied") == "" {
			w.t.Errorf("get %s with the example of %s: %s, %v", path, name, response.Status, response.Header)
		}
		cancel()
		response.Body.Close()
	}
}

// live reads what a live answer has, event by event.
func (w *walker) live(path string, op map[string]any, media string, c *contract.Contract) {
	w.t.Helper()
	stream := c.Stream(strings.Split(path, "/")[2])
	r := request{accept: media, query: "?after=earliest"}
	if stream.Durability == contract.None {
		r.query = ""
	}
	response, cancel := w.send(path, "get", op, r)
	defer cancel()
	defer response.Body.Close()
	w.documented(path, "get", op, "200", response, nil)
	if stream.Durability == contract.None {
		post := w.at("/paths/" + escape(path) + "/post").(map[string]any)
		w.expect(path, "post", post, "202", w.body(post, "application/json")[0])
	}
	item := "/paths/" + escape(path) + "/get/responses/200/content/" + escape(media) + "/itemSchema"
	in := bufio.NewReader(response.Body)
	for n := 0; ; n++ {
		one, name := readLine(w.t, in)
		if media == "text/event-stream" {
			one, name = readBlock(w.t, in)
		}
		if w.doc["openapi"] == "3.2.0" {
			w.valid(item, one)
		}
		if name == "leat.live" || stream.Durability == contract.None {
			if n == 0 && stream.Durability != contract.None {
				w.t.Errorf("%s has no event", path)
			}
			return
		}
	}
}

func readLine(t *testing.T, in *bufio.Reader) (item []byte, name string) {
	t.Helper()
	if _, err := in.Peek(1); err != nil {
		t.Fatal(err)
	}
	first, err := in.Peek(1)
	if err != nil || first[0] != '{' {
		return nil, ""
	}
	line, err := in.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Type string }
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatal(err)
	}
	return line, e.Type
}

// readBlock gives the next block that has data, as an object of its fields.
func readBlock(t *testing.T, in *bufio.Reader) (item []byte, name string) {
	t.Helper()
	fields := map[string]any{}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "retry":
			fields[field], err = strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
		case field != "":
			fields[field] = value
		case fields["data"] == nil:
			clear(fields)
		default:
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			return text, fields["event"].(string)
		}
	}
}

// body gives a request for each example of a media type.
func (w *walker) body(op map[string]any, media string) []request {
	content := of(of(op["requestBody"])["content"])
	var all []request
	examples := of(of(content[media])["examples"])
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		value := of(examples[name])["value"]
		text, isText := value.(string)
		if !isText {
			encoded, err := json.Marshal(value)
			if err != nil {
				w.t.Fatal(err)
			}
			text = string(encoded)
		}
		all = append(all, request{contentType: media, body: text})
	}
	return all
}

func (w *walker) post(path string, op map[string]any, answers chan leat.CommandHandler, c *contract.Contract) {
	stored := "201"
	if of(op["responses"])["202"] != nil {
		stored = "202"
	}
	isCommand := strings.HasPrefix(path, "/commands/")
	content := of(of(op["requestBody"])["content"])
	for _, media := range slices.Sorted(maps.Keys(content)) {
		w.postAs(path, op, media, stored, answers)
	}
	example := w.body(op, "application/json")[0]
	var decoded struct{ Type string }
	if err := json.Unmarshal([]byte(example.body), &decoded); err != nil {
		w.t.Fatal(err)
	}
	asJSON := func(body string, headers ...string) request {
		return request{contentType: "application/json", body: body, headers: headers}
	}
	w.expect(path, "post", op, "400", asJSON(`{"type":`))
	w.expect(path, "post", op, "403", asJSON(example.body, "Origin", "https://other.example"))
	w.expect(path, "post", op, "413", asJSON(`{"type":"`+decoded.Type+`","data":"`+strings.Repeat("x", 1<<20)+`"}`))
	w.expect(path, "post", op, "415", request{contentType: "text/plain", body: "x"})
	w.expect(path, "post", op, "422", asJSON(`{"type":"`+decoded.Type+`"}`))
	w.expect(path, "post", op, "default", request{method: http.MethodPut, contentType: "application/json", body: "{}"})
	if of(op["responses"])["412"] != nil {
		w.expect(path, "post", op, "412", asJSON(example.body, "If-None-Match", "*"))
		w.expect(path, "post", op, "200", asJSON(example.body, "Idempotency-Key", w.firstOf(path, op, example)))
	}
	if !isCommand {
		return
	}
	answers <- func(context.Context, leat.Command) (leat.Answer, error) { return leat.Answer{}, errors.New("broken") }
	w.expect(path, "post", op, "502", example)
	if timeout := c.Stream(strings.Split(path, "/")[2]).Backend.Timeout; timeout.Seconds() < 1 {
		answers <- func(ctx context.Context, _ leat.Command) (leat.Answer, error) {
			<-ctx.Done()
			return leat.Answer{}, ctx.Err()
		}
		w.expect(path, "post", op, "504", example)
	}
}

// firstOf publishes an example under an idempotency key, which it gives.
func (w *walker) firstOf(path string, op map[string]any, example request) string {
	key := "again" + path
	example.headers = []string{"Idempotency-Key", key}
	w.expect(path, "post", op, "201", example)
	return key
}

// postAs sends the examples of a media type. A batch is of the structured examples; those in binary mode have their
// attributes in headers, for which OpenAPI has no example.
func (w *walker) postAs(path string, op map[string]any, media, stored string, answers chan leat.CommandHandler) {
	w.t.Helper()
	requests := w.body(op, media)
	status := stored
	switch {
	case strings.HasPrefix(path, "/commands/"):
		status = "200"
	case media == "application/x-ndjson":
		status = "200"
	case media == "application/cloudevents-batch+json" || media == "text/json":
		structured := w.body(op, "application/cloudevents+json")
		var all []string
		for _, r := range structured {
			body := strings.Replace(r.body, `"id":"`, `"id":"`+media, 1)
			all = append(all, body)
			if media == "text/json" {
				var e struct {
					Type string
					Data json.RawMessage
				}
				if err := json.Unmarshal([]byte(body), &e); err != nil {
					w.t.Fatal(err)
				}
				requests = append(requests, request{contentType: media, body: string(e.Data), headers: []string{
					"ce-specversion", "1.0", "ce-id", rand(path, len(requests)), "ce-source", "/binary", "ce-type", e.Type}})
			}
		}
		if media != "text/json" {
			body := strings.ReplaceAll("["+strings.Join(all, ",")+"]", `"source":"/examples"`, `"source":"`+path+`"`)
			requests = []request{{contentType: media, body: body}}
		}
	case media == "application/cloudevents+json":
		for i := range requests {
			requests[i].body = strings.Replace(requests[i].body, `"source":"/examples"`, `"source":"`+path+`"`, 1)
		}
	}
	if len(requests) == 0 {
		w.t.Errorf("post %s: %s has no example", path, media)
	}
	for _, r := range requests {
		if strings.HasPrefix(path, "/commands/") {
			answers <- func(_ context.Context, c leat.Command) (leat.Answer, error) { return leat.Answer{}, nil }
		}
		w.expect(path, "post", op, status, r)
	}
}

func rand(path string, n int) string { return path + strconv.Itoa(n) }

// at follows a JSON Pointer into the document.
func (w *walker) at(pointer string) any {
	var value any = w.doc
	for token := range strings.SplitSeq(pointer[1:], "/") {
		value = of(value)[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return value
}

func escape(token string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(token) }

func of(value any) map[string]any {
	object, _ := value.(map[string]any)
	return object
}

func list(value any) []map[string]any {
	var all []map[string]any
	for _, item := range list2(value) {
		all = append(all, of(item))
	}
	return all
}

func list2(value any) []any {
	items, _ := value.([]any)
	return items
}

// texts gives a parameter's example as a query has it.
func texts(value any) []string {
	if items, ok := value.([]any); ok {
		var all []string
		for _, item := range items {
			all = append(all, texts(item)...)
		}
		return all
	}
	if text, ok := value.(string); ok {
		return []string{text}
	}
	encoded, _ := json.Marshal(value)
	return []string{string(encoded)}
}
