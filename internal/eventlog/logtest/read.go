package logtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

func sequences(entries []eventlog.Entry) (all []uint64) {
	for i := range entries {
		all = append(all, entries[i].Sequence())
	}
	return all
}

func testRead(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	for i := range 20 {
		key := "even"
		if i%2 == 0 {
			key = "odd" // sequences 1, 3, …
		}
		if _, err := l.Append(t.Context(), Record(key, i+1), nil); err != nil {
			t.Fatal(err)
		}
	}
	even := event.MustKey("even")
	for _, c := range []struct {
		name    string
		request eventlog.ReadRequest
		want    string
	}{
		{"from the beginning", eventlog.ReadRequest{Events: 3, Bytes: 1 << 20}, "[1 2 3]"},
		{"after a sequence", eventlog.ReadRequest{After: 17, Events: 100, Bytes: 1 << 20}, "[18 19 20]"},
		{"after the last", eventlog.ReadRequest{After: 20, Events: 100, Bytes: 1 << 20}, "[]"},
		{"beyond the last", eventlog.ReadRequest{After: 1000, Events: 100, Bytes: 1 << 20}, "[]"},
		{"as far as can be", eventlog.ReadRequest{After: ^uint64(0), Events: 100, Bytes: 1 << 20}, "[]"},
		{"one key", eventlog.ReadRequest{After: 2, Key: even, Events: 3, Bytes: 1 << 20}, "[4 6 8]"},
		{"one key, none left", eventlog.ReadRequest{After: 20, Key: even, Events: 3, Bytes: 1 << 20}, "[]"},
		{"a key without events", eventlog.ReadRequest{Key: event.MustKey("unseen"), Events: 3, Bytes: 1 << 20}, "[]"},
		{"always one event, however few bytes", eventlog.ReadRequest{After: 4, Events: 100, Bytes: 1}, "[5]"},
	} {
		got, err := l.Read(t.Context(), c.request)
		if text := fmt.Sprint(sequences(got)); err != nil || text != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, text, err, c.want)
		}
	}
}

func testSince(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	if got, err := l.Since(t.Context(), time.Now()); err != nil || got != 1 {
		t.Errorf("of an empty log: got %d, %v, want 1", got, err)
	}
	Append(t, l, "a", 10)
	for _, e := range ReadAll(t, l, 0) {
		if got, err := l.Since(t.Context(), e.StoredAt); err != nil || got != e.Sequence() {
			t.Errorf("since event %d was stored: got %d, %v", e.Sequence(), got, err)
		}
		if got, err := l.Since(t.Context(), e.StoredAt.Add(1)); err != nil || got != e.Sequence()+1 {
			t.Errorf("since just after event %d was stored: got %d, %v", e.Sequence(), got, err)
		}
	}
	for at, want := range map[time.Time]uint64{
		{}:                        1,
		time.Unix(0, 0):           1,
		time.Now().Add(time.Hour): 11,
		time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC): 11,
	} {
		if got, err := l.Since(t.Context(), at); err != nil || got != want {
			t.Errorf("since %v: got %d, %v, want %d", at, got, err, want)
		}
	}
}

func inOrder(t *testing.T, got []eventlog.Entry, first uint64) {
	t.Helper()
	for i, e := range got {
		if e.Sequence() != first+uint64(i) || string(e.Data) != fmt.Sprintf(`{"n":%d}`, e.Sequence()) {
			t.Fatalf("event %d delivered is %d, %s, want %d", i, e.Sequence(), e.Data, first+uint64(i))
		}
	}
}

func testFollow(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	Append(t, l, "a", 10)
	f, late := Follow(t, l, 4), Follow(t, l, 10)
	inOrder(t, f.Wait(t, 6), 5)
	for i := 11; i <= 2000; i++ {
		if _, err := l.AppendAsync(t.Context(), Record("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	inOrder(t, f.Wait(t, 1996), 5)
	inOrder(t, late.Wait(t, 1990), 11)
	if err := f.Stop(); err != nil {
		t.Errorf("when its context ends: got %v, want nil", err)
	}
	if err := late.Stop(); err != nil {
		t.Errorf("when its context ends: got %v, want nil", err)
	}
}

func testCut(t *testing.T, open opener) {
	l := open(t, Stream(contract.Disk))
	Append(t, l, "a", 3)
	f := Follow(t, l, 0)
	inOrder(t, f.Wait(t, 3), 1)
	l.CutFollowers()
	if err := f.Ended(t); err == nil {
		t.Error("a cut follower ended without an error")
	}
	if _, err := l.Append(t.Context(), Record("a", 4), nil); err != nil {
		t.Errorf("append after the followers were cut: %v", err)
	}
	f = Follow(t, l, 2)
	inOrder(t, f.Wait(t, 2), 3)
	if err := f.Stop(); err != nil {
		t.Error(err)
	}
}

func testRetention(t *testing.T, open opener) {
	s := Stream(contract.Disk)
	s.Retention.Events = 5
	o := open(t, s)
	l := o.Log
	positions := Append(t, l, "a", 12)
	for range 2 {
		if s := State(t, l); s.First != 8 || s.Last != 12 {
			t.Errorf("state: got first %d, last %d, want 8, 12", s.First, s.Last)
		}
		inOrder(t, ReadAll(t, l, 0), 8)
		if sequence, reason := State(t, l).Locate(positions[0]); sequence != 1 || reason != "" {
			t.Errorf("a position that retention passed is still one of the stream's: got %d, %q", sequence, reason)
		}
		l = o.Restart(t)
	}
}

func testRestart(t *testing.T, open opener) {
	for _, d := range []contract.Durability{contract.Disk, contract.Memory} {
		o := open(t, Stream(d))
		before := Append(t, o, "a", 10)
		l := o.Restart(t)
		s := State(t, l)
		if d == contract.Memory {
			if s.First != 1 || s.Last != 0 {
				t.Errorf("memory: got first %d, last %d, want 1, 0", s.First, s.Last)
			}
			if sequence, reason := s.Locate(before[4]); sequence != 0 || reason != event.GapReset {
				t.Errorf("memory: a position from before leads to %d, %q, want 0, reset", sequence, reason)
			}
			continue
		}
		if s.First != 1 || s.Last != 10 {
			t.Errorf("disk: got first %d, last %d, want 1, 10", s.First, s.Last)
		}
		for i, e := range ReadAll(t, l, 0) {
			if e.Position != before[i] {
				t.Errorf("disk: the id of event %d changed from %s to %s", i+1, before[i], e.Position)
			}
		}
		if after := Append(t, l, "a", 1)[0]; after.Incarnation() != before[0].Incarnation() || after.Sequence() != 11 {
			t.Errorf("disk: got %s after %s and a clean restart, want the same incarnation", after, before[9])
		}
	}
}
