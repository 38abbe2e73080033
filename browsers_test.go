package leat_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat"
)

// A page may call what it may publish to, over Connect and gRPC-Web as over plain HTTP.
func TestWhoMayCallIsKnownByOrigin(t *testing.T) {
	server, front := newHouse(t, leat.WithLoopback(), leat.WithOrigins("https://app.example.com"))
	const publish = "/leat.v1.StreamService/Publish"
	const body = `{"event": {"stream": "log", "type": "noted", "data": "e30="}}`
	for contentType, body := range map[string]string{
		"application/json":          body,
		"application/connect+json":  "\x00\x00\x00\x00\x02{}",
		"application/grpc-web+json": "\x00\x00\x00\x00\x3d" + body,
		"text/plain":                body,
	} {
		for origin, trusted := range map[string]bool{"": true, "http://localhost:3000": true, "https://app.example.com": true,
			"https://evil.example": false, "null": false} {
			path := publish
			if contentType == "application/connect+json" {
				path = "/log.v1.LogService/Publish"
			}
			request := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080"+path, strings.NewReader(body))
			request.Header.Set("Content-Type", contentType)
			if origin != "" {
				request.Header.Set("Origin", origin)
			}
			answer := httptest.NewRecorder()
			server.Handler().ServeHTTP(answer, request)
			want := http.StatusOK
			switch {
			case !trusted:
				want = http.StatusForbidden
			case contentType == "text/plain":
				want = http.StatusUnsupportedMediaType
			}
			allowed := answer.Header().Get("Access-Control-Allow-Origin")
			if answer.Code != want || trusted && allowed != origin || !trusted && allowed != "" {
				t.Errorf("%s from %q: %d %s, allowed %q; want %d", contentType, origin, answer.Code, answer.Body, allowed, want)
			}
			if exposed := answer.Header().Get("Access-Control-Expose-Headers"); trusted && origin != "" && !strings.Contains(exposed, "Grpc-Status-Details-Bin") {
				t.Errorf("exposes %q", exposed)
			}
		}
	}
	_, body2 := ask(t, front, http.MethodGet, "/events/log", "Accept: application/json")
	if stored := strings.Count(body2, `"type":"noted"`); stored != 6 {
		t.Errorf("%d events are stored, want those of 3 trusted origins in 2 protocols: %s", stored, body2)
	}
}

func TestPagesMayAskBeforeTheyCall(t *testing.T) {
	_, front := newHouse(t, leat.WithLoopback())
	const wanted = "connect-protocol-version,connect-timeout-ms,content-type,grpc-timeout,x-grpc-web,x-user-agent"
	for _, path := range []string{"/leat.v1.StreamService/Subscribe", "/rooms.v1.RoomsService/Subscribe"} {
		for origin, allow := range map[string]string{"http://localhost:3000": wanted, "https://evil.example": ""} {
			response, _ := ask(t, front, http.MethodOptions, path, "Origin: "+origin, "Access-Control-Request-Method: POST",
				"Access-Control-Request-Headers: "+wanted)
			if got := response.Header.Get("Access-Control-Allow-Headers"); response.StatusCode != http.StatusNoContent || got != allow {
				t.Errorf("%s from %s: %d, allows %q, want %q", path, origin, response.StatusCode, got, allow)
			}
		}
		response, body := ask(t, front, http.MethodGet, path)
		wantProblem(t, response, body, http.StatusMethodNotAllowed, "it takes OPTIONS, POST")
	}
}

func TestACallOverHTTP11ThatIsGRPCIsToldWhatThereIs(t *testing.T) {
	_, front := newHouse(t)
	response, body := ask(t, front, http.MethodPost, "/log.v1.LogService/Subscribe", "Content-Type: application/grpc", "Content-Length: 0")
	wantProblem(t, response, body, http.StatusUnsupportedMediaType, "gRPC needs HTTP/2")
	response, body = ask(t, front, http.MethodPost, "/lag.v1.LagService/Subscribe", "Content-Type: application/connect+json", "Content-Length: 0")
	wantProblem(t, response, body, http.StatusNotFound, "/{gRPC service}/{method}")
}
