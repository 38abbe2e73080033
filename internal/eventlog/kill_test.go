package eventlog_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
)

// blocks is a stream whose JetStream blocks are small.
func blocks() *contract.Stream {
	s := logtest.Stream(contract.Disk)
	s.Retention.Bytes = 4 << 20
	return s
}

// publishUntilKilled is what the test binary does as a child: it prints the position of each event that the log has
// acknowledged.
func publishUntilKilled(dir string) {
	ctx := context.Background()
	l, err := eventlog.Open(ctx, eventlog.Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	s, err := l.Stream(ctx, blocks())
	if err != nil {
		panic(err)
	}
	waits := make(chan func(context.Context) (eventlog.Appended, error), 256)
	go func() {
		for i := 1; ; i++ {
			wait, err := s.AppendAsync(ctx, record(i))
			if err != nil {
				panic(err)
			}
			waits <- wait
		}
	}()
	for wait := range waits {
		a, err := wait(ctx)
		if err != nil {
			panic(err)
		}
		fmt.Println(a.Position)
	}
}

func record(i int) eventlog.Record {
	r := logtest.Record("a", i)
	r.Data = fmt.Appendf(nil, `{"n":%d,"pad":%q}`, i, strings.Repeat("x", 200))
	return r
}

// killed gives the positions that a process had acknowledged when it was killed at its nth.
func killed(t *testing.T, dir string, n int) []event.Position {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "LEAT_TEST_PUBLISHER="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []event.Position
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p, err := event.ParsePosition(lines.Text())
		if err != nil {
			break // the line that it was killed in
		}
		if acknowledged = append(acknowledged, p); len(acknowledged) == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acknowledged) < n {
		t.Fatalf("the child ended by itself after %d events: %v", len(acknowledged), err)
	}
	return acknowledged
}

// stopped gives the positions of a log that n events were stored in before it was stopped cleanly.
func stopped(t *testing.T, dir string, n int) []event.Position {
	t.Helper()
	l := open(t, dir)
	s := stream(t, l, blocks())
	var stored []event.Position
	for i := 1; i <= n; i++ {
		a, err := s.Append(t.Context(), record(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, a.Position)
	}
	shut(t, l)
	return stored
}

func blockFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "$G", "streams", "leat-orders", "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no blocks in %s: %v", dir, err)
	}
	sort.Slice(files, func(i, j int) bool { return number(files[i]) < number(files[j]) })
	return files
}

func number(file string) (n int) {
	fmt.Sscanf(filepath.Base(file), "%d", &n)
	return n
}

// cut takes bytes off the end of the last block.
func cut(t *testing.T, dir string, bytes int64) {
	t.Helper()
	files := blockFiles(t, dir)
	last := files[len(files)-1]
	info, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d blocks, the last has %d bytes", len(files), info.Size())
	if err := os.Truncate(last, max(0, info.Size()-bytes)); err != nil {
		t.Fatal(err)
	}
}

// zero overwrites the end of the last block, as a power cut may leave it.
func zero(t *testing.T, dir string) {
	t.Helper()
	files := blockFiles(t, dir)
	file, err := os.OpenFile(files[len(files)-1], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // what matters was written
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	n := min(info.Size(), 50<<10)
	if _, err := file.WriteAt(make([]byte, n), info.Size()-n); err != nil {
		t.Fatal(err)
	}
}

func TestEveryAcknowledgedEventSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	var all []event.Position
	for range 3 {
		all = append(all, killed(t, dir, 500)...)
		l := open(t, dir)
		s := stream(t, l, blocks())
		there := make(map[event.Position]bool)
		for _, e := range logtest.ReadAll(t, s, 0) {
			there[e.Position] = true
		}
		state := logtest.State(t, s)
		for _, p := range all {
			if !there[p] {
				t.Fatalf("%s was acknowledged, and is gone", p)
			}
			if sequence, reason := state.Locate(p); sequence != p.Sequence() || reason != "" {
				t.Fatalf("%s leads to %d, %q: a kill costs nobody anything", p, sequence, reason)
			}
		}
		shut(t, l)
	}
}

