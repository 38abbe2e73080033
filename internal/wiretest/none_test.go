package wiretest_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/wiretest"
)

func TestAStreamThatKeepsNothingIsLiveAndHasNoPositions(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		tap := &tap{}
		c := w.OpenThrough(t, s, wiretest.Subscription{Stream: "none"}, tap.dial)
		c.WantsStart("")
		for i, p := range wiretest.Publishers() {
			if strings.Contains(p.Name, "path") || strings.Contains(p.Name, "flat") { // no keys, and silence
				continue
			}
			id, err := p.Publish(wiretest.Context(t), s, wiretest.Event{Stream: "none", Type: "tick", Data: fmt.Sprint(i)})
			if err != nil || id != "" {
				t.Fatalf("published over %s: id %q, %v", p.Name, id, err)
			}
			if e := c.Take(); e.ID != "" || e.Type != "tick" || e.Data != fmt.Sprint(i) {
				t.Errorf("got %v", e)
			}
		}
		if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
			t.Error(err)
		}
		if e := c.Take(); e.Type != "leat.end" || e.ID != "" || strings.Contains(e.Data, "position") {
			t.Errorf("got %v, want leat.end with no position", e)
		}
		members := []string{`"id"`, "\nid:", `"position"`, `"after"`, `"resumedAfter"`}
		if w.CloudEvents() { // requires ids; that they are no positions was seen above
			members = members[1:]
		}
		for _, member := range members {
			if text := tap.text(); strings.Contains(text, member) {
				t.Errorf("%s is in %q", member, text)
			}
		}
	})
}

func TestAStreamThatKeepsNothingRefusesWhatNeedsPositions(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, sub := range []wiretest.Subscription{{After: "earliest"}, {After: "b7k2-1"}, {Since: time.Now()}, {Last: 1}} {
			sub.Stream = "none"
			wantProblem(t, w.GRPC(), w.Refused(t, s, sub), 400, "durability")
		}
		w.Open(t, s, wiretest.Subscription{Stream: "none", After: "latest"})
	})
	status, text := s.Post("/events/none", "application/json", `{"type":"tick","data":1}`)
	if status != 202 || strings.TrimSpace(text) != "{}" {
		t.Errorf("publishing is answered by %d %s, want 202 {}", status, text)
	}
	for _, header := range [][]string{{"Idempotency-Key", "a"}, {"If-Match", `"b7k2-1"`}, {"If-None-Match", "*"}} {
		if status, text := s.Post("/events/none", "application/json", `{"type":"tick","data":1}`, header...); status != 400 {
			t.Errorf("%s: %d %s, want 400", header[0], status, text)
		}
	}
}

// A tap keeps what comes over a connection.
type tap struct {
	mu    sync.Mutex // guards bytes
	bytes bytes.Buffer
}

func (t *tap) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := wiretest.Plain(ctx, network, address)
	return tapped{conn, t}, err
}

func (t *tap) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.String()
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.bytes.Write(p[:n])
	return n, err
}
