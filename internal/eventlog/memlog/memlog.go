// Package memlog is an event log in memory that passes logtest like the real one. It has no goroutine and no socket, so
// it can be used in a testing/synctest bubble, and what a real log does only when it fails can be asked of it.
package memlog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// A Log holds the events of one stream.
type Log struct {
	contract *contract.Stream

	mu        sync.Mutex // guards the fields below; never held while deliver is called
	lineage   eventlog.Lineage
	entries   []eventlog.Entry // what is left, in order; holes are allowed
	last      uint64
	bytes     int64
	named     map[string]named
	changed   chan struct{} // closed and renewed at each change
	cuts      int           // how often followers were cut
	muted     bool          // followers get nothing
	failing   error
	reads     int
	live      map[*live]bool
	followers int // how many Follow calls are under way
}

// named is what a Dedupe name stands for.
type named struct {
	position event.Position
	at       time.Time
	batch    int // the events of the request that it began
}

// live is a follower of a stream that is not stored.
type live struct{ pending []eventlog.Entry }

// ErrCut is what Follow returns when the follower was cut.
var ErrCut = errors.New("memlog: the follower was cut")

// New makes the log of a stream, which keeps to the contract's retention and durability. Within a testing/synctest bubble
// it is to be made there.
func New(c *contract.Stream) *Log {
	return &Log{
		contract: c, lineage: eventlog.NewLineage(), named: make(map[string]named),
		changed: make(chan struct{}), live: make(map[*live]bool),
	}
}

func (l *Log) stored() bool { return l.contract.Durability != contract.None }

// Append stores one event.
func (l *Log) Append(ctx context.Context, r eventlog.Record, ifLast *uint64) (eventlog.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		return eventlog.Appended{}, problem.New(problem.Unavailable, "it was not stored: %w", l.failing)
	}
	if first, ok := l.find(r.Dedupe); ok {
		return eventlog.Appended{Position: first.position, Duplicate: true}, nil
	}
	if ifLast != nil && l.stored() {
		if newest := l.newest(r.Key); newest.Sequence() != *ifLast {
			failed := problem.New(problem.PreconditionFailed, "the newest event is %q: nothing was stored", newest)
			failed.Position = newest.String()
			return eventlog.Appended{}, failed
		}
	}
	return eventlog.Appended{Position: l.store(r, 0)}, nil
}

// AppendAsync stores one event at once.
func (l *Log) AppendAsync(ctx context.Context, r eventlog.Record) (func(context.Context) (eventlog.Appended, error), error) {
	a, err := l.Append(ctx, r, nil)
	return func(context.Context) (eventlog.Appended, error) { return a, err }, nil
}

// AppendBatch stores the events together; see eventlog's.
func (l *Log) AppendBatch(ctx context.Context, records []eventlog.Record) ([]eventlog.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(records) > eventlog.MaxBatch {
		return nil, problem.New(problem.TooLarge, "%d events are too many", len(records))
	}
	if l.failing != nil {
		return nil, problem.New(problem.Unavailable, "it was not stored: %w", l.failing)
	}
	if len(records) == 0 {
		return nil, nil
	}
	if first, ok := l.find(records[0].Dedupe); ok && eventlog.IsRequest(records) {
		all := make([]eventlog.Appended, first.batch)
		for i := range all {
			p := event.NewPosition(first.position.Incarnation(), first.position.Sequence()+uint64(i))
			all[i] = eventlog.Appended{Position: p, Duplicate: true}
		}
		return all, nil
	}
	all := make([]eventlog.Appended, len(records))
	for i, r := range records {
		if first, ok := l.find(r.Dedupe); ok {
			all[i] = eventlog.Appended{Position: first.position, Duplicate: true}
			continue
		}
		all[i] = eventlog.Appended{Position: l.store(r, len(records))}
	}
	return all, nil
}

func (l *Log) find(dedupe string) (named, bool) {
	first, ok := l.named[dedupe]
	return first, ok && dedupe != "" && time.Since(first.at) < eventlog.DedupeWindow
}

// store gives the zero Position where the stream is not stored.
func (l *Log) store(r eventlog.Record, batch int) event.Position {
	now := time.Now().UTC()
	e := eventlog.Entry{StoredAt: now, Event: event.Event{Stream: l.contract.Name, Type: r.Type, Key: r.Key, Data: r.Data}}
	if e.Time = r.Time.UTC(); r.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.Truncate(time.Millisecond)
	defer l.change()
	if !l.stored() {
		for f := range l.live {
			f.pending = append(f.pending, e)
		}
		return event.Position{}
	}
	l.last++
	e.Position = l.lineage.Position(l.last)
	l.entries = append(l.entries, e)
	l.bytes += int64(len(e.Data))
	if r.Dedupe != "" {
		l.named[r.Dedupe] = named{e.Position, now, max(batch, 1)}
	}
	l.retain(now)
	return e.Position
}

// retain drops what the contract does not keep.
func (l *Log) retain(now time.Time) {
	keep := l.contract.Retention
	for len(l.entries) > 0 {
		if !(keep.Events > 0 && int64(len(l.entries)) > keep.Events ||
			keep.Bytes > 0 && l.bytes > keep.Bytes ||
			keep.Age > 0 && now.Sub(l.entries[0].StoredAt) > keep.Age) {
			return
		}
		l.drop()
	}
}

func (l *Log) drop() {
	l.bytes -= int64(len(l.entries[0].Data))
	l.entries = l.entries[1:]
}

func (l *Log) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Log) newest(k event.Key) event.Position {
	for _, v := range slices.Backward(l.entries) {
		if v.Key == k {
			return v.Position
		}
	}
	return event.Position{}
}

// LastOf gives the position of a key's newest event, the zero Position where it has none.
func (l *Log) LastOf(ctx context.Context, k event.Key) (event.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest(k), l.answer()
}

// State is what the stream holds.
func (l *Log) State(ctx context.Context) (eventlog.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stored() {
		return eventlog.State{}, nil
	}
	l.retain(time.Now())
	return eventlog.State{First: l.first(), Last: l.last, Holes: l.holes(), Lineage: l.lineage}, l.answer()
}

func (l *Log) holes() (holes []eventlog.Hole) {
	for i := 1; i < len(l.entries); i++ {
		if before, at := l.entries[i-1].Sequence(), l.entries[i].Sequence(); at > before+1 {
			holes = append(holes, eventlog.Hole{First: before + 1, Last: at - 1})
		}
	}
	return holes
}

func (l *Log) first() uint64 {
	if len(l.entries) == 0 {
		return l.last + 1
	}
	return l.entries[0].Sequence()
}

func (l *Log) answer() error {
	if l.failing != nil {
		return problem.New(problem.Unavailable, "the event log does not answer: %w", l.failing)
	}
	return nil
}

// Read gives the events after a sequence, in order.
func (l *Log) Read(ctx context.Context, r eventlog.ReadRequest) ([]eventlog.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	l.retain(time.Now())
	var got []eventlog.Entry
	bytes := 0
	for _, e := range l.entries {
		if e.Sequence() <= r.After || !r.Key.IsZero() && e.Key != r.Key {
			continue
		}
		got = append(got, e)
		if bytes += len(e.Data); bytes >= r.Bytes || len(got) >= r.Events {
			break
		}
	}
	return got, l.answer()
}

// Since gives the sequence of the first event stored at t or later, Last+1 where there is none.
func (l *Log) Since(ctx context.Context, t time.Time) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	for i := range l.entries {
		if !l.entries[i].StoredAt.Before(t) {
			return l.entries[i].Sequence(), l.answer()
		}
	}
	return l.last + 1, l.answer()
}
