package eventlog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("LEAT_TEST_PUBLISHER"); dir != "" {
		publishUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a log on a folder; it is closed with the test, unless it was before.
func open(t testing.TB, dir string) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(t.Context(), eventlog.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, l) })
	return l
}

func shut(t testing.TB, l *eventlog.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func stream(t testing.TB, l *eventlog.Log, c *contract.Stream) *eventlog.Stream {
	t.Helper()
	s, err := l.Stream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBehavesLikeEveryEventLog(t *testing.T) {
	logtest.Run(t, func(t *testing.T, c *contract.Stream) logtest.Opened {
		dir := t.TempDir()
		l := open(t, dir)
		return logtest.Opened{
			Log:          stream(t, l, c),
			CutFollowers: func() { l.CutFollowers() },
			Restart: func(t *testing.T) logtest.Log {
				shut(t, l)
				l = open(t, dir)
				return stream(t, l, c)
			},
		}
	})
}

func TestAFolderBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if _, err := eventlog.Open(t.Context(), eventlog.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second log on a folder: got %v, want an error that names it", err)
	}
	shut(t, l)
	open(t, dir)
}

func TestAFileInPlaceOfTheFolderIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := eventlog.Open(t.Context(), eventlog.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want an error that names it", dir, err)
		}
	}
}

func TestAFolderLeftOutIsTemporary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	l := open(t, "")
	logtest.Append(t, stream(t, l, logtest.Stream(contract.Disk)), "a", 3)
	shut(t, l)
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEachStreamThatCannotBeOpenedIsNamed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var declared []*contract.Stream
	for _, name := range []string{"orders", "prices", "readings"} {
		c := logtest.Stream(contract.Disk)
		c.Name = name
		declared = append(declared, c)
	}
	streams, err := l.Streams(t.Context(), declared)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		logtest.Append(t, s, "a", 1)
	}
	shut(t, l)
	declared[0].Durability, declared[2].Durability = contract.Memory, contract.None
	_, err = open(t, dir).Streams(t.Context(), declared)
	if err == nil || !strings.Contains(err.Error(), `"orders"`) || strings.Contains(err.Error(), `"prices"`) || !strings.Contains(err.Error(), `"readings"`) {
		t.Errorf("got %v; want an error that names orders and readings", err)
	}
}

func TestAnotherDurabilityNeedsADecision(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	stream(t, l, logtest.Stream(contract.Disk))
	shut(t, l)
	l = open(t, dir)
	for _, d := range []contract.Durability{contract.Memory, contract.None} {
		if _, err := l.Stream(t.Context(), logtest.Stream(d)); err == nil || !strings.Contains(err.Error(), `"orders"`) {
			t.Errorf("disk, then %s: got %v, want an error that names the stream", d, err)
		}
	}
}
