package websocket

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/socket"
)

// The subprotocols; no subprotocol is leatFlat.
const (
	leatV1          = "leat.v1"
	leatFlat        = "leat.flat"
	cloudEventsJSON = "cloudevents.json"
)

// checkUpgrade refuses a request that does not ask for a WebSocket as RFC 6455, section 4.2.1, has it.
func checkUpgrade(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor != 1 || r.ProtoMinor < 1 {
		return problem.New(problem.Malformed, "%s is a WebSocket endpoint, and opens over HTTP/1.1, not %s", r.URL.Path, r.Proto)
	}
	if r.Method != http.MethodGet || !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		return problem.New(problem.Malformed, "%s is a WebSocket endpoint: open it with a WebSocket client (GET with Connection: Upgrade and Upgrade: websocket)", r.URL.Path)
	}
	if version := r.Header.Get("Sec-WebSocket-Version"); version != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		return problem.New(problem.Malformed, "Sec-WebSocket-Version is %q: only 13 (RFC 6455) is spoken here", version)
	}
	if key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key")); err != nil || len(key) != 16 {
		return problem.New(problem.Malformed, "Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455, section 4.1)")
	}
	return nil
}

// chooseSubprotocol takes the first one offered that is spoken here: the order is the client's preference. Empty
// where none is offered.
func chooseSubprotocol(r *http.Request) (string, error) {
	known := []string{leatV1, leatFlat, cloudEventsJSON}
	if r.PathValue("stream") == "" {
		known = []string{leatV1}
	}
	offered := tokens(r.Header, "Sec-WebSocket-Protocol")
	for _, name := range offered {
		if slices.Contains(known, name) {
			return name, nil
		}
	}
	switch {
	case len(known) == 1:
		return "", problem.New(problem.Malformed, "/ws speaks the subprotocol %s alone, and it was not offered (Sec-WebSocket-Protocol); without it, connect to /ws/{stream}", leatV1)
	case len(offered) > 0:
		return "", problem.New(problem.Malformed, "none of the offered subprotocols (%s) is spoken here: there are %s, and none at all for the flat framing",
			strings.Join(offered, ", "), strings.Join(known, ", "))
	}
	return "", nil
}

// upgrade takes the connection from net/http and answers the handshake (RFC 6455, section 4.2.2), with the headers
// that were set before.
func (c *client) upgrade(w http.ResponseWriter, r *http.Request, subprotocol string) error {
	header := w.Header().Clone()
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-WebSocket-Accept", accept(r.Header.Get("Sec-WebSocket-Key")))
	if subprotocol != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take the connection of a WebSocket from its server: %w", err)
	}
	conn = socket.Bare(conn)
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // frames that came on the heels of the request
	c.take(conn, r.TLS != nil, bytes.Clone(early))
	var answer strings.Builder
	answer.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = header.Write(&answer) // to memory
	answer.WriteString("\r\n")
	_ = conn.SetWriteDeadline(time.Now().Add(hub.SlowAfter))
	if _, err := io.WriteString(conn, answer.String()); err != nil {
		_ = conn.Close() // it is no longer HTTP's to answer: the first read notices
	}
	_ = conn.SetWriteDeadline(time.Time{})
	return nil
}

// accept proves to the client that the server has understood it (RFC 6455, section 4.2.2, 5.4).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// tokens lists the values of a header that is a comma-separated list.
func tokens(header http.Header, name string) []string {
	var list []string
	for _, line := range header.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				list = append(list, token)
			}
		}
	}
	return list
}

func hasToken(header http.Header, name, token string) bool {
	return slices.ContainsFunc(tokens(header, name), func(t string) bool { return strings.EqualFold(t, token) })
}
