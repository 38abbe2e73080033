package eventlog_test

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"github.com/leatstream/leat/internal/problem"
	"golang.org/x/sys/unix"
)

// A shortage makes writes below a folder fail, and ends that.
type shortage struct {
	reason     string
	begin, end func(t *testing.T, dir string)
}

// full is a file system of its own that has no room left.
func full() shortage {
	const filler = "filler"
	return shortage{
		reason: "no space left on device",
		begin: func(t *testing.T, dir string) {
			f, err := os.Create(filepath.Join(dir, filler))
			for block := make([]byte, 4<<10); err == nil; {
				_, err = f.Write(block)
			}
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		},
		end: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, filler)); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// limited needs no rights: no file of this process may grow beyond 64 KiB.
func limited() shortage {
	var before unix.Rlimit
	return shortage{
		reason: "file too large",
		begin: func(t *testing.T, _ string) {
			signal.Ignore(unix.SIGXFSZ)
			if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_FSIZE, &before) }) // once more where the test has failed
			if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: before.Max}); err != nil {
				t.Fatal(err)
			}
		},
		end: func(t *testing.T, _ string) {
			if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
				t.Fatal(err)
			}
			signal.Reset(unix.SIGXFSZ)
		},
	}
}

func TestAStreamThatCannotBeWrittenRefusesAtOnceAndRecoversByItself(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
			t.Skipf("mounting a small file system: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		recovers(t, dir, full())
	})
	t.Run("limited", func(t *testing.T) {
		const child = "LEAT_TEST_LIMITED" // a process of its own: go test's files are under the limit too
		if os.Getenv(child) != "" {
			recovers(t, t.TempDir(), limited())
			return
		}
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
		c.Env = append(os.Environ(), child+"=yes")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v:\n%s", err, out)
		}
	})
}

func recovers(t *testing.T, dir string, short shortage) {
	l := open(t, dir)
	c, inMemory := logtest.Stream(contract.Disk), logtest.Stream(contract.Memory)
	inMemory.Name = "telemetry"
	s, m := stream(t, l, c), stream(t, l, inMemory)
	acknowledged := logtest.Append(t, s, "a", 3)
	volatile := logtest.Append(t, m, "a", 3)
	follower := logtest.Follow(t, s, 0)

	short.begin(t, dir)
	acknowledged, doubtful := appendUntilRefused(t, s, acknowledged)
	_, err := s.Append(t.Context(), record(math.MaxInt), nil)
	checkRefused(t, err, "it was not stored", short.reason)
	_, err = s.AppendBatch(t.Context(), []eventlog.Record{record(1), record(2)})
	checkRefused(t, err, "it was not stored", short.reason)
	checkRefused(t, l.Ping(t.Context()), `"orders"`, short.reason)
	if got := logtest.ReadAll(t, s, 0); len(got) != len(acknowledged) {
		t.Errorf("%d events can be read while nothing can be stored, want %d", len(got), len(acknowledged))
	}
	logtest.Append(t, m, "a", 1)

	short.end(t, dir)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); err != nil; {
		select {
		case <-tick.C:
			err = l.Ping(t.Context())
		case <-deadline:
			t.Fatalf("it has not recovered: %v", err)
		}
	}
	if err := follower.Ended(t); err == nil {
		t.Error("the follower ended without an error: it must begin again")
	}
	again, err := s.Append(t.Context(), doubtful, nil)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged = append(acknowledged, again.Position)
	acknowledged = append(acknowledged, logtest.Append(t, s, "a", 5)...)
	checkHas(t, s, acknowledged)
	if _, reason := logtest.State(t, m).Locate(volatile[0]); reason != event.GapReset {
		t.Errorf("a position of the stream in memory leads to %q: want reset", reason)
	}
	if p := logtest.Append(t, m, "a", 1)[0]; p.Sequence() != 1 {
		t.Errorf("the stream in memory goes on at %s: want sequence 1 of a new incarnation", p)
	}
	shut(t, l)
	checkHas(t, stream(t, open(t, dir), c), acknowledged)
}

// appendUntilRefused stores events until one is refused, and gives the positions of the others and that one.
func appendUntilRefused(t *testing.T, s *eventlog.Stream, acknowledged []event.Position) ([]event.Position, eventlog.Record) {
	t.Helper()
	for i := range 10_000 {
		r := record(i)
		r.Dedupe = r.Type.String() + string(r.Data)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		a, err := s.Append(ctx, r, nil)
		late := ctx.Err()
		cancel()
		if err == nil {
			acknowledged = append(acknowledged, a.Position)
			continue
		}
		if late != nil {
			t.Errorf("the refusal took longer than 2 s: %v", err)
		}
		checkRefused(t, err, "stored", "")
		return acknowledged, r
	}
	t.Fatal("nothing was refused")
	return nil, eventlog.Record{}
}

func checkRefused(t *testing.T, err error, says, reason string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one that says %q", says)
	}
	if problem.From(err).Kind != problem.Unavailable || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), reason) {
		t.Errorf("got %v; want unavailable, %q and the reason %q", err, says, reason)
	}
}

// checkHas tells whether the stream has exactly these events, each under its own name.
func checkHas(t *testing.T, s *eventlog.Stream, want []event.Position) {
	t.Helper()
	got := logtest.ReadAll(t, s, 0)
	if len(got) != len(want) {
		t.Fatalf("%d events are stored, want %d", len(got), len(want))
	}
	state := logtest.State(t, s)
	for i, p := range want {
		if got[i].Position != p {
			t.Fatalf("event %d is named %s, want %s", i+1, got[i].Position, p)
		}
		if sequence, reason := state.Locate(p); sequence != p.Sequence() || reason != "" {
			t.Fatalf("%s leads to %d, %q: nothing was lost", p, sequence, reason)
		}
	}
}
