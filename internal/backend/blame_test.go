package backend_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/backend"
)

// from sends a message to the chat as one of many clients.
func (h *house) from(t *testing.T, connection, text string) error {
	t.Helper()
	_, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":"` + text + `"}`), Connection: connection})
	return err
}

func TestOneClientAloneOpensNoCircuit(t *testing.T) {
	for name, fails := range map[string]func(asked) string{
		"garbage":       func(asked) string { return "garbage" },
		"an answer cut": func(asked) string { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serveByHTTP(t, listen(t, "127.0.0.1:0"), func(a asked) string {
				if strings.Contains(a.Data, "poison") {
					return fails(a)
				}
				return `{"reply":[{"type":"welcome","data":{}}]}`
			})
			h := newHouse(t, url)
			for range 30 {
				wantProblem(t, h.from(t, "one", "poison"), 502, false, "may have handled")
			}
			if err := h.from(t, "another", "x"); err != nil {
				t.Errorf("another client: %v", err)
			}
		})
	}
}

func TestTwoClientsOpenTheCircuitAndOneOfThemDoesNotKeepItOpen(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	url, _ := serveByHTTP(t, listen(t, "127.0.0.1:0"), func(a asked) string {
		if down.Load() || strings.Contains(a.Data, "poison") {
			return "garbage"
		}
		return ""
	})
	h := newHouse(t, url)
	for i := range 10 {
		wantProblem(t, h.from(t, fmt.Sprint(i%2), "poison"), 502, false, "may have handled")
	}
	wantProblem(t, h.from(t, "other", "x"), 503, true, "has failed 10 times in a row")
	down.Store(false)
	deadline := time.Now().Add(20 * time.Second)
	for answered := 0; answered < 3; { // who retries meets the circuit's end
		if time.Now().After(deadline) {
			t.Fatal("the circuit stays open")
		}
		_ = h.from(t, "1", "poison")
		if err := h.from(t, "other", "x"); err == nil {
			answered++
		} else {
			<-time.After(20 * time.Millisecond)
		}
	}
}

// What no command can cause is the backend's doing, whoever meets it.
func TestABackendThatIsDownOpensTheCircuitForOneClient(t *testing.T) {
	h := serve(t, answers(503, "", ""))
	for range 10 {
		wantProblem(t, h.from(t, "one", "x"), 502, true, "503")
	}
	wantProblem(t, h.from(t, "one", "x"), 503, true, "has failed 10 times in a row")
}
