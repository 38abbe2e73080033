// Package logtest is the behaviour that every event log has: one suite, run over each.
package logtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// A Log is the event log of one stream.
type Log interface {
	Append(ctx context.Context, r eventlog.Record, ifLast *uint64) (eventlog.Appended, error)
	AppendAsync(ctx context.Context, r eventlog.Record) (func(context.Context) (eventlog.Appended, error), error)
	AppendBatch(ctx context.Context, records []eventlog.Record) ([]eventlog.Appended, error)
	State(ctx context.Context) (eventlog.State, error)
	Read(ctx context.Context, r eventlog.ReadRequest) ([]eventlog.Entry, error)
	Since(ctx context.Context, t time.Time) (uint64, error)
	Follow(ctx context.Context, after uint64, deliver func([]eventlog.Entry)) error
	LastOf(ctx context.Context, k event.Key) (event.Position, error)
}

// Opened is a log to try, which the test that opened it closes.
type Opened struct {
	Log
	Restart      func(t *testing.T) Log // stops it cleanly and starts it again; the Log before is over
	CutFollowers func()                 // breaks the connection of each Follow
}

// Run tries the logs that open gives, each for a stream and empty.
func Run(t *testing.T, open func(t *testing.T, s *contract.Stream) Opened) {
	for name, try := range map[string]func(*testing.T, opener){
		"append":    testAppend,
		"ifMatch":   testIfMatch,
		"dedupe":    testDedupe,
		"batch":     testBatch,
		"read":      testRead,
		"since":     testSince,
		"follow":    testFollow,
		"cut":       testCut,
		"retention": testRetention,
		"restart":   testRestart,
		"none":      testNone,
	} {
		t.Run(name, func(t *testing.T) { try(t, open) })
	}
}

type opener func(t *testing.T, s *contract.Stream) Opened

// Stream is a stream to try a log with.
func Stream(d contract.Durability) *contract.Stream {
	return &contract.Stream{
		Name: "orders", Durability: d, Key: contract.KeySource{Pointer: "/k"},
		Retention: contract.Retention{Age: time.Hour, Bytes: 64 << 20},
	}
}

// Record is an event to try a log with; key "" is none.
func Record(key string, n int) eventlog.Record {
	r := eventlog.Record{Type: event.MustType("order.shipped"), Data: fmt.Appendf(nil, `{"n":%d}`, n)}
	if key != "" {
		r.Key = event.MustKey(key)
	}
	return r
}

// Append stores events 1 to n without keys' differing, and gives their positions.
func Append(t *testing.T, l Log, key string, n int) []event.Position {
	t.Helper()
	var positions []event.Position
	for i := range n {
		a, err := l.Append(t.Context(), Record(key, i+1), nil)
		if err != nil {
			t.Fatalf("append %d: %v", i+1, err)
		}
		positions = append(positions, a.Position)
	}
	return positions
}

// State gives the log's state.
func State(t *testing.T, l Log) eventlog.State {
	t.Helper()
	s, err := l.State(t.Context())
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	return s
}

// ReadAll gives what the log holds after a sequence.
func ReadAll(t *testing.T, l Log, after uint64) []eventlog.Entry {
	t.Helper()
	var all []eventlog.Entry
	for {
		got, err := l.Read(t.Context(), eventlog.ReadRequest{After: after, Events: 1000, Bytes: 1 << 20})
		if err != nil {
			t.Fatalf("read after %d: %v", after, err)
		}
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		after = got[len(got)-1].Sequence()
	}
}

// A Follower collects what a log delivers.
type Follower struct {
	mu      sync.Mutex // guards got
	got     []eventlog.Entry
	changed chan struct{} // has a token after each delivery
	ended   chan error
	stop    context.CancelFunc
}

// Follow begins to follow, and returns when the log does.
func Follow(t *testing.T, l Log, after uint64) *Follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	f := &Follower{changed: make(chan struct{}, 1), ended: make(chan error, 1), stop: stop}
	go func() {
		f.ended <- l.Follow(ctx, after, func(batch []eventlog.Entry) {
			f.mu.Lock()
			f.got = append(f.got, batch...)
			f.mu.Unlock()
			select {
			case f.changed <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-f.changed:
	case err := <-f.ended:
		t.Fatalf("follow: %v", err)
	}
	return f
}

// Wait gives the first n events, when they are there.
func (f *Follower) Wait(t *testing.T, n int) []eventlog.Entry {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		got := slices.Clip(f.got)
		f.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-f.changed:
		case err := <-f.ended:
			t.Fatalf("following ended after %d of %d events: %v", len(got), n, err)
		case <-deadline:
			t.Fatalf("%d of %d events came in time", len(got), n)
		}
	}
}

// Stop ends it, and gives Follow's error.
func (f *Follower) Stop() error {
	f.stop()
	return <-f.ended
}

// Ended waits until Follow ends by itself, and gives its error.
func (f *Follower) Ended(t *testing.T) error {
	t.Helper()
	defer f.stop()
	select {
	case err := <-f.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Follow did not end")
		return nil
	}
}
