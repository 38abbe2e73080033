package leat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// fetch asks for a document; headers are names and values in turn.
func fetch(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestDocumentsAreServed(t *testing.T) {
	_, front := open(t, truthText)
	for path, want := range map[string][2]string{
		"/openapi.yaml":                            {"application/yaml", "openapi: \"3.1.0\"\n"},
		"/openapi.yaml?version=3.0":                {"application/yaml", "openapi: \"3.0.3\"\n"},
		"/openapi.json?version=3.2&_=1":            {"application/json", "{\n  \"openapi\": \"3.2.0\",\n"},
		"/asyncapi.yaml":                           {"application/yaml", "asyncapi: \"3.1.0\"\n"},
		"/asyncapi.json":                           {"application/json", "{\n  \"asyncapi\": \"3.1.0\",\n"},
		"/schemas/orders/order.shipped":            {"application/schema+json", "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"$id\": \"" + front.URL + "/schemas/orders/order.shipped\",\n"},
		"/schemas/rooms/say":                       {"application/schema+json", "{\n  \"$schema\""},
		"/protos/orders/v1/orders.proto":           {"text/plain; charset=utf-8", "syntax = "},
		"/schemas/%6frders/order%2Eshipped":        {"application/schema+json", "{\n  \"$schema\""},
		"/schemas/orders/order.shipped?whatever=1": {"application/schema+json", "{\n  \"$schema\""},
	} {
		response, body := fetch(t, http.MethodGet, front.URL+path)
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != want[0] || !strings.HasPrefix(body, want[1]) {
			t.Errorf("GET %s: %s, %s, %.200s", path, response.Status, response.Header.Get("Content-Type"), body)
		}
		tag := response.Header.Get("ETag")
		if tag == "" || response.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("GET %s: ETag %q, Cache-Control %q", path, tag, response.Header.Get("Cache-Control"))
		}
		if again, body := fetch(t, http.MethodGet, front.URL+path, "If-None-Match", tag); again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("GET %s again: %s, %q", path, again.Status, body)
		}
		if head, text := fetch(t, http.MethodHead, front.URL+path); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(body)) || text != "" {
			t.Errorf("HEAD %s: %s, %d bytes of %d", path, head.Status, head.ContentLength, len(body))
		}
	}
}

func TestADocumentThatIsNotThereSaysWhatIs(t *testing.T) {
	_, front := open(t, truthText)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/openapi.yaml?version=2.0":   {400, "3.0, 3.1 or 3.2"},
		"/openapi.yaml?version":       {400, "3.0, 3.1 or 3.2"},
		"/openapi.json?vesion=3.0":    {400, "there is version"},
		"/openapi.yaml/":              {404, "/openapi.yaml"},
		"/openapi":                    {404, "/openapi.yaml"},
		"/schemas/orders":             {404, "/schemas/{stream}/{eventType}"},
		"/schemas/order/x":            {404, `did you mean \"orders\"`},
		"/schemas/orders/order.ship":  {404, `did you mean \"order.shipped\"`},
		"/schemas/orders/order.ship/": {404, "/schemas/{stream}/{eventType}"},
	} {
		response, body := fetch(t, http.MethodGet, front.URL+path)
		wantProblem(t, response, body, want.status, want.says)
	}
	response, body := fetch(t, http.MethodPost, front.URL+"/openapi.yaml")
	wantProblem(t, response, body, http.StatusMethodNotAllowed, "GET, HEAD, OPTIONS")
}

// Who reads a document elsewhere has to find the server by it.
func TestDocumentsNameTheServerAsItWasAsked(t *testing.T) {
	server, front := open(t, truthText)
	mounted := httptest.NewServer(http.StripPrefix("/live/v1", server.Handler()))
	defer mounted.Close()
	for _, test := range []struct {
		url, want string
		headers   []string
	}{
		{front.URL, front.URL, nil},
		{mounted.URL + "/live/v1", mounted.URL + "/live/v1", nil},
		{front.URL, "https://api.example.org:8443", []string{"Host", "api.example.org:8443", "X-Forwarded-Proto", "https"}},
		{front.URL, "http://[::1]:80", []string{"Host", "[::1]:80"}},
		{front.URL, "http://a%3Fb'", []string{"Host", "a%3Fb'"}},
		{front.URL, "http://a", []string{"Host", "a:"}},
	} {
		var doc struct {
			Servers []struct{ URL string }
		}
		_, text := fetch(t, http.MethodGet, test.url+"/openapi.json", test.headers...)
		if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Servers) != 1 || doc.Servers[0].URL != test.want {
			t.Errorf("%v: servers %v, want %s: %v", test.headers, doc.Servers, test.want, err)
		}
		doc.Servers = nil
		_, text = fetch(t, http.MethodGet, test.url+"/openapi.yaml", test.headers...)
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Servers) != 1 || doc.Servers[0].URL != test.want {
			t.Errorf("%v: servers %v in YAML, want %s: %v", test.headers, doc.Servers, test.want, err)
		}
		var schema struct {
			ID string `json:"$id"`
		}
		_, text = fetch(t, http.MethodGet, test.url+"/schemas/orders/order.shipped", test.headers...)
		if err := json.Unmarshal([]byte(text), &schema); err != nil || schema.ID != test.want+"/schemas/orders/order.shipped" {
			t.Errorf("%v: $id %q: %v", test.headers, schema.ID, err)
		}
	}
}
