package backend_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// serveRaw has each command answered with the same bytes, and the connection kept open.
func serveRaw(t *testing.T, answer string, settings ...string) *house {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	held, over := sync.WaitGroup{}, make(chan struct{})
	held.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			held.Go(func() { holdRaw(conn, answer, over) })
		}
	})
	t.Cleanup(func() { // after the house's: it closes while the connections are held
		close(over)
		_ = l.Close()
		held.Wait()
	})
	return newHouse(t, "http://"+l.Addr().String(), settings...)
}

func holdRaw(conn net.Conn, answer string, over <-chan struct{}) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	_, _ = io.WriteString(conn, answer)
	<-over
}

// net/http hands over the connection of a 101: its body ends with neither the context nor the client.
func TestAnAnswerThatIsHeldOpenHoldsUpNobody(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
	for name, tt := range map[string]struct {
		answer string
		status int
		says   string
	}{
		"101":                    {switching, 502, "the status 101 Switching instead"},
		"101 with something":     {switching + "hello", 502, "the status 101 Switching instead"},
		"101 without an upgrade": {"HTTP/1.1 101 Switching\r\n\r\n", 502, "the status 101 Switching instead"},
		"an interim answer":      {"HTTP/1.1 103 Early Hints\r\n\r\n", 504, "within 200ms"},
		"a body without an end":  {"HTTP/1.1 200 OK\r\n\r\n{", 504, "within 200ms"},
		"a refusal half way":     {"HTTP/1.1 409 Conflict\r\nContent-Length: 100\r\n\r\n{", 504, "within 200ms"},
		"a failure half way":     {"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nx", 502, "the status 500 Oops instead"},
		"nothing":                {"", 504, "within 200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			h := serveRaw(t, tt.answer, "TIMEOUT=200ms")
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, err := h.says(t, "x")
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want an error that says %q", err, tt.says)
					return
				}
				wantProblem(t, err, tt.status, false, tt.says)
			}()
			within(t, "the answer", done)
		})
	}
}

func TestCloseWaitsForNoBackendThatHoldsItsAnswerOpen(t *testing.T) {
	for name, answer := range map[string]string{
		"a body without an end": "HTTP/1.1 200 OK\r\n\r\n{",
		"nothing":               "",
	} {
		t.Run(name, func(t *testing.T) {
			h := serveRaw(t, answer, "TIMEOUT=5m")
			sent, closed := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(sent)
				_, err := h.says(t, "x")
				wantProblem(t, err, 503, true, "")
			}()
			go func() {
				defer close(closed)
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}()
			within(t, "the end of Send", sent)
			within(t, "the end of Close", closed)
		})
	}
}
