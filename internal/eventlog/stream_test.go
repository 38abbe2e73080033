package eventlog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
)

func TestASequenceThatGoesBackBeginsAnIncarnation(t *testing.T) {
	for name, look := range map[string]func(*testing.T, *eventlog.Stream) event.Position{
		"seen by State": func(t *testing.T, s *eventlog.Stream) event.Position {
			if state := logtest.State(t, s); state.Last != 0 {
				t.Fatalf("last is %d, want 0", state.Last)
			}
			return logtest.Append(t, s, "a", 1)[0]
		},
		"seen by an append": func(t *testing.T, s *eventlog.Stream) event.Position {
			return logtest.Append(t, s, "a", 1)[0]
		},
		"seen by a batch": func(t *testing.T, s *eventlog.Stream) event.Position {
			got, err := s.AppendBatch(t.Context(), []eventlog.Record{logtest.Record("a", 1), logtest.Record("a", 2)})
			if err != nil {
				t.Fatal(err)
			}
			return got[0].Position
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			s := stream(t, l, logtest.Stream(contract.Disk))
			before := logtest.Append(t, s, "a", 10)
			if err := s.Lose(t.Context()); err != nil {
				t.Fatal(err)
			}
			again := look(t, s)
			if again.Sequence() != 1 || again.Incarnation() == before[0].Incarnation() {
				t.Errorf("the first event after a loss is %s, and %s was lost: want sequence 1 of a new incarnation", again, before[0])
			}
			shut(t, l)
			s = stream(t, open(t, dir), logtest.Stream(contract.Disk))
			for range 2 {
				state := logtest.State(t, s)
				if sequence, reason := state.Locate(before[4]); sequence != 0 || reason != event.GapReset {
					t.Errorf("%s leads to %d, %q, want 0, reset", before[4], sequence, reason)
				}
				if state.Position(1) != again {
					t.Errorf("the id of %s changed to %s", again, state.Position(1))
				}
			}
		})
	}
}

func TestAnotherRetentionHoldsFromTheNextStart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	c := logtest.Stream(contract.Disk)
	before := logtest.Append(t, stream(t, l, c), "a", 10)
	shut(t, l)
	c.Retention.Events = 3
	c.Retention.Age = time.Minute
	s := stream(t, open(t, dir), c)
	if state := logtest.State(t, s); state.First != 8 || state.Last != 10 || state.Position(10) != before[9] {
		t.Errorf("state: got %d to %d, %s; want 8 to 10, %s", state.First, state.Last, state.Position(10), before[9])
	}
}

func TestRetentionByAgeAndBytes(t *testing.T) {
	l := open(t, t.TempDir())
	for name, r := range map[string]contract.Retention{
		"age":   {Age: 100 * time.Millisecond, Bytes: 1 << 20},
		"bytes": {Age: time.Hour, Bytes: 2000},
	} {
		for _, d := range []contract.Durability{contract.Disk, contract.Memory} {
			c := logtest.Stream(d)
			c.Name, c.Retention = name+"-"+string(d), r
			s := stream(t, l, c)
			logtest.Append(t, s, "a", 100)
			deadline := time.Now().Add(10 * time.Second)
			for logtest.State(t, s).First < 50 {
				if time.Now().After(deadline) {
					t.Fatalf("%s: the state is still %+v", c.Name, logtest.State(t, s))
				}
			}
			if state := logtest.State(t, s); state.Last != 100 {
				t.Errorf("%s: last is %d, want 100", c.Name, state.Last)
			}
		}
	}
}

func TestErrorsSayWhetherTheEventWasStored(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	over, cancel := context.WithCancel(t.Context())
	wait, err := s.AppendAsync(over, logtest.Record("a", 1))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	// The answer may be there already: then there is no error to look at.
	if _, err := wait(over); err != nil && (problem.From(err).Kind != problem.Unavailable || !strings.Contains(err.Error(), "it may have been stored: retry with the same Idempotency-Key")) {
		t.Errorf("given up while it was under way: %v", err)
	}
	shut(t, l)
	if _, err := s.Append(t.Context(), logtest.Record("a", 1), nil); problem.From(err).Kind != problem.Unavailable || !strings.Contains(err.Error(), "it was not stored") {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.State(t.Context()); problem.From(err).Kind != problem.Unavailable {
		t.Errorf("state after Close: %v", err)
	}
	if err := l.Ping(t.Context()); problem.From(err).Kind != problem.Unavailable {
		t.Errorf("ping after Close: %v", err)
	}
}

func TestReadsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: t.TempDir(), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, l)
	s := stream(t, l, logtest.Stream(contract.Disk))
	logtest.Append(t, s, "a", 3)
	logtest.ReadAll(t, s, 0) // and once more, for nothing
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "leat_log_reads_total" {
		t.Fatalf("got %v, %v", families, err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() != "orders" || m.GetCounter().GetValue() != 2 {
			t.Errorf("got %v, want 2 reads of orders", m)
		}
	}
}

