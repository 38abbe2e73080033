package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

func testAppend(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	if s := State(t, l); s.First != 1 || s.Last != 0 {
		t.Errorf("an empty log's state: got first %d, last %d, want 1, 0", s.First, s.Last)
	}
	at := time.Date(3024, 5, 1, 10, 0, 0, 123456789, time.UTC)
	keys := []string{"a", "_", "%5F", ".x", "a b/ü%🚚*>.", ""}
	for i, k := range keys {
		r := Record(k, i)
		if i == 0 {
			r.Time = at
		}
		before := time.Now().Truncate(time.Millisecond)
		a, err := l.Append(t.Context(), r, nil)
		if err != nil {
			t.Fatalf("append with key %q: %v", k, err)
		}
		if a.Position.Sequence() != uint64(i+1) || a.Duplicate {
			t.Errorf("append %d: got %+v", i+1, a)
		}
		e := ReadAll(t, l, uint64(i))[0]
		if e.Key != r.Key || e.Type != r.Type || string(e.Data) != string(r.Data) || e.Position != a.Position || e.Stream != "orders" {
			t.Errorf("append with key %q: read back %+v", k, e)
		}
		if i == 0 && !e.Time.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("time: got %v, want the publisher's %v in milliseconds", e.Time, at)
		}
		if i > 0 && (e.Time.Before(before) || time.Now().Before(e.Time) || !e.Time.Equal(e.StoredAt.Truncate(time.Millisecond))) {
			t.Errorf("time: got %v, want when the log stored it, %v", e.Time, e.StoredAt)
		}
	}
	for i, k := range keys {
		p, err := l.LastOf(t.Context(), Record(k, 0).Key)
		if err != nil || p.Sequence() != uint64(i+1) {
			t.Errorf("last of key %q: got %v, %v; want sequence %d", k, p, err, i+1)
		}
	}
	if p, err := l.LastOf(t.Context(), event.MustKey("unseen")); err != nil || !p.IsZero() {
		t.Errorf("last of a key without events: got %v, %v", p, err)
	}
	var waits []func(context.Context) (eventlog.Appended, error)
	for i := range 500 {
		wait, err := l.AppendAsync(t.Context(), Record("a", i))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	for i, wait := range waits {
		if a, err := wait(t.Context()); err != nil || a.Position.Sequence() != uint64(len(keys)+i+1) {
			t.Fatalf("append %d begun without waiting: got %v, %v", i, a, err)
		}
	}
}

func testIfMatch(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	zero, one, two := uint64(0), uint64(1), uint64(2)
	for _, step := range []struct {
		name   string
		key    string
		ifLast *uint64
		newest uint64 // where refused
	}{
		{"none yet", "a", &zero, 0},
		{"none yet, but there is one", "a", &zero, 1},
		{"another key has none yet", "b", &zero, 0},
		{"the newest of its key, not of the stream", "a", &one, 0},
		{"no longer the newest", "a", &one, 3},
		{"one of another key", "a", &two, 3},
	} {
		a, err := l.Append(t.Context(), Record(step.key, 1), step.ifLast)
		if step.newest == 0 {
			if err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			continue
		}
		p := problem.From(err)
		if p.Kind != problem.PreconditionFailed || p.Position != State(t, l).Position(step.newest).String() {
			t.Errorf("%s: got %v, %v (position %q), want a failed precondition and the position of %d", step.name, a, err, p.Position, step.newest)
		}
	}
	if _, err := l.Append(t.Context(), Record("unseen", 1), &one); problem.From(err).Kind != problem.PreconditionFailed || problem.From(err).Position != "" {
		t.Errorf("a condition on a key without events: got %v", err)
	}
	if s := State(t, l); s.Last != 3 {
		t.Errorf("last is %d: a refused event was stored", s.Last)
	}
}

func testDedupe(t *testing.T, open opener) {
	o := open(t, Stream(contract.Disk))
	l := o.Log
	zero := uint64(0)
	r := Record("a", 1)
	r.Dedupe = "an\r\nid of anything"
	first, err := l.Append(t.Context(), r, &zero)
	if err != nil || first.Duplicate {
		t.Fatalf("first: %v, %v", first, err)
	}
	Append(t, l, "a", 3)
	for _, again := range []struct {
		name   string
		ifLast *uint64
		before func()
	}{
		{"a repeat", nil, func() {}},
		{"a repeat with its condition, which no longer holds", &zero, func() {}},
		{"a repeat after a restart", nil, func() { l = o.Restart(t) }},
	} {
		again.before()
		if a, err := l.Append(t.Context(), r, again.ifLast); err != nil || !a.Duplicate || a.Position != first.Position {
			t.Errorf("%s: got %v, %v, want the first one's position %v", again.name, a, err, first.Position)
		}
	}
	if s := State(t, l); s.Last != 4 {
		t.Errorf("last is %d, want 4: a repeat was stored", s.Last)
	}
}

