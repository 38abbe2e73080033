package leat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

// A name of the attacker's that resolves to 127.0.0.1 makes Origin and Host equal (DNS rebinding): on loopback that
// proves nothing.
func TestWhoMayWriteIsKnownByOrigin(t *testing.T) {
	loopback := []leat.Option{leat.WithLoopback()}
	allowed := []leat.Option{leat.WithLoopback(), leat.WithOrigins("https://API.example.com:443/")}
	for name, tt := range map[string]struct {
		options      []leat.Option
		host, origin string
		trusted      bool
	}{
		"rebound":                      {loopback, "evil.example:8080", "http://evil.example:8080", false},
		"behind a proxy":               {loopback, "api.example.com", "https://api.example.com", false},
		"behind a proxy, named":        {allowed, "api.example.com", "https://api.example.com", true},
		"localhost":                    {loopback, "127.0.0.1:8080", "http://localhost:3000", true},
		"below localhost":              {loopback, "127.0.0.1:8080", "https://App.Localhost", true},
		"loopback address":             {loopback, "127.0.0.1:8080", "http://127.0.0.2:8080", true},
		"IPv6 loopback address":        {loopback, "[::1]:8080", "http://[::1]:8080", true},
		"looks like localhost":         {loopback, "x", "http://localhost.evil.example", false},
		"no origin to tell":            {loopback, "127.0.0.1:8080", "null", false},
		"its own, off loopback":        {nil, "api.example.com", "http://api.example.com:80", true},
		"another's, off loopback":      {nil, "api.example.com", "http://api.example.com:81", false},
		"localhost, off loopback":      {nil, "api.example.com", "http://localhost", false},
		"anybody's":                    {[]leat.Option{leat.WithOrigins("*")}, "api.example.com", "https://x", true},
		"own, beside one that's named": {[]leat.Option{leat.WithOrigins("https://x")}, "api.example.com", "https://api.example.com", true},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := newHouse(t, tt.options...)
			request := httptest.NewRequest(http.MethodPost, "http://"+tt.host+"/events/log", strings.NewReader(`{"type":"noted","data":{}}`))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Origin", tt.origin)
			answer := httptest.NewRecorder()
			server.Handler().ServeHTTP(answer, request)
			if tt.trusted {
				if answer.Code != http.StatusCreated || answer.Header().Get("Access-Control-Allow-Origin") != tt.origin {
					t.Errorf("got %d %s", answer.Code, answer.Body)
				}
				return
			}
			if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "allow-origin") || answer.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
			if onLoopback := strings.Contains(answer.Body.String(), "loopback"); onLoopback != (tt.options != nil) {
				t.Errorf("says %s", answer.Body)
			}
		})
	}
}

func TestAnOriginThatIsNoneIsAnError(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte(houseText))
	if err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"foo", "", "localhost:3000", "//app.example.com", "https://", "https://a/b", "https://a?b", "https://u@a", "https://a, https://b", "https://*.example.com"} {
		server, err := leat.Open(context.Background(), c, leat.WithOrigins("https://a", origin))
		if err == nil {
			server.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "is no origin: give SCHEME://HOST[:PORT], such as https://app.example.com") {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

func TestOpenWithoutAContractIsAnError(t *testing.T) {
	if _, err := leat.Open(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "contract.Load") {
		t.Errorf("got %v", err)
	}
}
