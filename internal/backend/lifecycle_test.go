package backend_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat/internal/backend"
)

// A diary is what a backend was told, in order.
type diary struct {
	mu      sync.Mutex // guards entries
	entries []string
}

func (d *diary) write(a asked) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, strings.Join([]string{a.Type, a.Connection, a.Source, a.Key, a.Data}, " "))
}

func TestABackendIsToldOfConnectionsAroundTheirCommands(t *testing.T) {
	eachKind(t, func(t *testing.T, start func(func(asked) string, ...string) *house) {
		var told diary
		slow := make(chan struct{})
		h := start(func(a asked) string {
			told.write(a)
			switch a.Type {
			case "leat.connected":
				<-slow
				return `{"reply":[{"type":"welcome","data":{"a":1}}],"publish":[{"type":"welcome","data":{"b":2}}]}`
			case "leat.disconnected":
				return `{"publish":[{"type":"welcome","data":{"c":3}}]}`
			}
			return ""
		}, "LIFECYCLE=true")
		greeted := make(chan []backend.Reply, 1)
		conn := backend.Conn{ID: "c1", Stream: "chat", Key: new("hall"), Source: "/ws/chat", Reply: func(r []backend.Reply) { greeted <- r }}
		h.Connected(conn)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 3 {
				if _, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(`{"text":"x"}`), Connection: "c1",
					Source: "/ws/chat", PathKey: new("hall")}); err != nil {
					t.Error(err)
				}
			}
		}()
		// Others do not wait for this one.
		if _, err := h.Send(t.Context(), backend.Command{Stream: "plain", Type: "do", Data: []byte(`{}`), Connection: "c1"}); err != nil {
			t.Error(err)
		}
		close(slow)
		within(t, "the commands", sent)
		h.Disconnected(conn)
		h.Drain(t.Context())
		if replies := <-greeted; len(replies) != 1 || string(replies[0].Data) != `{"a":1}` {
			t.Errorf("greeted with %v", replies)
		}
		want := []string{"leat.connected c1 /ws/chat hall {}"}
		for range 3 {
			want = append(want, `sendMessage c1 /ws/chat hall {"text":"x"}`)
		}
		want = append(want, "leat.disconnected c1 /ws/chat hall {}")
		var got []string
		for _, entry := range told.entries {
			if !strings.HasPrefix(entry, "do ") {
				got = append(got, entry)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if stored := h.stored(t); fmt.Sprint(stored) != `[welcome hall {"b":2} welcome hall {"c":3}]` {
			t.Errorf("stored %q", stored)
		}
		if n := h.count(t, "leat_lifecycle_events_total", "chat", "answered"); n != 2 {
			t.Errorf("%v are counted, want 2", n)
		}
	})
}

func TestAConnectionMayGoBeforeItsBackendKnowsThatItCame(t *testing.T) {
	const connections = 50
	eachKind(t, func(t *testing.T, start func(func(asked) string, ...string) *house) {
		var told diary
		h := start(func(a asked) string { told.write(a); return "" }, "LIFECYCLE=true")
		for i := range connections {
			conn := backend.Conn{ID: fmt.Sprint(i), Stream: "chat"}
			h.Connected(conn)
			h.Disconnected(conn)
		}
		h.Drain(t.Context())
		came := map[string]bool{}
		for _, entry := range told.entries {
			fields := strings.Fields(entry)
			if fields[0] == "leat.disconnected" && !came[fields[1]] {
				t.Errorf("connection %s goes before it comes", fields[1])
			}
			came[fields[1]] = true
		}
		if len(told.entries) != 2*connections {
			t.Errorf("told %d times, want %d", len(told.entries), 2*connections)
		}
	})
}

func TestABackendThatFailsWithAConnectionIsLoggedAndItsCommandsGoOn(t *testing.T) {
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Ce-Type"), "leat.") {
			_, _ = io.WriteString(w, `{"reply":[{"type":"nonsense","data":{}}]}`)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}, "LIFECYCLE=true")
	conn := backend.Conn{ID: "c1", Stream: "chat", Reply: func([]backend.Reply) { t.Error("it is greeted with nonsense") }}
	h.Connected(conn)
	if _, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "leave", Data: []byte(`7`), Connection: "c1"}); err != nil {
		t.Error(err)
	}
	h.Disconnected(conn)
	h.Drain(t.Context())
	if n := h.count(t, "leat_lifecycle_events_total", "chat", "failed"); n != 2 || !strings.Contains(h.lines.String(), "leat.connected") {
		t.Errorf("%v are counted as failed, want 2; logged %s", n, h.lines)
	}
}

func TestAReplyToAConnectionThatIsGoneIsAMistake(t *testing.T) {
	h := serve(t, answers(200, "", `{"reply":[{"type":"welcome","data":{}}]}`), "LIFECYCLE=true")
	conn := backend.Conn{ID: "c1", Stream: "chat", Reply: func([]backend.Reply) {}}
	h.Connected(conn)
	h.Disconnected(conn)
	h.Drain(t.Context())
	if h.count(t, "leat_lifecycle_events_total", "chat", "failed") != 1 || !strings.Contains(h.lines.String(), "nobody is there to get it") {
		t.Errorf("logged %s", h.lines)
	}
}

func TestCloseEndsWhatABackendIsToldOfConnections(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := serve(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}, "LIFECYCLE=true")
	defer close(release)
	conn := backend.Conn{ID: "c1", Stream: "chat"}
	h.Connected(conn)
	h.Disconnected(conn) // waits for the one before, and is not sent
	within(t, "the backend to be told", arrived)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	h.Drain(ended)
	h.Connected(backend.Conn{ID: "c2", Stream: "chat"})
	if !strings.Contains(h.lines.String(), "shutting down") {
		t.Errorf("logged %s", h.lines)
	}
}

func TestWithoutLifecycleNobodyIsTold(t *testing.T) {
	h := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the backend was told") })
	for _, stream := range []string{"chat", "quiet", "local", "none"} {
		conn := backend.Conn{ID: "c1", Stream: stream}
		h.Connected(conn)
		h.Disconnected(conn)
	}
	h.Drain(t.Context())
}
