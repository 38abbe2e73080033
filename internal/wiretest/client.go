package wiretest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
)

// A Client is a Reader for tests: what goes wrong fails the test.
type Client struct {
	Reader

	t   testing.TB
	ctx context.Context
}

// A Gap is the data of a leat.gap.
type Gap struct {
	After        string `json:"after,omitempty"`
	ResumedAfter string `json:"resumedAfter,omitempty"`
	Reason       string `json:"reason"`
}

// JSON is the data as the wire has it.
func (g Gap) JSON() string {
	text, err := json.Marshal(g)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Open subscribes until the test ends.
func (w Wire) Open(t testing.TB, s *Server, sub Subscription) *Client {
	t.Helper()
	return w.OpenThrough(t, s, sub, Plain)
}

// OpenThrough subscribes over connections of dial.
func (w Wire) OpenThrough(t testing.TB, s *Server, sub Subscription, dial Dial) *Client {
	t.Helper()
	ctx := Context(t)
	reader, err := w.Subscribe(ctx, s, sub, dial)
	if err != nil {
		t.Fatalf("subscribe to %+v over %s: %v", sub, w.Name, err)
	}
	t.Cleanup(reader.Close)
	return &Client{reader, t, ctx}
}

// Refused subscribes, and gives the problem that the server has with it.
func (w Wire) Refused(t testing.TB, s *Server, sub Subscription) *Problem {
	t.Helper()
	ctx := Context(t)
	reader, err := w.Subscribe(ctx, s, sub, Plain)
	if err == nil { // gRPC on the public port has sent headers by then
		_, err = reader.Next(ctx)
		reader.Close()
	}
	if err == nil {
		t.Fatalf("subscribing to %+v over %s was not refused", sub, w.Name)
	}
	return AsProblem(t, err)
}

// AsProblem gives the problem that an error is.
func AsProblem(t testing.TB, err error) *Problem {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("not a problem: %v", err)
	}
	return p
}

// Take gives the next event, control events too.
func (c *Client) Take() Event {
	c.t.Helper()
	e, err := c.Next(c.ctx)
	if err != nil {
		c.t.Fatalf("behind %s: %v", c.LastID(), err)
	}
	return e
}

// Wants takes as many events, and they must be those with these ids.
func (c *Client) Wants(ids ...string) {
	c.t.Helper()
	for _, id := range ids {
		if e := c.Take(); e.ID != id || e.Type == "leat.gap" || e.Type == "leat.live" || e.Type == "leat.end" {
			c.t.Fatalf("got %v, want the event %s", e, id)
		}
	}
}

// WantsLive takes the leat.live that says that all up to a position has been sent.
func (c *Client) WantsLive(position string) {
	c.t.Helper()
	e := c.Take()
	var live struct{ Position string }
	if e.Type == "leat.live" {
		c.decode(e, &live)
	}
	if live.Position != position || e.ID != position {
		c.t.Fatalf("got %v, want leat.live at %s", e, position)
	}
}

// WantsGap takes a leat.gap.
func (c *Client) WantsGap(want Gap) {
	c.t.Helper()
	if e := c.Take(); e.Type != "leat.gap" || e.Data != want.JSON() || e.ID != want.ResumedAfter {
		c.t.Fatalf("got %v, want leat.gap %s", e, want.JSON())
	}
}

// WantsStart checks the id that the wire shows as the start, on those that show one.
func (c *Client) WantsStart(position string) {
	c.t.Helper()
	if start := c.Start(); c.ShowsStart() && start != position {
		c.t.Fatalf("the start is %q, want %q", start, position)
	}
}

func (c *Client) decode(e Event, into any) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(e.Data), into); err != nil {
		c.t.Fatalf("%+v: %v", e, err)
	}
}
