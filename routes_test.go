package leat_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// http.ServeMux would answer these with a redirect, and a POST that follows it would land in another room or stream.
func TestAPathThatOthersWouldCleanIsRefused(t *testing.T) {
	server, front := newHouse(t)
	mounted := httptest.NewServer(http.StripPrefix("/live", server.Handler()))
	defer mounted.Close()
	for target, says := range map[string]string{
		"/events/rooms/.":          `a key cannot be \".\"`,
		"/events/rooms/..":         `a key cannot be \"..\"`,
		"/events/rooms/%2e%2E":     `a key cannot be \"..\"`,
		"/events/rooms/":           "1 to 256 bytes",
		"/events/rooms//":          "empty segment",
		"/events/rooms/x/..":       `segment \"..\"`,
		"/events/rooms/./x":        `segment \".\"`,
		"/events/log/../rooms":     `segment \"..\"`,
		"/events//rooms":           "empty segment",
		"/events//":                "empty segment",
		"/events/":                 "/events/{stream}",
		"/events/..":               "/events/{stream}",
		"//events/rooms":           "empty segment",
		"/./events/rooms":          `segment \".\"`,
		"/x/../events/rooms":       `segment \"..\"`,
		"/ws/rooms/..":             `a key cannot be \"..\"`,
		"/ws/rooms/":               "1 to 256 bytes",
		"/ws//rooms":               "empty segment",
		"/ws/":                     "/ws/{stream}",
		"/ws/..":                   "/ws/{stream}",
		"//ws":                     "empty segment",
		"//readyz":                 "empty segment",
		"/events/rooms/..?after=x": `a key cannot be \"..\"`,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			response, body := ask(t, front, method, target)
			wantProblem(t, response, body, http.StatusBadRequest, says)
			response, body = ask(t, mounted, method, "/live"+target)
			wantProblem(t, response, body, http.StatusBadRequest, says)
			if t.Failed() {
				t.Fatalf("after %s %s", method, target)
			}
		}
	}
}

func TestKeysArePercentEncodedSegments(t *testing.T) {
	_, front := newHouse(t)
	for target, key := range map[string]string{
		"/events/rooms/a%2Fb":        "a/b",
		"/events/rooms/%2E%2E%2Fb":   "../b",
		"/events/rooms/...":          "...",
		"/events/rooms/%2525":        "%25",
		"/events/rooms/a%20b+c":      "a b+c",
		"/events/rooms/%F0%9F%98%80": "😀",
		"/events/rooms":              "default",
	} {
		x := dial(t, front)
		x.say("POST "+target+" HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 25", "", `{"type":"said","data":{}}`)
		if response, body := x.hear(http.MethodPost); response.StatusCode != http.StatusCreated {
			t.Errorf("POST %s: %d %s", target, response.StatusCode, body)
		}
		response, body := ask(t, front, http.MethodGet, target+"?last=1", "Accept: application/json")
		if response.StatusCode != http.StatusOK || !strings.Contains(body, `"key":"`+key+`"`) {
			t.Errorf("GET %s: %d %s, want an event of key %s", target, response.StatusCode, body, key)
		}
	}
}

func TestUnknownPathsAreToldWhatThereIs(t *testing.T) {
	_, front := newHouse(t)
	for _, target := range []string{"/", "/event/rooms", "/events", "/events/rooms/a/b", "/ws/rooms/a/b", "/healthz/", "/healthz/x", "/nothing/"} {
		response, body := ask(t, front, http.MethodGet, target)
		wantProblem(t, response, body, http.StatusNotFound, "/events/{stream}/{key}")
	}
}

