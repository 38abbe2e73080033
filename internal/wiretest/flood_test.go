package wiretest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// A client pipelines far more than its backend answers: one command of it is with the backend at a time, the rest waits on
// the client's side, and another connection's commands are answered meanwhile.
func TestAFloodOfCommandsWaitsAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const commands = 10_000
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !c.HasConnection() {
			t.Skip("a request has one command")
		}
		arrived, release := make(chan struct{}, commands), make(chan struct{})
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(text(r), "flood") {
				arrived <- struct{}{}
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
			w.WriteHeader(http.StatusNoContent)
		})
		defer close(release)
		talk := c.Open(t, s, "chat", "")
		var sent atomic.Int64
		done := make(chan struct{})
		ctx := wiretest.Context(t)
		go func() {
			defer close(done)
			pad := strings.Repeat("x", 8<<10)
			for i := range commands {
				if talk.Send(ctx, says(fmt.Sprintf("flood %d %s", i, pad))) != nil {
					return
				}
				sent.Add(1)
			}
		}()
		within(t, arrived)
		other := c.Open(t, s, "chat", "")
		for range 50 {
			if _, err := answer(t, other, says("hi")); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(arrived); n != 0 {
			t.Errorf("%d more commands of the flood are with the backend", n)
		}
		if n := sent.Load(); n == commands {
			t.Errorf("all %d commands were taken", n)
		}
		talk.Close()
		within(t, done)
	})
}
