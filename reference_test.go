package leat_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheReferencePageIsServed(t *testing.T) {
	server, front := open(t, truthText)
	mounted := httptest.NewServer(http.StripPrefix("/live", server.Handler()))
	defer mounted.Close()
	for path, mediaType := range map[string]string{
		"/docs": "text/html; charset=utf-8", "/docs?whatever=1": "text/html; charset=utf-8", "/docs/page.js": "text/javascript; charset=utf-8",
		"/docs/page.css": "text/css; charset=utf-8", "/docs/icon.svg": "image/svg+xml", "/docs/contract.json": "application/json",
	} {
		response, body := fetch(t, http.MethodGet, front.URL+path)
		header := response.Header
		if response.StatusCode != http.StatusOK || header.Get("Content-Type") != mediaType || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: %s, %v", path, response.Status, header)
		}
		if again, rest := fetch(t, http.MethodGet, front.URL+path, "If-None-Match", header.Get("ETag")); again.StatusCode != http.StatusNotModified || rest != "" {
			t.Errorf("GET %s again: %s", path, again.Status)
		}
		if head, rest := fetch(t, http.MethodHead, front.URL+path); head.ContentLength != int64(len(body)) || rest != "" {
			t.Errorf("HEAD %s: %d bytes of %d", path, head.ContentLength, len(body))
		}
	}
	response, _ := fetch(t, http.MethodGet, front.URL+"/docs")
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("the page's policy is %q", policy)
	}
	for _, test := range []struct {
		url, want string
		headers   []string
	}{
		{front.URL, front.URL, nil},
		{mounted.URL + "/live", mounted.URL + "/live", nil},
		{front.URL, "https://api.example.org", []string{"Host", "api.example.org", "X-Forwarded-Proto", "https"}},
	} {
		if _, body := fetch(t, http.MethodGet, test.url+"/docs", test.headers...); !strings.Contains(body, "curl -N &#39;"+test.want+"/events/orders") {
			t.Errorf("%v: the page does not show how to subscribe at %s", test.headers, test.want)
		}
	}
	for path, want := range map[string]int{"/docs/": 404, "/docs/page": 404, "/docs/page.html": 404, "/docs/page/page.js": 404, "/docs/%2e%2e": 404, "/docs/..%2fpage.html": 404} {
		response, body := fetch(t, http.MethodGet, front.URL+path)
		wantProblem(t, response, body, want, "/docs")
	}
	response, body := fetch(t, http.MethodPost, front.URL+"/docs")
	wantProblem(t, response, body, http.StatusMethodNotAllowed, "GET, HEAD, OPTIONS")
}
