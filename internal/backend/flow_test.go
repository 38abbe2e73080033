package backend_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/problem"
)

func TestOneConnectionServesCommandsOneAfterTheOther(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(answers(409, "", strings.Repeat("x", 100<<10)))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	h := newHouse(t, server.URL)
	for range 20 {
		_, err := h.says(t, "x")
		wantProblem(t, err, 409, false, "")
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections were opened", n)
	}
}

// Each connection sends its commands one after the other, as the transports do; the backend takes its time at random.
func TestCommandsOfOneConnectionArriveInOrder(t *testing.T) {
	const connections, commands = 1000, 5 // more than are let through at once
	eachKind(t, func(t *testing.T, start func(func(asked) string, ...string) *house) {
		var mu sync.Mutex
		got := map[string][]string{}
		h := start(func(a asked) string {
			<-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			got[a.Connection] = append(got[a.Connection], a.Data)
			return `{"reply":[{"type":"welcome","data":` + a.Data + `}]}`
		}, "TIMEOUT=1m")
		var all sync.WaitGroup
		for c := range connections {
			all.Go(func() {
				for i := range commands {
					data := fmt.Sprintf(`{"text":"%d"}`, i)
					replies, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(data), Connection: fmt.Sprint(c)})
					if err != nil || len(replies) != 1 || string(replies[0].Data) != data {
						t.Errorf("connection %d, command %d: %v, %v", c, i, replies, err)
					}
				}
			})
		}
		all.Wait()
		for c := range connections {
			all := got[fmt.Sprint(c)]
			for i, data := range all {
				if want := fmt.Sprintf(`{"text":"%d"}`, i); data != want || len(all) != commands {
					t.Fatalf("connection %d: %d commands, number %d is %s", c, len(all), i, data)
				}
			}
		}
	})
}

func TestCommandsAtOneBackendAreBounded(t *testing.T) {
	const bound, senders = 256, 300
	var now, most atomic.Int32
	full, release := make(chan struct{}, senders), make(chan struct{})
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		full <- struct{}{}
		<-release
		w.WriteHeader(http.StatusNoContent)
	}, "TIMEOUT=1m")
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			if _, err := h.says(t, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	for range bound {
		<-full
	}
	// The backend is full, and who has no patience is told that nothing was sent.
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := h.Send(impatient, backend.Command{Stream: "chat", Type: "leave", Data: []byte("{}")})
	wantProblem(t, err, 503, true, "it was not sent")
	close(release)
	all.Wait()
	if most.Load() != bound {
		t.Errorf("%d commands were at the backend at a time, want %d", most.Load(), bound)
	}
}

func TestWhoWaitsHalfTheTimeoutForItsTurnIsNotSent(t *testing.T) {
	release, full := make(chan struct{}), make(chan struct{}, 256)
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		full <- struct{}{}
		<-release
	}, "TIMEOUT=2s")
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() { _, _ = h.says(t, "x") })
	}
	defer all.Wait()
	defer close(release)
	for range 256 {
		<-full
	}
	_, err := h.says(t, "x")
	wantProblem(t, err, 503, true, "had 256 other commands to answer for 1s; this one was not sent")
}

func TestACircuitOpensAndClosesAgain(t *testing.T) {
	var down atomic.Bool
	var asked atomic.Int32
	down.Store(true)
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for range 10 {
		_, err := h.says(t, "x")
		wantProblem(t, err, 502, false, "500")
	}
	_, err := h.says(t, "x")
	p := wantProblem(t, err, 503, true, "the command was not sent")
	if p.Wait() != time.Second || asked.Load() != 10 || h.count(t, "leat_backend_circuit_open", "chat", "") != 1 {
		t.Errorf("wait %s, asked %d times, open %v", p.Wait(), asked.Load(), h.count(t, "leat_backend_circuit_open", "chat", ""))
	}
	if h.count(t, "leat_backend_circuit_open", "orders", "") != 0 || h.count(t, "leat_commands_total", "chat", "unavailable") != 1 {
		t.Error("the other stream's circuit is open, or the refusal is not counted")
	}
	if n := strings.Count(h.lines.String(), "circuit"); n != 1 {
		t.Errorf("the log has %d lines about the circuit: %s", n, h.lines)
	}
	down.Store(false)
	deadline := time.Now().Add(20 * time.Second)
	for answered := 0; answered < 3; { // the circuit lets nothing through for a second: who retries meets its end
		if time.Now().After(deadline) {
			t.Fatal("the circuit stays open")
		}
		if _, err := h.says(t, "x"); err == nil {
			answered++
		} else {
			<-time.After(20 * time.Millisecond)
		}
	}
	if h.count(t, "leat_backend_circuit_open", "chat", "") != 0 {
		t.Error("the metric says that it is open")
	}
}

