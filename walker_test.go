package leat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A walker compares what a document says with what the server does.
type walker struct {
	t      *testing.T
	url    string
	doc    map[string]any
	schema *jsonschema.Compiler // nil for 3.0, whose schemas are of another dialect
	seen   map[string]bool      // METHOD PATH STATUS
}

// newWalker fetches the document of a version.
func newWalker(t *testing.T, url, version string) *walker {
	t.Helper()
	w := &walker{t: t, url: url, seen: map[string]bool{}}
	_, text := fetch(t, http.MethodGet, url+"/openapi.json?version="+version)
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
	return w
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
	for _, p := range objectsIn(op["parameters"]) {
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
	w.seen[method+" "+path+" "+status] = true
	place := "/paths/" + pointerToken(path) + "/" + method + "/responses/" + status
	said, ok := op["responses"].(map[string]any)[status].(map[string]any)
	if !ok {
		w.t.Errorf("%s %s: %s is not documented", method, path, status)
		return
	}
	if ref, ok := said["$ref"].(string); ok {
		place = strings.TrimPrefix(ref, "#")
		said = w.at(place).(map[string]any)
	}
	for name, h := range objectIn(said["headers"]) {
		if h.(map[string]any)["required"] == true && response.Header.Get(name) == "" {
			w.t.Errorf("%s %s: %s has no header %s", method, path, status, name)
		}
	}
	contentType := response.Header.Get("Content-Type")
	if objectIn(said["content"])[contentType] == nil {
		w.t.Errorf("%s %s: the Content-Type of %s is %q; documented are %v", method, path, status, contentType, slices.Collect(maps.Keys(objectIn(said["content"]))))
		return
	}
	if contentType == "application/json" || contentType == "application/problem+json" {
		w.valid(place+"/content/"+pointerToken(contentType)+"/schema", body)
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

// at follows a JSON Pointer into the document.
func (w *walker) at(pointer string) any {
	var value any = w.doc
	for token := range strings.SplitSeq(pointer[1:], "/") {
		value = objectIn(value)[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return value
}

func pointerToken(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

func objectIn(value any) map[string]any {
	object, _ := value.(map[string]any)
	return object
}

func objectsIn(value any) []map[string]any {
	var all []map[string]any
	for _, item := range itemsIn(value) {
		all = append(all, objectIn(item))
	}
	return all
}

func itemsIn(value any) []any {
	items, _ := value.([]any)
	return items
}

// texts gives a parameter's example as a query has it.
func queryTexts(value any) []string {
	if items, ok := value.([]any); ok {
		var all []string
		for _, item := range items {
			all = append(all, queryTexts(item)...)
		}
		return all
	}
	if text, ok := value.(string); ok {
		return []string{text}
	}
	return []string{fmt.Sprint(value)} // a bool, or a number that is whole and small
}