func TestABurstCutInTheMiddleIsReadFromTheLog(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	f := logtest.Follow(t, s, 0)
	for i := 1; i <= 5000; i++ {
		if i == 2500 {
			l.CutFollowers()
		}
		if _, err := s.AppendAsync(t.Context(), logtest.Record("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Ended(t); err == nil {
		t.Fatal("Follow ended without an error")
	}
	got := f.Wait(t, 0)
	for i, e := range got {
		if e.Sequence() != uint64(i+1) {
			t.Fatalf("event %d delivered is %d", i, e.Sequence())
		}
	}
	if _, err := s.Append(t.Context(), logtest.Record("a", 5001), nil); err != nil { // so all before are stored
		t.Fatal(err)
	}
	if rest := logtest.ReadAll(t, s, uint64(len(got))); len(got)+len(rest) != 5001 {
		t.Errorf("%d were delivered and %d read after those, want 5,001 together", len(got), len(rest))
	}
}

func TestAFollowerLeavesNothingBehind(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	for range 3 {
		f := logtest.Follow(t, s, 0)
		if n, err := s.Consumers(t.Context()); err != nil || n != 1 {
			t.Errorf("while following: %d consumers, %v", n, err)
		}
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	}
	if n, err := s.Consumers(t.Context()); err != nil || n != 0 {
		t.Errorf("after following: %d consumers, %v", n, err)
	}
}

func TestAFollowerThatIsSlowGetsEverything(t *testing.T) {
	l := open(t, t.TempDir())
	c := logtest.Stream(contract.Memory)
	c.Retention.Bytes = 256 << 20
	s := stream(t, l, c)
	large := logtest.Record("a", 0)
	large.Data = fmt.Appendf(nil, "%q", strings.Repeat("x", 1<<20))
	const n = 100
	slow := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var got int
	go func() {
		ended <- s.Follow(ctx, 0, func(batch []eventlog.Entry) {
			if len(batch) > 0 {
				<-slow // until everything is stored
			}
			if got += len(batch); got == n {
				stop()
			}
		})
	}()
	for range n {
		if _, err := s.Append(t.Context(), large, nil); err != nil {
			t.Fatal(err)
		}
	}
	close(slow)
	if err := <-ended; err != nil || got != n {
		t.Errorf("got %d of %d events, %v", got, n, err)
	}
	stop()
}

func TestConcurrentConditionsLetOneThrough(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	for round := range uint64(20) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		through := 0
		for range 8 {
			wg.Go(func() {
				_, err := s.Append(t.Context(), logtest.Record("a", 1), &round)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					through++
				} else if problem.From(err).Kind != problem.PreconditionFailed {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if through != 1 {
			t.Fatalf("%d of 8 writes on the condition that %d is the newest went through", through, round)
		}
	}
}

func TestConcurrentRepeatsOfARequestStoreItOnce(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	var wg sync.WaitGroup
	answers := make([]string, 40)
	for i := range answers {
		wg.Go(func() {
			records := make([]eventlog.Record, 3+i%3)
			for j := range records {
				records[j] = logtest.Record("a", j)
				records[j].Dedupe = eventlog.RequestDedupe("key", j)
			}
			got, err := s.AppendBatch(t.Context(), records)
			if err != nil {
				t.Error(err)
			}
			for _, a := range got {
				answers[i] += a.Position.String() + " "
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] {
			t.Fatalf("got %s and %s", a, answers[0])
		}
	}
	if n := strings.Count(answers[0], " "); logtest.State(t, s).Last != uint64(n) {
		t.Errorf("%d events are stored, and %d were answered", logtest.State(t, s).Last, n)
	}
}

func TestTheFirstAnswerIsToldAsLongAsTheLogHasItsEvent(t *testing.T) {
	s := stream(t, open(t, t.TempDir()), logtest.Stream(contract.Disk))
	alone, err := s.Append(t.Context(), logtest.Record("a", 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	together, err := s.AppendBatch(t.Context(), []eventlog.Record{logtest.Record("a", 1), logtest.Record("a", 2)})
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range [][]eventlog.Appended{{alone}, together} {
		got, batch, err := s.FirstAnswer(t.Context(), first[0].Position)
		if err != nil || len(got) != len(first) || got[0] != (eventlog.Appended{Position: first[0].Position, Duplicate: true}) || batch != (len(first) > 1) {
			t.Errorf("got %v, a batch: %v, %v, want %v", got, batch, err, first)
		}
	}
	if err := s.Remove(t.Context(), together[0].Position.Sequence()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.FirstAnswer(t.Context(), together[0].Position); got != nil || err != nil {
		t.Errorf("of an event that is gone: got %v, %v", got, err)
	}
}

func TestARetentionThatTheDiskCannotHoldIsToldAndStarts(t *testing.T) {
	var lines bytes.Buffer
	l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orders", "prices", "chat"} {
		c := logtest.Stream(contract.Disk)
		c.Name, c.Retention.Bytes = name, 1<<50
		logtest.Append(t, stream(t, l, c), "a", 1)
	}
	shut(t, l)
	if n := strings.Count(lines.String(), "may need more than the disk has"); n != 1 {
		t.Errorf("warned %d times, want once: %s", n, &lines)
	}
}

func TestReadsGoOnAfterAHole(t *testing.T) {
	l := open(t, t.TempDir())
	s := stream(t, l, logtest.Stream(contract.Disk))
	logtest.Append(t, s, "a", 10)
	for sequence := uint64(4); sequence <= 7; sequence++ {
		if err := s.Remove(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []event.Key{{}, event.MustKey("a")} {
		got, err := s.Read(t.Context(), eventlog.ReadRequest{After: 3, Key: key, Events: 2, Bytes: 1 << 20})
		if err != nil || len(got) != 2 || got[0].Sequence() != 8 || got[1].Sequence() != 9 {
			t.Errorf("key %q: got %v, %v, want 8 and 9", key, got, err)
		}
	}
	if state := logtest.State(t, s); state.First != 1 || state.Last != 10 {
		t.Errorf("state: got %d to %d, want 1 to 10", state.First, state.Last)
	}
}
