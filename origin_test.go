package leat_test

import (
	"context"
	"net"
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

// The admin listener can be on loopback where the public one is not, so what counts is where the request has come in.
func TestWhoMayAdministrateIsKnownByOrigin(t *testing.T) {
	loopback, lan := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8081}
	named := []leat.Option{leat.WithOrigins("https://console.example.com")}
	for name, tt := range map[string]struct {
		options      []leat.Option
		at           net.Addr
		host, origin string
		trusted      bool
	}{
		"no page":                          {nil, loopback, "127.0.0.1:8081", "", true},
		"localhost":                        {nil, loopback, "127.0.0.1:8081", "http://localhost:8081", true},
		"rebound":                          {nil, loopback, "evil.example:8081", "http://evil.example:8081", false},
		"another's":                        {nil, loopback, "127.0.0.1:8081", "https://evil.example", false},
		"no origin to tell":                {nil, loopback, "127.0.0.1:8081", "null", false},
		"named":                            {named, loopback, "console.example.com", "https://console.example.com", true},
		"its own, off loopback":            {nil, lan, "leat.internal:8081", "http://leat.internal:8081", true},
		"another's, off loopback":          {nil, lan, "leat.internal:8081", "http://leat.internal:8080", false},
		"localhost, off loopback":          {nil, lan, "leat.internal:8081", "http://localhost", false},
		"where the stream is for all":      {[]leat.Option{leat.WithOrigins("*")}, loopback, "127.0.0.1:8081", "https://evil.example", false},
		"public alone is on loopback":      {[]leat.Option{leat.WithLoopback()}, lan, "leat.internal:8081", "http://leat.internal:8081", true},
		"a socket that is not of TCP":      {[]leat.Option{leat.WithLoopback()}, &net.UnixAddr{}, "x", "http://x", false},
		"a socket of nothing that listens": {nil, nil, "x", "http://x", true},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := newHouse(t, tt.options...)
			for _, method := range []string{http.MethodDelete, http.MethodPost, http.MethodGet} {
				path := "/connections/none-1"
				if method == http.MethodPost {
					path += "/events"
				}
				request := httptest.NewRequest(method, "http://"+tt.host+path, strings.NewReader(`{}`))
				if tt.at != nil {
					request = request.WithContext(context.WithValue(request.Context(), http.LocalAddrContextKey, tt.at))
				}
				request.Header.Set("Content-Type", "application/json")
				if tt.origin != "" {
					request.Header.Set("Origin", tt.origin)
				}
				answer := httptest.NewRecorder()
				server.AdminHandler().ServeHTTP(answer, request)
				want := http.StatusNotFound // there is no such connection
				if !tt.trusted && method != http.MethodGet {
					want = http.StatusForbidden
				}
				if answer.Code != want || answer.Header().Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: got %d %s, want %d", method, answer.Code, answer.Body, want)
				}
			}
		})
	}
}
