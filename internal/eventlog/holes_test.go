package eventlog_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
)

func TestWhatIsMissingInBetweenIsTold(t *testing.T) {
	s := stream(t, open(t, t.TempDir()), logtest.Stream(contract.Disk))
	logtest.Append(t, s, "a", 12)
	if state := logtest.State(t, s); state.Holes != nil {
		t.Errorf("holes %v where nothing is missing", state.Holes)
	}
	for _, sequence := range []uint64{1, 5, 4, 6, 9} {
		if err := s.Remove(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	want := []eventlog.Hole{{First: 4, Last: 6}, {First: 9, Last: 9}}
	if state := logtest.State(t, s); state.First != 2 || !reflect.DeepEqual(state.Holes, want) {
		t.Errorf("from %d on, without %v; want 2, %v", state.First, state.Holes, want)
	}
}

// large fills a JetStream block, of 8 MiB, with some 50 events.
func large(i int) eventlog.Record {
	r := logtest.Record("a", i)
	r.Data = fmt.Appendf(nil, "%q", strings.Repeat("x", 160<<10))
	return r
}

func TestALostBlockIsAHole(t *testing.T) {
	for what, damage := range map[string]func(file string) error{
		"gone":  os.Remove,
		"empty": func(file string) error { return os.Truncate(file, 0) },
		"torn":  func(file string) error { return os.Truncate(file, 1<<20) },
	} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, stopped cleanly %t", what, clean), func(t *testing.T) {
				dir := t.TempDir()
				l := open(t, dir)
				s := stream(t, l, logtest.Stream(contract.Disk))
				for i := range 120 {
					if _, err := s.Append(t.Context(), large(i), nil); err != nil {
						t.Fatal(err)
					}
				}
				if !clean {
					killed := t.TempDir()
					if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
						t.Fatal(err)
					}
					dir = killed
				}
				shut(t, l)
				if err := damage(blockFiles(t, dir)[1]); err != nil {
					t.Fatal(err)
				}
				for range 2 { // also after another start
					l := open(t, dir)
					checkHoles(t, stream(t, l, logtest.Stream(contract.Disk)))
					shut(t, l)
				}
			})
		}
	}
}

func TestATornTailIsAHoleOnceThereIsMore(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir, 1000)
	cut(t, dir, 50<<10)
	for range 2 { // also after another start
		l := open(t, dir)
		s := stream(t, l, blocks())
		logtest.Append(t, s, "a", 3)
		checkHoles(t, s)
		shut(t, l)
	}
}

// checkHoles compares the holes that the state tells with what can be read.
func checkHoles(t *testing.T, s *eventlog.Stream) {
	t.Helper()
	state := logtest.State(t, s)
	var want []eventlog.Hole
	at := state.First - 1
	for _, e := range logtest.ReadAll(t, s, 0) {
		if e.Sequence() > at+1 {
			want = append(want, eventlog.Hole{First: at + 1, Last: e.Sequence() - 1})
		}
		at = e.Sequence()
	}
	if len(want) == 0 || at != state.Last {
		t.Fatalf("the stream can be read up to %d of %d without %v: nothing was tried", at, state.Last, want)
	}
	if !reflect.DeepEqual(state.Holes, want) {
		t.Errorf("the state tells of the holes %v; want %v", state.Holes, want)
	}
}
