package websocket_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idle is a server of one stream without a log: good for all that is not about events.
func idle(t testing.TB) *httptest.Server {
	h, handler := withoutLog()
	return listen(t, h, handler)
}

func withoutLog() (*hub.Hub, *websocket.Handler) {
	c := &contract.Contract{Streams: []*contract.Stream{{Name: "orders", MaxEventBytes: 64 << 10, Transports: []contract.Transport{contract.WebSocket}}}}
	registry := prometheus.NewRegistry()
	h := hub.New(hub.Options{Logger: slog.New(slog.DiscardHandler), Registry: registry})
	h.Add(c.Streams[0], noLog{})
	in := ingest.New(slog.New(slog.DiscardHandler), registry)
	return h, websocket.New(c, h, in, nil, slog.New(slog.DiscardHandler))
}

// noLog is never asked.
type noLog struct{ hub.Log }

// listen serves a handler on a port of its own until the test ends.
func listen(t testing.TB, h *hub.Hub, handler http.Handler) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /ws", handler)
	mux.Handle("GET /ws/{stream}", handler)
	mux.Handle("GET /ws/{stream}/{key}", handler)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Before", "kept") // as a middleware would
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		drained(t, h)
	})
	return server
}

// drained ends all connections, and waits for them.
func drained(t testing.TB, h *hub.Hub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Drain(ctx, 0); err != nil {
		t.Errorf("drain: %v", err)
	}
}

// dialRaw opens a WebSocket by hand.
func dialRaw(t testing.TB, server *httptest.Server, path, subprotocol string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, handshake(path, subprotocol)); err != nil {
		t.Fatal(err)
	}
	return upgraded(t, conn)
}

func handshake(path, subprotocol string) string {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: leat\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path)
	if subprotocol != "" {
		request += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	return request + "\r\n"
}

// upgraded reads the answer to a handshake, byte by byte so that no frame is swallowed.
func upgraded(t testing.TB, conn net.Conn) net.Conn {
	t.Helper()
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); head.Write(b) {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("handshake: %v after %q", err, head.String())
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head.String())), nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %q", err, head.String())
	}
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("Sec-WebSocket-Accept is %q", got) // RFC 6455, section 1.3, has this example
	}
	return conn
}
