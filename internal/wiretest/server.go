// Package wiretest tests leat as its clients see it: every behaviour over every transport, through real sockets and
// the real event log, with clients that share no code with leat's own.
package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

// A Server is a leat on real sockets of the loopback interface, which can be stopped, killed and started again.
type Server struct {
	t        testing.TB
	contract *contract.Contract
	options  []leat.Option
	data     string

	Leat *leat.Server
	URL  string // of the public listener; a restart keeps it
	GRPC string // host and port of the grpc listener

	public *http.Server
	served chan error

	services sync.Map // typed ones, by knownService: a storm of clients is to subscribe, not to reflect
}

// Orders is the contract that most tests use: streams orders (keys in the data), rooms (keys in the path), plain (no
// keys), memory and none (durabilities), and skip (slow: skip).
const Orders = `
leat: 1
info: { title: Wire tests, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    events:
      order.shipped:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, n: { type: integer }, pad: { type: string } } }
      order.cancelled:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, n: { type: integer } } }
  rooms:
    key: path
    events:
      said: { schema: { type: object, required: [text], properties: { text: { type: string } } } }
  plain:
    heartbeat: 1s
    events:
      tick: { schema: { type: integer } }
      tock: { schema: { type: object } }
  memory:
    durability: memory
    events: { tick: { schema: {} } }
  none:
    durability: none
    events: { tick: { schema: {} } }
  skip:
    slow: skip
    retention: { events: 1000000 }
    events: { tick: { schema: {} } }
  few:
    retention: { events: 10 }
    events: { tick: { schema: {} } }
  ssewire:
    transports: [sse]
    events: { tick: { schema: {} } }
`

// Start serves a contract until the test ends.
func Start(t testing.TB, text string, options ...leat.Option) *Server {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return StartContract(t, c, options...)
}

// StartContract serves a contract that is read already.
func StartContract(t testing.TB, c *contract.Contract, options ...leat.Option) *Server {
	t.Helper()
	s := &Server{t: t, contract: c, options: options, data: filepath.Join(t.TempDir(), "data")}
	s.open("127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(s.Stop)
	return s
}

// At is a server of another process, which has a public listener alone; Leat is nil.
func At(t testing.TB, url string) *Server { return &Server{t: t, URL: url} }

func (s *Server) open(public, grpc string) {
	s.t.Helper()
	logger := slog.New(slog.NewTextHandler(testWriter{s.t}, &slog.HandlerOptions{Level: slog.LevelError}))
	options := append([]leat.Option{leat.WithData(s.data), leat.WithLoopback(), leat.WithLogger(logger)}, s.options...)
	var err error
	if s.Leat, err = leat.Open(context.Background(), s.contract, options...); err != nil {
		s.t.Fatal(err)
	}
	listener := s.listen(public)
	grpcListener := s.listen(grpc)
	s.URL, s.GRPC = "http://"+listener.Addr().String(), grpcListener.Addr().String()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.public = &http.Server{Handler: s.Leat.Handler(), Protocols: &protocols, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelError)}
	s.served = make(chan error, 2)
	go func() { s.served <- s.public.Serve(listener) }()
	go func() { s.served <- s.Leat.ServeGRPC(grpcListener) }()
}

func (s *Server) listen(address string) net.Listener {
	s.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// Reload has the running server serve another contract, and forgets what clients know of the one before.
func (s *Server) Reload(text string) error {
	err := s.Leat.Reload(Context(s.t), func() (*contract.Contract, error) { return contract.Parse("leat.yaml", []byte(text)) })
	if err == nil {
		s.contract = s.Leat.Contract()
		s.services.Clear()
	}
	return err
}

// Stop closes the server cleanly; a second one does nothing.
func (s *Server) Stop() {
	if s.Leat == nil {
		return
	}
	if err := s.Leat.Close(); err != nil {
		s.t.Errorf("close: %v", err)
	}
	if err := s.public.Close(); err != nil {
		s.t.Errorf("close the public listener: %v", err)
	}
	for range 2 {
		if err := <-s.served; err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.t.Errorf("serve: %v", err)
		}
	}
	s.Leat = nil
}

// Restart stops the server cleanly and starts it on the same data and addresses; between lets a test touch the data.
func (s *Server) Restart(between func(data string)) {
	s.t.Helper()
	s.Stop()
	if between != nil {
		between(s.data)
	}
	s.open(s.URL[len("http://"):], s.GRPC)
}

// Crash starts the server anew on what a process killed now would leave: the data as it lies on the disk, with no
// chance to end cleanly.
func (s *Server) Crash(between func(data string)) {
	s.t.Helper()
	left := filepath.Join(s.t.TempDir(), "data")
	if err := os.CopyFS(left, os.DirFS(s.data)); err != nil {
		s.t.Fatal(err)
	}
	s.Stop()
	if err := os.RemoveAll(s.data); err != nil {
		s.t.Fatal(err)
	}
	s.data = left
	if between != nil {
		between(s.data)
	}
	s.open(s.URL[len("http://"):], s.GRPC)
}

// Post sends a request and gives status and body.
func (s *Server) Post(path, contentType, body string, header ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// Publish stores one event over HTTP and gives its id.
func (s *Server) Publish(stream, eventType, data string) string {
	s.t.Helper()
	status, text := s.Post("/events/"+stream, "application/json", `{"type":"`+eventType+`","data":`+data+`}`)
	var answer struct{ ID string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusCreated && status != http.StatusAccepted {
		s.t.Fatalf("publish to %s: %d %s", stream, status, text)
	}
	return answer.ID
}

// testWriter puts the server's log into the test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(text))
	return len(text), nil
}

// Data is the folder of the event log.
func (s *Server) Data() string { return s.data }
