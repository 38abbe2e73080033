package leat_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

const houseText = `
leat: 1
info: { title: House, version: 1.0.0 }
streams:
  rooms: { key: path, durability: memory, events: { said: { schema: { type: object } } } }
  log: { durability: memory, events: { noted: { schema: { type: object } } } }
`

// newHouse serves a stream of rooms and one without keys.
func newHouse(t *testing.T, options ...leat.Option) (*leat.Server, *httptest.Server) {
	t.Helper()
	return open(t, houseText, options...)
}

// open serves a contract until the test is over.
func open(t *testing.T, text string, options ...leat.Option) (*leat.Server, *httptest.Server) {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(context.Background(), c, options...)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	})
	return server, front
}

// An exchange is a connection on which a request is said byte by byte: clients of a library tidy it up.
type exchange struct {
	t    *testing.T
	conn *net.TCPConn
	in   *bufio.Reader
}

func dial(t *testing.T, server *httptest.Server) *exchange {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &exchange{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

func (x *exchange) say(lines ...string) {
	x.t.Helper()
	if _, err := io.WriteString(x.conn, strings.Join(lines, "\r\n")); err != nil {
		x.t.Fatal(err)
	}
}

// hear gives the answer to a request of a method.
func (x *exchange) hear(method string) (*http.Response, string) {
	x.t.Helper()
	response, err := http.ReadResponse(x.in, &http.Request{Method: method})
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return response, string(body)
}

// ask makes one request with a raw target; headers are "Name: value".
func ask(t *testing.T, server *httptest.Server, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	x := dial(t, server)
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + server.Listener.Addr().String(), "Connection: close"}, headers...)
	x.say(append(lines, "", "")...)
	return x.hear(method)
}

// wantProblem checks that an answer is a problem that says what it should.
func wantProblem(t *testing.T, response *http.Response, body string, status int, says string) {
	t.Helper()
	if response.StatusCode != status || response.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, says) {
		t.Errorf("got %d %s %s, want %d, a problem that says %q", response.StatusCode, response.Header.Get("Content-Type"), body, status, says)
	}
}
