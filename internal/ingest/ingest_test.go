package ingest_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contractText = `
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    events:
      order.shipped:
        schema:
          type: object
          required: [orderId, when]
          properties: { orderId: { type: string }, when: { type: string, format: date-time } }
      order.cancelled:
        schema: { type: object, required: [orderId], properties: { orderId: { type: string }, why: {} } }
  counters:
    key: /a~1b/n
    events:
      counted:
        schema:
          type: object
          required: [a/b]
          properties: { a/b: { type: object, required: [n], properties: { n: { type: integer }, about: { minimum: 3 } } } }
  plain:
    events:
      note: { schema: { type: object } }
      typed: { schema: { type: object, properties: { type: { type: string } } } }
      any: { schema: {} }
  chat:
    key: path
    events: { said: { schema: { type: object, properties: { text: { type: string } } } } }
  live:
    key: path
    durability: none
    events: { said: { schema: { type: object } } }
  tiny:
    maxEventBytes: 1KiB
    durability: memory
    events: { note: { schema: { type: object } } }
`

func testContract(t testing.TB) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A server is an Ingest over the real log, with the routes of the root package.
type server struct {
	*httptest.Server
	*ingest.Ingest
	contract *contract.Contract
	events   *eventlog.Log
	streams  map[string]*eventlog.Stream
	registry *prometheus.Registry
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{contract: testContract(t), streams: map[string]*eventlog.Stream{}, registry: prometheus.NewRegistry()}
	logger := slog.New(slog.DiscardHandler)
	events, err := eventlog.Open(context.Background(), eventlog.Options{Logger: logger, Registry: s.registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	})
	s.events = events
	s.Ingest = ingest.New(logger, s.registry)
	for _, declared := range s.contract.Streams {
		stream, err := events.Stream(context.Background(), declared)
		if err != nil {
			t.Fatal(err)
		}
		s.streams[declared.Name] = stream
		s.Add(declared, stream, nil)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /events/{stream}", s.Ingest)
	mux.Handle("POST /events/{stream}/{key}", s.Ingest)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Server.Close)
	return s
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // leaves no goroutine behind

// A reply is what a request was answered with; absent members have their zero value.
type reply struct {
	Status int
	Header http.Header
	Text   string

	ID        string
	IDs       []string
	Duplicate bool
	Stored    int
	Refused   int
	Last      string
	Detail    string
	Retryable bool
	Position  string
	Errors    []struct {
		Pointer, Detail string
		Line, Status    int
	}
}

// post sends a body; headers are "Name: value", and Content-Type is application/json unless given.
func (s *server) post(t testing.TB, path, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimPrefix(value, " "); name == "Content-Type" {
			request.Header.Del(name)
		}
		if value != "" || name != "Content-Type" {
			request.Header[http.CanonicalHeaderKey(name)] = append(request.Header[http.CanonicalHeaderKey(name)], value)
		}
	}
	return send(t, request)
}

func send(t testing.TB, request *http.Request) reply {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{Status: response.StatusCode, Header: response.Header, Text: string(text)}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("answer %q: %v", text, err)
	}
	want := "application/json"
	if r.Status >= 400 {
		want = "application/problem+json"
	}
	if got := r.Header.Get("Content-Type"); got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
	return r
}

// stored reads all events of a stream.
func (s *server) stored(t testing.TB, stream string) []eventlog.Entry {
	t.Helper()
	entries, err := s.streams[stream].Read(t.Context(), eventlog.ReadRequest{Events: 10_000, Bytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
