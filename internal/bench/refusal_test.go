package bench_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/bench"
)

func TestAPlanThatCannotBeIsRefused(t *testing.T) {
	for want, change := range map[string]func(*bench.Plan){
		"there are sse, websocket and grpc": func(p *bench.Plan) { p.Transport = "sse=1,carrier-pigeon=1" },
		"the share of sse":                  func(p *bench.Plan) { p.Transport = "sse=0" },
		"is not an address":                 func(p *bench.Plan) { p.Server = "localhost:8080" },
		"has no {{mark}}":                   func(p *bench.Plan) { p.Data = `{"text":"hello"}` },
		"files open":                        func(p *bench.Plan) { p.Subscribers = []int{1 << 40} },
		"there are 10 subscribers":          func(p *bench.Plan) { p.Slow, p.Subscribers = 11, []int{10} },
		"say where to publish":              func(p *bench.Plan) { p.Target = "http://127.0.0.1:1/events" },
		"measures the server's memory":      func(p *bench.Plan) { p.Idle = true },
		"looks like Authorization":          func(p *bench.Plan) { p.Headers = []string{"secret"} },
		"give 100ms or more":                func(p *bench.Plan) { p.Duration = time.Millisecond },
		"leave the batch or NDJSON out":     func(p *bench.Plan) { p.NDJSON, p.Batch = true, 2 },
		"another server gets one event": func(p *bench.Plan) {
			p.NDJSON, p.Target, p.PublishURL = true, "http://a/", "http://a/"
		},
		"not of one key":               func(p *bench.Plan) { p.NDJSON, p.Keys = true, []int{3} },
		"publishes nothing":            func(p *bench.Plan) { p.NDJSON, p.Idle = true, true },
		"is subscribed over websocket": func(p *bench.Plan) { p.Target, p.PublishURL, p.Transport = "ws://a/", "http://a/", "sse" },
	} {
		plan := quick("http://127.0.0.1:1")
		change(&plan)
		_, err := bench.Run(t.Context(), plan, func(bench.Progress) {})
		if _, ok := errors.AsType[*bench.PlanError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a PlanError that says %q", err, want)
		}
	}
}

func TestAServerThatIsNotThereOrRefusesIsTold(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	_, err = bench.Run(t.Context(), quick(nobody), func(bench.Progress) {})
	if _, ok := errors.AsType[*bench.UnreachableError](err); !ok {
		t.Errorf("nobody there: got %v, want an UnreachableError", err)
	}
	server := serve(t)
	for name, change := range map[string]func(*bench.Plan){
		"stream, over SSE":       func(p *bench.Plan) { p.Stream = "bensh" },
		"stream, over WebSocket": func(p *bench.Plan) { p.Stream, p.Transport = "bensh", "websocket" },
		"stream, over gRPC":      func(p *bench.Plan) { p.Stream, p.Transport = "bensh", "grpc" },
		"event":                  func(p *bench.Plan) { p.Type = "bench.evnet" },
		"line":                   func(p *bench.Plan) { p.Type, p.NDJSON = "bench.evnet", true },
	} {
		plan := quick(server)
		change(&plan)
		_, err := bench.Run(t.Context(), plan, func(bench.Progress) {})
		if _, ok := errors.AsType[*bench.RefusedError](err); !ok || !strings.Contains(err.Error(), "bench") {
			t.Errorf("an unknown %s: got %v, want a RefusedError with the server's answer", name, err)
		}
	}
}
