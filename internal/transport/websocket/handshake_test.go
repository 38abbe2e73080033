package websocket_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestRefusalsAreProblemsThatSayWhatWouldBeRight(t *testing.T) {
	server := idle(t)
	good := handshake("/ws", "leat.v1")
	for name, c := range map[string]struct {
		request string
		status  int
		detail  string // part of it
		header  string // name: value
	}{
		"no upgrade":                {"GET /ws HTTP/1.1\r\nHost: leat\r\n\r\n", 400, "WebSocket endpoint", "Upgrade: websocket"},
		"another upgrade":           {strings.Replace(good, "websocket", "h2c", 1), 400, "WebSocket endpoint", "Upgrade: websocket"},
		"another version":           {strings.Replace(good, "Version: 13", "Version: 8", 1), 400, "13", "Sec-WebSocket-Version: 13"},
		"no version":                {strings.Replace(good, "Sec-WebSocket-Version: 13\r\n", "", 1), 400, "13", "Sec-WebSocket-Version: 13"},
		"a short key":               {strings.Replace(good, "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 1), 400, "16 bytes", ""},
		"no subprotocol on /ws":     {handshake("/ws", ""), 400, "leat.v1", ""},
		"leat.flat on /ws":          {handshake("/ws", "leat.flat"), 400, "leat.v1", ""},
		"unknown subprotocols":      {handshake("/ws/orders", "mqtt, cloudevents.avro"), 400, "leat.v1, leat.flat, cloudevents.json", ""},
		"cloudevents.json on /ws":   {handshake("/ws", "cloudevents.json"), 400, "leat.v1", ""},
		"unknown stream":            {handshake("/ws/ordres", ""), 404, `did you mean "orders"?`, ""},
		"unknown parameter":         {handshake("/ws/orders?afer=earliest", ""), 400, `did you mean "after"?`, ""},
		"parameter twice":           {handshake("/ws/orders?last=1&last=2", ""), 400, "2 times", ""},
		"malformed parameter":       {handshake("/ws/orders?after=yesterday", ""), 400, "b7k2-1042", ""},
		"parameter on /ws":          {handshake("/ws?after=earliest", "leat.v1"), 400, "nothing is subscribed", ""},
		"malformed query":           {handshake("/ws/orders?after=%zz", ""), 400, "query", ""},
		"a key where there is none": {handshake("/ws/orders/k", ""), 404, "no keys", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var problem struct{ Detail string }
			if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status || !strings.Contains(problem.Detail, c.detail) ||
				response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %q (%s), want %d with %q", response.StatusCode, problem.Detail, response.Header.Get("Content-Type"), c.status, c.detail)
			}
			if name, value, ok := strings.Cut(c.header, ": "); ok && response.Header.Get(name) != value {
				t.Errorf("got header %s: %q, want %q", name, response.Header.Get(name), value)
			}
		})
	}
}

func TestFramesOnTheHeelsOfTheHandshakeAreRead(t *testing.T) {
	conn, err := net.Dial("tcp", idle(t).Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(append([]byte(handshake("/ws", "leat.v1")), frame(ping, "early")...)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, upgraded(t, conn)); got.Header.OpCode != ws.OpPong || string(got.Payload) != "early" {
		t.Errorf("got %v %q", got.Header.OpCode, got.Payload)
	}
}