func TestRefusalsAndWrongEventsOpenNoCircuit(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"refusals":     answers(400, "", ""),
		"wrong events": answers(200, "", `{"publish":[{"type":"welcome","data":7}]}`),
	} {
		h := serve(t, handler)
		for range 30 {
			if _, err := h.says(t, "x"); problem.From(err).HTTP() == 503 {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestACommandOnItsWayIsCarriedThroughWhenTheSenderGoes(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, `{"publish":[{"type":"messageReceived","data":`+message+`}]}`)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := h.Send(ctx, backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":"x"}`)}); err != nil {
			t.Error(err)
		}
	}()
	within(t, "the command at the backend", arrived)
	cancel()
	close(release)
	within(t, "the end of Send", done)
	if stored := h.stored(t); len(stored) != 1 {
		t.Errorf("stored %q", stored)
	}
}

func TestCloseGivesCommandsUnderWayARetryableError(t *testing.T) {
	const commands = 100
	eachKind(t, func(t *testing.T, start func(func(asked) string, ...string) *house) {
		arrived, release := make(chan struct{}, commands), make(chan struct{})
		h := start(func(asked) string {
			arrived <- struct{}{}
			<-release
			return ""
		})
		defer close(release)
		var all sync.WaitGroup
		for range commands {
			all.Go(func() {
				_, err := h.says(t, "x")
				wantProblem(t, err, 503, true, "the backend may have handled the command")
			})
		}
		for range commands {
			<-arrived
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		_, err := h.says(t, "x")
		wantProblem(t, err, 503, true, "the command was not sent")
	})
}

func TestCloseEndsAHandlerOfThisProcess(t *testing.T) {
	h := newHouse(t, "http://127.0.0.1:1")
	inProcess, told := make(chan struct{}), make(chan struct{})
	if err := h.Handle("local", "ping", func(ctx context.Context, _ backend.Command) (backend.Answer, error) {
		close(inProcess)
		<-ctx.Done()
		return backend.Answer{}, ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(told)
		_, err := h.Send(t.Context(), backend.Command{Stream: "local", Type: "ping", Data: []byte("{}")})
		wantProblem(t, err, 503, true, "the backend may have handled the command")
	}()
	within(t, "the command at the handler", inProcess)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	within(t, "the end of Send", told)
}

func TestDrainLetsCommandsHaveTheirAnswers(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		w.WriteHeader(http.StatusNoContent)
	})
	sent, drained := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := h.says(t, "x"); err != nil {
			t.Error(err)
		}
	}()
	within(t, "the command at the backend", arrived)
	go func() {
		defer close(drained)
		h.Drain(t.Context())
	}()
	for { // until Drain has begun
		_, err := h.Send(t.Context(), backend.Command{Stream: "local", Type: "ping", Data: []byte("{}")})
		if problem.From(err).Kind == problem.Draining {
			break
		}
	}
	close(release)
	within(t, "the answer", sent)
	within(t, "the end of Drain", drained)
}

func TestDrainEndsWithItsContext(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
	})
	defer close(release)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, err := h.says(t, "x")
		wantProblem(t, err, 503, true, "may have handled")
	}()
	within(t, "the command at the backend", arrived)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Drain(ctx)
	within(t, "the end of Send", sent)
}
