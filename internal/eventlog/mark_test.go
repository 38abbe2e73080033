package eventlog_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog/logtest"
)

// A backup put back would give out the numbers again that the original has given out since it was made.
func TestACopyOfACleanLogBeginsAnIncarnation(t *testing.T) {
	dir, backup := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
	l := open(t, dir)
	kept := logtest.Append(t, stream(t, l, logtest.Stream(contract.Disk)), "a", 3)
	shut(t, l)
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// The copy was made some time after the stop; here that time is in the mark.
	mark := filepath.Join(backup, "clean-shutdown.json")
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	earlier := regexp.MustCompile(`"written":"\d{4}`).ReplaceAll(text, []byte(`"written":"2024`))
	if err := os.WriteFile(mark, earlier, 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	s := stream(t, l, logtest.Stream(contract.Disk))
	since := logtest.Append(t, s, "a", 1)
	if since[0].Incarnation() != kept[0].Incarnation() {
		t.Errorf("a clean restart: %s follows %s", since[0], kept[2])
	}
	shut(t, l)

	state := logtest.State(t, stream(t, open(t, backup), logtest.Stream(contract.Disk)))
	if sequence, reason := state.Locate(since[0]); sequence != 3 || reason != event.GapReset {
		t.Errorf("%s, which the backup lacks, leads to %d, %q, want 3, reset", since[0], sequence, reason)
	}
	if sequence, reason := state.Locate(kept[2]); sequence != 3 || reason != "" {
		t.Errorf("%s, which the backup has, leads to %d, %q, want 3", kept[2], sequence, reason)
	}
}
