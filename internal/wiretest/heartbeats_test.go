package wiretest_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// Whose filter matches little is told how far the stream has got, and resumes from there with no gap.
func TestHeartbeatsMoveThePositionOfFilteredSubscriptions(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		t.Parallel() // it waits most of the time
		s := wiretest.Start(t, wiretest.Orders)
		sub := wiretest.Subscription{Stream: "plain", EventTypes: []string{"tock"}, Heartbeats: true}
		c := w.Open(t, s, sub)
		newest := ticks(t, s, "plain", 5)[4]
		for range 2 { // where nothing new has come, the same again
			wantHeartbeat(t, c.Take(), newest)
		}
		c.Close()
		tock := s.Publish("plain", "tock", "{}")
		sub.After, sub.Resume = c.LastID(), true
		c = w.Open(t, s, sub)
		c.WantsStart(newest)
		c.Wants(tock)
		c.WantsLive(tock)
	})
}

func wantHeartbeat(t *testing.T, e wiretest.Event, position string) {
	t.Helper()
	var data struct{ Position string }
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil || e.Type != "leat.heartbeat" || data.Position != position || e.ID != position {
		t.Errorf("got %v, want leat.heartbeat at %s", e, position)
	}
}

// Heartbeats race with events: whatever matches up to a heartbeat's position has come before it.
func TestAHeartbeatIsNeverAheadOfWhatWasDelivered(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	clients := map[string]*wiretest.Client{}
	seen := map[string][]wiretest.Event{}
	var mu sync.Mutex // guards seen
	var group sync.WaitGroup
	for _, w := range wiretest.Wires() {
		c := w.Open(t, s, wiretest.Subscription{Stream: "plain", EventTypes: []string{"tock"}, Heartbeats: true})
		clients[w.Name] = c
		group.Go(func() {
			var events []wiretest.Event
			for beats := 0; beats < 2; {
				e, err := c.Next(wiretest.Context(t))
				if err != nil {
					t.Errorf("%s: %v", w.Name, err)
					return
				}
				if events = append(events, e); e.Type == "leat.heartbeat" {
					beats++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			seen[w.Name] = events
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	var tocks []string
	for busy, i := true, 0; busy; i++ {
		select {
		case <-done:
			busy = false
		default:
		}
		if i == 0 || i == 300 || !busy { // in between nothing matches for as long as a heartbeat takes
			tocks = append(tocks, s.Publish("plain", "tock", "{}"))
		}
		s.Publish("plain", "tick", "1")
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		events, next, sequence := seen[w.Name], 0, uint64(0)
		for next < len(tocks) {
			if len(events) == 0 {
				events = []wiretest.Event{clients[w.Name].Take()}
			}
			e := events[0]
			events = events[1:]
			at := position(t, e.ID).Sequence()
			switch {
			case at < sequence:
				t.Fatalf("%v came behind %d", e, sequence)
			case e.Type == "tock" && e.ID == tocks[next]:
				next++
			case e.Type == "tock", at >= position(t, tocks[next]).Sequence():
				t.Fatalf("%v came, and %s was due", e, tocks[next])
			}
			sequence = at
		}
	})
}

// A comment, an id and an empty line: without that a browser does not take the id.
func TestAnSSEHeartbeatIsACommentThatMovesLastEventID(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	response, err := http.Get(s.URL + "/events/plain?eventTypes=tock")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	newest := ticks(t, s, "plain", 5)[4]
	lines := bufio.NewScanner(response.Body)
	var blocks []string
	var block strings.Builder
	for len(blocks) < 2 && lines.Scan() {
		block.WriteString(lines.Text() + "\n")
		if lines.Text() == "" {
			blocks = append(blocks, block.String())
			block.Reset()
		}
	}
	if len(blocks) < 2 {
		t.Fatal(lines.Err())
	}
	if !regexp.MustCompile(`^retry: ([12]\d{3}|3000)\nid: [a-z0-9]+-0\n\n$`).MatchString(blocks[0]) {
		t.Errorf("the first block is %q", blocks[0])
	}
	if !regexp.MustCompile(`^:[^\n]*\nid: ` + newest + `\n\n$`).MatchString(blocks[1]) {
		t.Errorf("the heartbeat is %q, want a comment, id %s, and an empty line", blocks[1], newest)
	}
}
