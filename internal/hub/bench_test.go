package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contractText = `
leat: 1
info: { title: Hub tests, version: 1.0.0 }
streams:
  ticks: { key: path, events: { tick: { schema: {} }, tock: { schema: {} } } }
  skips: { slow: skip, events: { tick: { schema: {} } } }
  memory: { durability: memory, key: path, events: { tick: { schema: {} } } }
  slowly: { coalesce: 5ms, events: { tick: { schema: {} }, tock: { schema: {} } } }
  lives: { durability: none, events: { tick: { schema: {} } } }
`

// A bench is a hub on an in-memory log, within a bubble of fake time.
type bench struct {
	t    *testing.T
	hub  *hub.Hub
	log  *memlog.Log
	name string
	// pumped subscribers are started, and their clients written to without blocking.
	pumped bool
	queued bool // what is written to them is only queued
	stop   context.CancelFunc
	ran    chan error
}

// inBubble runs a test with a hub of one stream, twice: with subscribers who run in goroutines, and with such that
// pumps move.
func inBubble(t *testing.T, stream string, o hub.Options, test func(b *bench)) {
	o.Logger = slog.New(slog.DiscardHandler)
	inBubbleOn(t, stream, o, func(l *memlog.Log) hub.Log { return l }, test)
}

// inBubbleOn is inBubble with a logger, and a log that is not quite the in-memory one.
func inBubbleOn(t *testing.T, stream string, o hub.Options, wrap func(*memlog.Log) hub.Log, test func(b *bench)) {
	t.Run("in goroutines", func(t *testing.T) { inOneBubble(t, stream, o, wrap, false, test) })
	t.Run("pumped", func(t *testing.T) { inOneBubble(t, stream, o, wrap, true, test) })
}

func inOneBubble(t *testing.T, stream string, o hub.Options, wrap func(*memlog.Log) hub.Log, pumped bool, test func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		c, err := contract.Parse("leat.yaml", []byte(contractText))
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, pumped: pumped, hub: hub.New(o), log: memlog.New(c.Stream(stream)), name: stream, ran: make(chan error, 1)}
		b.hub.Add(c.Stream(stream), wrap(b.log))
		ctx, stop := context.WithCancel(context.Background())
		b.stop = stop
		go func() { b.ran <- b.hub.Run(ctx) }()
		test(b)
		stop()
		if err := <-b.ran; err != nil {
			t.Error(err)
		}
	})
}

// publish stores n ticks, numbered from 1 on, under a key.
func (b *bench) publish(n int, eventType, key string) {
	b.t.Helper()
	for range n {
		state, err := b.log.State(context.Background())
		if err != nil {
			b.t.Fatal(err)
		}
		r := eventlog.Record{Type: event.MustType(eventType), Data: fmt.Appendf(nil, "%d", state.Last+1)}
		if key != "" {
			r.Key = event.MustKey(key)
		}
		if _, err := b.log.Append(context.Background(), r, nil); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A client is a subscriber whose writes are kept.
type client struct {
	*bench
	connection *hub.Connection
	*hub.Subscriber
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex // guards the fields below
	text  bytes.Buffer
	wrote int           // how often
	plain bool          // it can only be written to with Write
	block chan struct{} // where not nil, writes wait for it
}

func (c *client) Write(b hub.Batch) error {
	c.mu.Lock()
	block := c.block
	c.mu.Unlock()
	if block != nil {
		<-block
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote++
	for _, frame := range b.Frames {
		c.text.Write(frame)
	}
	return nil
}

// TryWrite takes half of a batch where writes wait.
func (c *client) TryWrite(b hub.Batch) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plain {
		return 0, errors.ErrUnsupported
	}
	c.wrote++
	full := c.block != nil
	written := 0
	for _, frame := range b.Frames {
		if full {
			frame = frame[:min(len(frame), b.Bytes/2-written)]
		}
		c.text.Write(frame)
		written += len(frame)
	}
	if full {
		return written, hub.ErrFull
	}
	return written, nil
}

// got gives what was written since the last call, when the bubble has come to rest.
func (c *client) got() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := strings.TrimSpace(c.text.String())
	c.text.Reset()
	return text
}

// writes is how often it was written to.
func (c *client) writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote
}

// stall makes writes wait until the returned function is called.
func (c *client) stall() (resume func()) {
	block := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.block = block
	return func() {
		c.mu.Lock()
		c.block = nil
		c.mu.Unlock()
		close(block)
	}
}

var frames = hub.Format{
	Name:  "test",
	Event: func(dst []byte, e *event.Event) []byte { return fmt.Appendf(dst, "%s ", e.Data) },
	Control: func(dst []byte, e *event.Event) []byte {
		return fmt.Appendf(dst, "%s(%d) ", strings.TrimPrefix(e.Type.String(), "leat."), e.Position.Sequence())
	},
}

func (b *bench) subscribe(p hub.Params) *client {
	b.t.Helper()
	c, run := b.prepare(p)
	run()
	return c
}

// prepare makes a client that writes nothing before run.
func (b *bench) prepare(p hub.Params) (c *client, run func()) {
	b.t.Helper()
	p.Stream = b.name
	sub, err := b.hub.Parse(contract.SSE, p)
	if err != nil {
		b.t.Fatal(err)
	}
	connection, err := b.hub.Connect(contract.SSE)
	if err != nil {
		b.t.Fatal(err)
	}
	format := frames
	format.Queued = b.queued
	s, err := connection.Subscribe(context.Background(), sub, &format)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c = &client{bench: b, connection: connection, Subscriber: s, cancel: cancel, ended: make(chan error, 1)}
	if b.pumped {
		c.cancel = func() { cancel(); s.Stop() }
		return c, func() { s.Start(c, func(err error) { c.ended <- err }) }
	}
	return c, func() { go func() { c.ended <- s.Run(ctx, c) }() }
}

func (c *client) close() {
	c.t.Helper()
	c.cancel()
	if err := <-c.ended; err != nil && !errors.Is(err, context.Canceled) {
		c.t.Error(err)
	}
	c.Subscriber.Close()
	c.connection.Close("client")
}

func (c *client) want(what, want string) {
	c.t.Helper()
	if got := c.got(); got != want {
		c.t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func all() hub.Params { yes := "true"; return hub.Params{AllKeys: &yes} }

func from(after string) hub.Params { p := all(); p.After = &after; return p }

// The list of a node with many connections keeps the hub's lock no longer than copying takes.
func BenchmarkConnections(b *testing.B) {
	h := hub.New(hub.Options{})
	for range 20_000 {
		if _, err := h.Connect(contract.SSE); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if all, err := h.Connections(""); err != nil || len(all) != 20_000 {
			b.Fatal(len(all), err)
		}
	}
}
