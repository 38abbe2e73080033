package leat_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
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
      say: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string } } }, examples: [{ text: Hi }] }
    backend: { url: "http://127.0.0.1:1", timeout: 50ms }
  plain:
    transports: [sse]
    commands:
      wind: { schema: { type: integer }, examples: [7] }
    events:
      tick: { schema: { type: integer }, examples: [1] }
    backend: { url: "http://127.0.0.1:1", timeout: 50ms }
  hidden:
    transports: [websocket, grpc]
    events:
      tick: { schema: { type: [integer, boolean] } }
  typing:
    key: path
    durability: none
    events:
      started: { schema: { type: object, required: [user], properties: { user: { type: string } } } }
`

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
				select {
				case answer := <-answers:
					return answer(ctx, c)
				case <-ctx.Done():
					return leat.Answer{}, ctx.Err()
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := newWalker(t, front.URL, version)
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
	w.operations(func(path, method string, op map[string]any) {
		for status := range objectIn(op["responses"]) {
			late := status == "504" && slowBackend(c, path)
			if !w.seen[method+" "+path+" "+status] && !late {
				t.Errorf("%s %s: nothing was answered with %s", method, path, status)
			}
		}
	})
}

func (w *walker) get(path string, op map[string]any, c *contract.Contract) {
	content := objectIn(objectIn(op["responses"].(map[string]any)["200"])["content"])
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
	for _, p := range objectsIn(op["parameters"]) {
		name, _ := p["name"].(string)
		value, ok := p["example"]
		if enum := itemsIn(objectIn(p["schema"])["enum"]); len(enum) > 0 {
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
			query := url.Values{name: queryTexts(value)}
			r.query = "?" + query.Encode()
		case "header":
			r.headers = []string{name, queryTexts(value)[0]}
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
		post := w.at("/paths/" + pointerToken(path) + "/post").(map[string]any)
		w.expect(path, "post", post, "202", w.body(post, "application/json")[0])
	}
	item := "/paths/" + pointerToken(path) + "/get/responses/200/content/" + pointerToken(media) + "/itemSchema"
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

// body gives a request for each example of a media type.
func (w *walker) body(op map[string]any, media string) []request {
	content := objectIn(objectIn(op["requestBody"])["content"])
	var all []request
	examples := objectIn(objectIn(content[media])["examples"])
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		value := objectIn(examples[name])["value"]
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
	if objectIn(op["responses"])["202"] != nil {
		stored = "202"
	}
	isCommand := strings.HasPrefix(path, "/commands/")
	content := objectIn(objectIn(op["requestBody"])["content"])
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
	if objectIn(op["responses"])["412"] != nil {
		w.expect(path, "post", op, "412", asJSON(example.body, "If-None-Match", "*"))
		w.expect(path, "post", op, "200", asJSON(example.body, "Idempotency-Key", w.firstOf(path, op, example)))
	}
	if !isCommand {
		return
	}
	answers <- func(context.Context, leat.Command) (leat.Answer, error) { return leat.Answer{}, errors.New("broken") }
	w.expect(path, "post", op, "502", example)
	if !slowBackend(c, path) {
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
					"ce-specversion", "1.0", "ce-id", path + strconv.Itoa(len(requests)), "ce-source", "/binary", "ce-type", e.Type}})
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

// slowBackend tells whether waiting until the backend's answer is late would take long.
func slowBackend(c *contract.Contract, path string) bool {
	return c.Stream(strings.Split(path, "/")[2]).Backend.Timeout >= time.Second
}
