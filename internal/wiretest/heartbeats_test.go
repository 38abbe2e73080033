package wiretest_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// Whose filter matches little is told how far the stream has got, and resumes from there with no gap.
func TestHeartbeatsMoveThePositionOfFilteredSubscriptions(t *testing.T) {
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		t.Parallel()
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
		t.Errorf("got %+v, want leat.heartbeat at %s", e, position)
	}
}

// Heartbeats race with events: whatever matches up to a heartbeat's position has come before it.
func TestAHeartbeatIsNeverAheadOfWhatWasDelivered(t *testing.T) {
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		t.Parallel()
		s := wiretest.Start(t, wiretest.Orders)
		c := w.Open(t, s, wiretest.Subscription{Stream: "plain", EventTypes: []string{"tock"}, Heartbeats: true})
		stop, tocks := make(chan struct{}), make(chan []string)
		go func() {
			var ids []string
			for i := 0; ; i++ {
				select {
				case <-stop:
					tocks <- append(ids, s.Publish("plain", "tock", "{}"))
					return
				default:
				}
				if ids == nil || i == 400 { // then nothing matches for as long as a heartbeat takes
					ids = append(ids, s.Publish("plain", "tock", "{}"))
				}
				s.Publish("plain", "tick", "1")
			}
		}()
		var seen []wiretest.Event
		for beats := 0; beats < 2; {
			e := c.Take()
			seen = append(seen, e)
			if e.Type == "leat.heartbeat" {
				beats++
			}
		}
		close(stop)
		all := <-tocks
		for {
			e := c.Take()
			if seen = append(seen, e); e.ID == all[len(all)-1] && e.Type == "tock" {
				break
			}
		}
		next, sequence := 0, uint64(0)
		for _, e := range seen {
			at := position(t, e.ID).Sequence()
			switch {
			case at < sequence:
				t.Fatalf("%+v came behind %d", e, sequence)
			case e.Type == "tock" && e.ID == all[next]:
				next++
			case e.Type == "tock", next < len(all) && at >= position(t, all[next]).Sequence():
				t.Fatalf("%+v came, and %s was due", e, all[next])
			}
			sequence = at
		}
		if next != len(all) {
			t.Errorf("%d of %d events came", next, len(all))
		}
	})
}

// A comment, an id and an empty line: without that a browser does not take the id.
func TestAnSSEHeartbeatIsACommentThatMovesLastEventID(t *testing.T) {
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