func TestWhatATornTailLostIsResetAndNeverNamedAgain(t *testing.T) {
	for how, history := range map[string]func(*testing.T, string, int) []event.Position{"stopped": stopped, "killed": killed} {
		for _, n := range []int{50, 1000} {
			for what, damage := range map[string]func(t *testing.T, dir string){
				"7 bytes":         func(t *testing.T, dir string) { cut(t, dir, 7) },
				"50 KiB":          func(t *testing.T, dir string) { cut(t, dir, 50<<10) },
				"last block":      func(t *testing.T, dir string) { cut(t, dir, 1<<40) },
				"50 KiB of zeros": zero,
				"no block": func(t *testing.T, dir string) {
					for _, file := range blockFiles(t, dir) {
						if err := os.Remove(file); err != nil {
							t.Fatal(err)
						}
					}
				},
				"50 KiB and the index": func(t *testing.T, dir string) {
					cut(t, dir, 50<<10)
					if err := os.Remove(filepath.Join(filepath.Dir(blockFiles(t, dir)[0]), "index.db")); err != nil && how == "stopped" {
						t.Fatal(err)
					}
				},
			} {
				t.Run(fmt.Sprintf("%s after %d, %s", how, n, what), func(t *testing.T) {
					dir := t.TempDir()
					acknowledged := history(t, dir, n)
					damage(t, dir)
					l := open(t, dir)
					s := stream(t, l, blocks())
					lost := checkLost(t, s, acknowledged)
					t.Logf("%d of %d lost", lost, len(acknowledged))
					if how == "stopped" && lost == 0 {
						t.Error("nothing was lost, so nothing was tried")
					}
					checkNewNames(t, s, acknowledged)
					shut(t, l)
					l = open(t, dir)
					s = stream(t, l, blocks())
					if again := checkLost(t, s, acknowledged); again != lost {
						t.Errorf("%d lost after another restart, %d before", again, lost)
					}
					checkNewNames(t, s, acknowledged)
				})
			}
		}
	}
}

func TestATornTailIsResetOnce(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir, 1000)
	cut(t, dir, 50<<10)
	var lineage string
	for i := range 3 {
		l := open(t, dir)
		state := logtest.State(t, stream(t, l, blocks()))
		shut(t, l)
		if i > 0 && state.Lineage.String() != lineage {
			t.Errorf("start %d: the incarnations changed from %s to %s", i+1, lineage, state.Lineage)
		}
		lineage = state.Lineage.String()
	}
}

// checkLost counts those of the positions whose event is gone.
func checkLost(t *testing.T, s *eventlog.Stream, acknowledged []event.Position) (lost int) {
	t.Helper()
	there := make(map[event.Position]string)
	for _, e := range logtest.ReadAll(t, s, 0) {
		there[e.Position] = string(e.Data)
	}
	state := logtest.State(t, s)
	for i, p := range acknowledged {
		sequence, reason := state.Locate(p)
		switch data, ok := there[p]; {
		case ok && (reason != "" || sequence != p.Sequence()):
			t.Fatalf("%s is there, and leads to %d, %q", p, sequence, reason)
		case ok && data != string(record(i+1).Data):
			t.Fatalf("%s is another event now", p)
		case !ok && reason != event.GapReset:
			t.Fatalf("%s is gone, and leads to %d, %q, want reset; the stream holds %d to %d, %s", p, sequence, reason, state.First, state.Last, state.Lineage)
		case !ok:
			lost++
		}
	}
	return lost
}

// checkNewNames stores events, which get names of their own and can be read.
func checkNewNames(t *testing.T, s *eventlog.Stream, acknowledged []event.Position) {
	t.Helper()
	old := make(map[event.Position]bool)
	for _, p := range acknowledged {
		old[p] = true
	}
	before := logtest.State(t, s).Last
	added := logtest.Append(t, s, "a", 10)
	for _, p := range added {
		if old[p] {
			t.Fatalf("%s names a second event", p)
		}
	}
	if got := logtest.ReadAll(t, s, before); len(got) != 10 || got[9].Position != added[9] {
		t.Fatalf("%d of 10 new events can be read", len(got))
	}
}