func testBatch(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	for _, step := range []struct {
		name  string
		names []string
		want  []string
		last  uint64
	}{
		{"events of no name", []string{"", "", ""}, []string{"1", "2", "3"}, 3},
		{"events with names", []string{"x", "y"}, []string{"4", "5"}, 5},
		{"some are there", []string{"y", "z", "", "x"}, []string{"5 again", "6", "7", "4 again"}, 7},
		{"all are there", []string{"x", "z"}, []string{"4 again", "6 again"}, 7},
		{"twice in one batch", []string{"v", "v", "w"}, []string{"8", "8 again", "9"}, 9},
		{"a request", []string{"k#0", "k#1", "k#2"}, []string{"10", "11", "12"}, 12},
		{"its repeat", []string{"k#0", "k#1", "k#2"}, []string{"10 again", "11 again", "12 again"}, 12},
		{"its repeat, longer", []string{"k#0", "k#1", "k#2", "k#3"}, []string{"10 again", "11 again", "12 again"}, 12},
		{"its repeat, shorter", []string{"k#0"}, []string{"10 again", "11 again", "12 again"}, 12},
		{"one event", []string{""}, []string{"13"}, 13},
		{"no event", nil, nil, 13},
	} {
		var records []eventlog.Record
		for i, name := range step.names {
			r := Record(fmt.Sprint("key ", i%2), i)
			r.Dedupe = name
			records = append(records, r)
		}
		got, err := l.AppendBatch(t.Context(), records)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		var texts []string
		for _, a := range got {
			text := fmt.Sprint(a.Position.Sequence())
			if a.Duplicate {
				text += " again"
			}
			texts = append(texts, text)
		}
		if fmt.Sprint(texts) != fmt.Sprint(step.want) || State(t, l).Last != step.last {
			t.Errorf("%s: got %q and last %d, want %q and %d", step.name, texts, State(t, l).Last, step.want, step.last)
		}
	}
	if _, err := l.AppendBatch(t.Context(), make([]eventlog.Record, eventlog.MaxBatch+1)); problem.From(err).Kind != problem.TooLarge {
		t.Errorf("1,001 events: got %v, want that they are too many", err)
	}
	large := make([]eventlog.Record, eventlog.MaxBatch)
	for i := range large {
		large[i] = Record("a", i)
	}
	got, err := l.AppendBatch(t.Context(), large)
	if err != nil || got[999].Position.Sequence() != 1013 {
		t.Errorf("1,000 events: %v", err)
	}
	for i, e := range ReadAll(t, l, 13) {
		if string(e.Data) != string(large[i].Data) || e.Position != got[i].Position {
			t.Fatalf("event %d of a batch: got %s at %s, want %s at %s", i, e.Data, e.Position, large[i].Data, got[i].Position)
		}
	}
}

func testNone(t *testing.T, open opener) {
	s := Stream(contract.None)
	s.Retention = contract.Retention{}
	l := open(t, s)
	f, other := Follow(t, l, 0), Follow(t, l, 0)
	Append(t, l, "a", 100)
	if got, err := l.AppendBatch(t.Context(), []eventlog.Record{Record("a", 101), Record("b", 102)}); err != nil || len(got) != 2 || !got[0].Position.IsZero() {
		t.Errorf("a batch: got %v, %v", got, err)
	}
	for _, f := range []*Follower{f, other} {
		for i, e := range f.Wait(t, 102) {
			if !e.Position.IsZero() || string(e.Data) != fmt.Sprintf(`{"n":%d}`, i+1) || e.Time.IsZero() {
				t.Fatalf("event %d: got %+v", i+1, e)
			}
		}
	}
	if got, err := l.State(t.Context()); err != nil || got.Last != 0 {
		t.Errorf("state: got %v, %v, want the zero State", got, err)
	}
	if err := errors.Join(f.Stop(), other.Stop()); err != nil {
		t.Error(err)
	}
}