// HTTP/2 resets the stream of a request that is answered before its body is read, and curl then tells its user of a
// framing error instead of what was wrong.
func TestARefusalReadsTheBodyFirst(t *testing.T) {
	server, _ := newHouse(t)
	for _, tt := range []struct {
		method, target, origin string
		status                 int
	}{
		{http.MethodPost, "/nothing", "", http.StatusNotFound},
		{http.MethodPost, "/events/rooms/", "", http.StatusBadRequest},
		{http.MethodPut, "/events/log", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/events/log", "https://evil.example", http.StatusForbidden},
		{http.MethodPost, "/events/lag", "", http.StatusNotFound},
	} {
		body := strings.NewReader(`{"type":"noted","data":{}}`)
		request := httptest.NewRequest(tt.method, tt.target, body)
		if tt.origin != "" {
			request.Header.Set("Origin", tt.origin)
		}
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, request)
		if answer.Code != tt.status || body.Len() > 0 {
			t.Errorf("%s %s: %d with %d bytes not read, want %d", tt.method, tt.target, answer.Code, body.Len(), tt.status)
		}
	}
}

// A page must be able to read what is wrong with its address.
func TestEveryPathHasItsCORSHeaders(t *testing.T) {
	_, front := newHouse(t)
	for target, allow := range map[string]string{
		"/events/log":                    "GET, HEAD, OPTIONS, POST",
		"/ws":                            "GET, OPTIONS",
		"/healthz":                       "GET, HEAD, OPTIONS",
		"/leat.v1.StreamService/Publish": "OPTIONS, POST",
		"/readyz":                        "GET, HEAD, OPTIONS",
		"/nothing":                       "GET, HEAD, OPTIONS, POST",
		"/events/rooms/..":               "GET, HEAD, OPTIONS, POST",
	} {
		for _, method := range []string{http.MethodPut, http.MethodHead, http.MethodOptions} {
			for origin, allowed := range map[string]string{front.URL: front.URL, "http://evil.example": ""} {
				response, _ := ask(t, front, method, target, "Origin: "+origin)
				header := response.Header
				if got := header.Get("Access-Control-Allow-Origin"); got != allowed || !slices.Contains(header.Values("Vary"), "Origin") {
					t.Errorf("%s %s from %s: Access-Control-Allow-Origin %q, Vary %q", method, target, origin, got, header.Values("Vary"))
				}
				if method == http.MethodOptions && (response.StatusCode != http.StatusNoContent || header.Get("Allow") != allow) {
					t.Errorf("OPTIONS %s: %d, Allow %q, want 204, %q", target, response.StatusCode, header.Get("Allow"), allow)
				}
			}
		}
	}
}

// Some clients close their half of a connection when their request is whole (RFC 9112, section 9.6). net/http takes
// that for a client that is gone, and ends the request's context.
func TestAClientThatClosesItsHalfIsAnswered(t *testing.T) {
	_, front := newHouse(t)
	const noted, said = `{"type":"noted","data":{}}`, `{"type":"said","data":{}}`
	for name, tt := range map[string]struct{ request, media, body, says string }{
		"one event": {"POST /events/log", "application/json", noted, `{"id":"`},
		"an array":  {"POST /events/log", "application/json", "[" + noted + "," + noted + "]", `{"ids":["`},
		"condition": {"POST /events/rooms/%d", "application/json\r\nIf-None-Match: *", said, `{"id":"`},
		"upload":    {"POST /events/log", "application/x-ndjson", strings.Repeat(noted+"\n", 500), `{"stored":500,"refused":0,`},
		"ready":     {"GET /readyz", "text/plain", "", `{"status":"ready"}`},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 20 { // whether the end is seen in time to do harm is a matter of chance
				x := dial(t, front)
				x.say(strings.Replace(tt.request, "%d", strconv.Itoa(round), 1)+" HTTP/1.1", "Host: x",
					"Content-Type: "+tt.media, "Content-Length: "+strconv.Itoa(len(tt.body)), "", tt.body)
				if err := x.conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if response, body := x.hear(http.MethodPost); response.StatusCode >= 400 || !strings.Contains(body, tt.says) {
					t.Fatalf("got %d %s, want %s", response.StatusCode, body, tt.says)
				}
			}
		})
	}
}
