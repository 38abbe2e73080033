package bench_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/bench"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*Server).startGoRoutine.func1"))
}

// serve runs leat with the bench's contract.
func serve(t *testing.T) string {
	t.Helper()
	public := unstarted(t)
	public.Start()
	return public.URL
}

func unstarted(t *testing.T) *httptest.Server {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(bench.Contract))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	public := httptest.NewUnstartedServer(server.Handler())
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	public.Config.Protocols = protocols
	public.EnableHTTP2 = true
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		public.Close()
	})
	return public
}

// quick is a plan that takes as little time as one may.
func quick(server string) bench.Plan {
	return bench.Plan{
		Server: server, Stream: bench.Stream, Type: bench.Type,
		Subscribers: []int{24}, Rates: []float64{200}, Sizes: []int{200}, Keys: []int{0},
		Duration: 300 * time.Millisecond, Publishers: 4, Batch: 1, Metrics: "",
	}
}

func run(t *testing.T, plan bench.Plan) []*bench.Result {
	t.Helper()
	results, err := bench.Run(t.Context(), plan, func(bench.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestLeatLosesNothing(t *testing.T) {
	server := serve(t)
	for name, change := range map[string]func(*bench.Plan){
		"over SSE":         func(p *bench.Plan) {},
		"over WebSocket":   func(p *bench.Plan) { p.Transport = "websocket" },
		"over gRPC":        func(p *bench.Plan) { p.Transport = "grpc" },
		"over all of them": func(p *bench.Plan) { p.Transport = "sse=2,websocket=1,grpc=1" },
		"with keys":        func(p *bench.Plan) { p.Keys = []int{10}; p.Transport = "sse,websocket,grpc" },
		"in batches":       func(p *bench.Plan) { p.Batch = 20 },
		"in uploads":       func(p *bench.Plan) { p.NDJSON = true },
		"in uploads, many lines at a time": func(p *bench.Plan) {
			p.NDJSON, p.Rates, p.Subscribers, p.Publishers = true, []float64{3000}, []int{2}, 1
		},
		"in memory":             func(p *bench.Plan) { p.Stream = "bench-memory" },
		"with nothing stored":   func(p *bench.Plan) { p.Stream = "bench-none" },
		"with dead readers":     func(p *bench.Plan) { p.Slow = 4 },
		"with churn":            func(p *bench.Plan) { p.Churn = 100; p.Transport = "sse,websocket,grpc" },
		"as fast as it answers": func(p *bench.Plan) { p.Rates = []float64{0} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := quick(server)
			change(&plan)
			r := run(t, plan)[0]
			if !r.Lossless() || r.Unanswered > 0 || r.Counts.Gaps > 0 {
				t.Errorf("lost %d, unanswered %d (%s), counts %+v", r.Lost, r.Unanswered, r.FirstFailure, r.Counts)
			}
			if r.Counts.Deliveries == 0 {
				t.Error("nothing was delivered")
			}
			measured := int64(0)
			for _, sample := range r.Samples {
				measured += sample.Deliveries
			}
			if measured-r.Counts.Replayed > r.Latency.Count || r.Latency.Count > measured {
				t.Errorf("%d latencies of %d deliveries, %d of them replayed", r.Latency.Count, measured, r.Counts.Replayed)
			}
		})
	}
}

func TestOverTLSItIsTheSame(t *testing.T) {
	public := unstarted(t)
	public.StartTLS()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots) // no other test has made Go read the roots
	plan := quick(public.URL)
	plan.Transport, plan.Churn = "sse,websocket,grpc", 50
	if r := run(t, plan)[0]; !r.Lossless() || r.Counts.Deliveries == 0 || r.Unanswered > 0 {
		t.Errorf("lost %d, unanswered %d (%s), counts %+v", r.Lost, r.Unanswered, r.FirstFailure, r.Counts)
	}
}

func TestAfterAStormAllHaveCaughtUp(t *testing.T) {
	t.Parallel()
	plan := quick(serve(t))
	plan.Subscribers, plan.Storm, plan.Transport = []int{200}, 20, "sse,websocket,grpc"
	r := run(t, plan)[0]
	if !r.Lossless() {
		t.Errorf("lost %d, counts %+v", r.Lost, r.Counts)
	}
	if r.Storm == nil || r.Storm.Subscribers != 198 || !r.Storm.CaughtUp {
		t.Fatalf("storm: got %+v, want 198 that have caught up", r.Storm)
	}
	if least := int64(198 * 20); r.Counts.Replayed < least {
		t.Errorf("%d events were replayed, want at least %d", r.Counts.Replayed, least)
	}
}

func TestEachCombinationIsARun(t *testing.T) {
	t.Parallel()
	plan := quick(serve(t))
	plan.Subscribers, plan.Rates = []int{1, 2}, []float64{10, 20}
	var got []string
	for _, r := range run(t, plan) {
		got = append(got, fmt.Sprint(r.Scenario.Subscribers, " ", r.Scenario.Rate))
	}
	if want := "1 10,1 20,2 10,2 20"; strings.Join(got, ",") != want {
		t.Errorf("runs: got %v, want %s", got, want)
	}
}

func TestAnIdleRunPublishesNothing(t *testing.T) {
	t.Parallel()
	plan := quick(serve(t))
	plan.Idle, plan.Subscribers, plan.PID = true, []int{100}, os.Getpid()
	r := run(t, plan)[0]
	if r.Idle == nil || r.Idle.Few != 50 || r.Idle.Many != 100 {
		t.Errorf("idle: got %+v, want a slope from 50 to 100", r.Idle)
	}
	if r.Counts.Deliveries > 0 {
		t.Errorf("%d events came, want none", r.Counts.Deliveries)
	}
}

// A broadcaster sends what is published to all who listen, after a mishap has had its way with it.
type broadcaster struct {
	mishap func(n int, frame string) string

	mu        sync.Mutex // guards the fields below
	published int
	listeners map[chan string]bool
	ended     chan struct{}
}

func broadcast(t *testing.T, mishap func(n int, frame string) string) string {
	b := &broadcaster{mishap: mishap, listeners: make(map[chan string]bool), ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", b.publish)
	mux.HandleFunc("GET /events", b.events)
	mux.HandleFunc("GET /socket", b.socket)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		close(b.ended)
		server.Close()
	})
	return server.URL
}

