package websocket_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/websocket"
)

// A WebSocket's goroutines are ours, so net/http does not catch what goes wrong in them.
func TestABugEndsItsConnectionAndNotTheProcess(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	registry := prometheus.NewRegistry()
	h := hub.New(hub.Options{Logger: logger, Registry: registry})
	handler := websocket.New(&contract.Contract{}, h, ingest.New(logger, registry), nil, logger)
	server := listen(t, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(brokenWriter{w}, r)
	}))
	conn := dialRaw(t, server, "/ws", "leat.v1")
	farewell, err := io.ReadAll(conn)
	if err != nil || len(farewell) < 4 || farewell[0] != 0x88 || int(farewell[2])<<8|int(farewell[3]) != 1011 {
		t.Fatalf("got % x, %v, want a close frame of 1011", farewell, err)
	}
	id := regexp.MustCompile(`id ([0-9a-f]{8})`).FindStringSubmatch(string(farewell[4:]))
	if id == nil {
		t.Fatalf("the close frame says %q, want the id under which the log has more", farewell[4:])
	}
	drained(t, h) // so nobody writes to the log any more
	if text := log.String(); !strings.Contains(text, "id "+id[1]+": panic: a bug") || !strings.Contains(text, "brokenConn).Read") {
		t.Errorf("the log says %q, want the id %s and where it was", text, id[1])
	}
}

// A brokenWriter gives a connection away that has a bug.
type brokenWriter struct{ http.ResponseWriter }

func (w brokenWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	return &brokenConn{Conn: conn}, buffered, err
}

type brokenConn struct {
	net.Conn
	reads int
}

func (c *brokenConn) Read(p []byte) (int, error) {
	if c.reads++; c.reads == 1 {
		panic("a bug")
	}
	return c.Conn.Read(p)
}
