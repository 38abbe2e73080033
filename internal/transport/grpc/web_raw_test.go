package grpc_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
)

// post sends what a client sends that has no library.
func post(t *testing.T, url, contentType, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// Browsers send text/plain, forms and bodies without a type to any server without asking first.
func TestWhatAPageMaySendUnaskedIsRefused(t *testing.T) {
	n := start(t)
	url := front(t, n)
	const body = `{"event": {"stream": "orders", "type": "order.shipped", "data": "eyJvcmRlcklkIjoib3JfMSJ9"}}`
	for _, contentType := range []string{"", "text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "text/json", "json", "application/json,text/plain", "application/xml", "application/connect+xml"} {
		response, text := post(t, url+"/leat.v1.StreamService/Publish", contentType, body)
		if response.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(response.Header.Get("Accept-Post"), "application/json") {
			t.Errorf("%q: %d %s, want 415", contentType, response.StatusCode, text)
		}
	}
	response, text := post(t, url+"/leat.v1.StreamService/Publish", "Application/JSON; charset=utf-8", body)
	if response.StatusCode != http.StatusOK || !strings.HasSuffix(text, `-1"}`) {
		t.Errorf("got %d %s, want 200 and the first event's id: nothing before was stored", response.StatusCode, text)
	}
}

func TestAConnectErrorIsPlainJSON(t *testing.T) {
	n := start(t)
	url := front(t, n)
	for _, tt := range []struct {
		path, contentType, body, header string
		status                          int
		says                            string
	}{
		{"leat.v1.StreamService/Publish", "application/json", `{"event": {"strem": "orders"}}`, "", 400, `unknown field \"strem\"`},
		{"leat.v1.StreamService/Publish", "application/json", `{`, "", 400, `"code":"invalid_argument"`},
		{"leat.v1.StreamService/Publish", "application/proto", "\xff", "", 400, `"code":"invalid_argument"`},
		{"leat.v1.StreamService/Publish", "application/json", `{}`, "Connect-Protocol-Version: 2", 400, "only 1 is known"},
		{"leat.v1.StreamService/Publish", "application/json", `{}`, "Connect-Timeout-Ms: soon", 400, "at most ten digits"},
		{"leat.v1.StreamService/Publish", "application/json", `{}`, "Grpc-Timeout: soon", 400, "grpc-timeout"},
		{"leat.v1.StreamService/Publish", "application/json", `{}`, "Content-Encoding: zstd", 501, `"code":"unimplemented"`},
		{"leat.v1.StreamService/Publish", "application/json", `{"event": {"stream": "orders", "type": "order.shipped", "data": "e30="}}`, "", 400,
			`"debug":{"type":"about:blank","title":"Unprocessable Entity","status":422`},
		{"leat.v1.StreamService/Publish", "application/json", strings.Repeat(" ", 5<<20) + `{}`, "", 429, `"code":"resource_exhausted"`},
		{"leat.v1.StreamService/Subscribe", "application/json", `{}`, "", 415, "application/connect+json"},
		{"leat.v1.StreamService/Publish", "application/connect+json", "\x00\x00\x00\x00\x02{}", "", 415, "must be application/json"},
		{"leat.v1.StreamService/Connect", "application/connect+json", "", "", 505, "HTTP/2"},
		{"leat.v1.StreamService/Publish", "application/grpc", "", "", 415, "HTTP/2"},
		{"leat.v1.StreamService/Nothing", "application/json", "{}", "", 501, "no method"},
		{"orders.v1.OrdersService/Publish", "application/connect+json", "\x00\x00\x00\x00\x07{\"x\":1}", "", 200, `"refused":"1"`},
		{"orders.v1.OrdersService/Publish", "application/connect+json", "\x02\x00\x00\x00\x02{}", "", 200, `"refused":"1"`},
		{"orders.v1.OrdersService/Publish", "application/connect+json", "\x00\x00\x00\x00\x09{}", "", 200, `{"error":{"code":`},
		{"orders.v1.OrdersService/Subscribe", "application/connect+json", "\x00\x00\x00\x00\x07{\"x\":1}", "", 200, `{"error":{"code":"invalid_argument"`},
		{"orders.v1.OrdersService/Subscribe", "application/connect+json", "", "", 200, `{"error":{"code":`},
		{"orders.v1.OrdersService/Subscribe", "application/connect+json", "\x00\x00\x00\x00\x02{}", "Connect-Timeout-Ms: 20", 200, `{"error":{"code":"deadline_exceeded"`},
		{"orders.v1.OrdersService/Subscribe", "application/connect+proto", "\x00\x00\x00\x00\x00", "Connect-Timeout-Ms: 20", 200, `{"error":{"code":"deadline_exceeded"`},
		{"grpc.health.v1.Health/Check", "application/json", `{"service": "orders.v1.OrdersService"}`, "", 200, `{"status":"SERVING"}`},
	} {
		var header []string
		if tt.header != "" {
			header = append(header, tt.header)
		}
		response, text := post(t, url+"/"+tt.path, tt.contentType, tt.body, header...)
		if response.StatusCode != tt.status || !strings.Contains(text, tt.says) {
			t.Errorf("%s %s %.40q %s: %d %q, want %d and %s", tt.path, tt.contentType, tt.body, tt.header, response.StatusCode, text, tt.status, tt.says)
		}
	}
}

// What gRPC's own client library for browsers sends.
func TestGRPCWebIsSpokenAsTextToo(t *testing.T) {
	n := start(t)
	url := front(t, n)
	for codec, bodies := range map[string][2]string{
		"":       {"\x00\x00\x00\x00\x0a\x0a\x06orders0\x01", "\x00\x00\x00\x00\x00"}, // stream: orders, last: 1
		"+proto": {"\x00\x00\x00\x00\x0a\x0a\x06orders0\x01", "\x00\x00\x00\x00\x00"},
		"+json":  {"\x00\x00\x00\x00\x1c{\"stream\":\"orders\",\"last\":1}", "\x00\x00\x00\x00\x02{}"},
	} {
		id := dial(t, n, n.native).publish(t, shipped("or_1"))
		call := func(method, body, until string) string {
			request, err := http.NewRequestWithContext(within(t), http.MethodPost, url+"/leat.v1.StreamService/"+method,
				strings.NewReader(base64.StdEncoding.EncodeToString([]byte(body))))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/grpc-web-text"+codec)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer http.DefaultClient.CloseIdleConnections()
			defer response.Body.Close()
			if got, want := response.Header.Get("Content-Type"), "application/grpc-web-text+"; !strings.HasPrefix(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			var answer []byte
			for !bytes.Contains(answer, []byte(until)) { // any number of texts with padding, one behind the other
				var quad [4]byte
				if _, err := io.ReadFull(response.Body, quad[:]); err != nil {
					t.Fatalf("after %q: %v, want %s", answer, err, until)
				}
				part, err := base64.StdEncoding.DecodeString(string(quad[:]))
				if err != nil {
					t.Fatalf("%q: %v", quad, err)
				}
				answer = append(answer, part...)
			}
			return string(answer)
		}
		if got := call("Subscribe", bodies[0], "leat.live"); !strings.Contains(got, id) {
			t.Errorf("got %q, want %s", got, id)
		}
		if got := call("ListStreams", bodies[1], "grpc-status: 0\r\n"); !strings.Contains(got, id) || !strings.Contains(got, "\x80\x00\x00\x00\x10grpc") {
			t.Errorf("got %q, want %s, and trailers", got, id)
		}
	}
}