func (b *broadcaster) publish(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	frame := b.mishap(b.published, string(data)+"\n")
	b.published++
	for listener := range b.listeners {
		for line := range strings.Lines(frame) {
			listener <- strings.TrimSuffix(line, "\n")
		}
	}
}

// listener is there before the client is told that it is subscribed.
func (b *broadcaster) listener() (listener chan string, remove func()) {
	listener = make(chan string, 10_000)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners[listener] = true
	return listener, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, listener)
	}
}

func (b *broadcaster) listen(ctx context.Context, listener chan string, send func(string) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.ended:
			return
		case text := <-listener:
			if send(text) != nil {
				return
			}
		}
	}
}

func (b *broadcaster) events(w http.ResponseWriter, r *http.Request) {
	listener, remove := b.listener()
	defer remove()
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	fmt.Fprint(w, ": hello\r\n\r\n")
	flush()
	b.listen(r.Context(), listener, func(text string) error {
		fmt.Fprintf(w, "data: %s\r\n\r\n", text)
		return flush()
	})
}

func (b *broadcaster) socket(w http.ResponseWriter, r *http.Request) {
	listener, remove := b.listener()
	defer remove()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())
	b.listen(ctx, listener, func(text string) error { return conn.Write(ctx, websocket.MessageText, []byte(text)) })
}

// another is a plan for a server that is no leat.
func another(subscribe, publish string) bench.Plan {
	plan := quick("http://127.0.0.1:1")
	plan.Target, plan.PublishURL = subscribe, publish
	plan.Subscribers, plan.Publishers = []int{5}, 1
	return plan
}

func TestWhatAServerDoesWrongIsReported(t *testing.T) {
	held := ""
	for name, test := range map[string]struct {
		mishap func(n int, frame string) string
		found  func(r *bench.Result) bool
	}{
		"none": {
			func(_ int, frame string) string { return frame },
			func(r *bench.Result) bool { return r.Lossless() },
		},
		"an event is dropped": {
			func(n int, frame string) string { return strings.Repeat(frame, min(n%25, 1)) },
			func(r *bench.Result) bool {
				return r.Lost > 0 && r.Lost%5 == 0 && r.Counts.Duplicate == 0 && r.Counts.OutOfOrder == 0
			},
		},
		"all that comes after a while is dropped": {
			func(n int, frame string) string { return strings.Repeat(frame, max(10-n, 0)/max(10-n, 1)) },
			func(r *bench.Result) bool { return r.Lost > 0 && r.Lost%5 == 0 },
		},
		"an event comes twice": {
			func(n int, frame string) string { return strings.Repeat(frame, 1+(n+1)%2) },
			func(r *bench.Result) bool {
				return r.Counts.Duplicate > 0 && r.Lost == 0 && r.Counts.OutOfOrder == 0
			},
		},
		"two events change places": {
			func(n int, frame string) string {
				if n%2 == 0 {
					held = frame
					return ""
				}
				return frame + held
			},
			func(r *bench.Result) bool {
				return r.Counts.OutOfOrder > 0 && r.Counts.Duplicate == 0 && r.Lost <= 5 // the last may be held for ever
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := broadcast(t, test.mishap)
			plan := another(url+"/events", url+"/publish")
			if r := run(t, plan)[0]; !test.found(r) {
				t.Errorf("lost %d, counts %+v, unanswered %d %s", r.Lost, r.Counts, r.Unanswered, r.FirstFailure)
			}
		})
	}
}

func TestAnyWebSocketCanBeATarget(t *testing.T) {
	t.Parallel()
	url := broadcast(t, func(_ int, frame string) string { return frame })
	plan := another("ws"+strings.TrimPrefix(url, "http")+"/socket", url+"/publish")
	r := run(t, plan)[0]
	if !r.Lossless() || r.Counts.Deliveries == 0 {
		t.Errorf("lost %d, counts %+v", r.Lost, r.Counts)
	}
}

func TestAStreamOfOnesOwnTakesAnEventOfOnesOwn(t *testing.T) {
	t.Parallel()
	var got string
	url := broadcast(t, func(_ int, frame string) string {
		got = frame
		return frame
	})
	plan := another(url+"/events", url+"/publish")
	plan.Data, plan.Sizes = `{"order":"{{key}} {{mark}}","when":"{{time}}","note":"{{pad}}"}`, []int{300}
	if r := run(t, plan)[0]; !r.Lossless() {
		t.Errorf("lost %d, counts %+v", r.Lost, r.Counts)
	}
	if len(got) != 300+len("\n") || !strings.HasPrefix(got, `{"order":"k0 leatbench.`) {
		t.Errorf("published %d bytes: %s", len(got), got)
	}
}
