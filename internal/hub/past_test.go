package hub_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
)

// A notebook is a slog.Handler that keeps what is logged as a warning or worse.
type notebook struct {
	slog.Handler
	mu    sync.Mutex // guards lines
	lines []string
}

func (n *notebook) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (n *notebook) WithAttrs([]slog.Attr) slog.Handler           { return n }

func (n *notebook) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
	return nil
}

func (n *notebook) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// A lagging log has reads answered by a replica that has nothing yet, which is no error, or not at all.
type lagging struct {
	*memlog.Log
	wait bool // the answer comes when the reader has given up
	err  error
}

func (l *lagging) Read(ctx context.Context, r eventlog.ReadRequest) ([]eventlog.Entry, error) {
	if l.wait {
		<-ctx.Done()
	}
	return nil, l.err
}

// pastReader runs a test with a client that has to read the past of a log, and what is logged about it.
func pastReader(t *testing.T, wrap func(*memlog.Log) hub.Log, test func(c *client, notes *notebook)) {
	notes := &notebook{}
	o := hub.Options{TailEvents: 8, Logger: slog.New(notes)}
	inBubbleOn(t, "ticks", o, wrap, func(b *bench) {
		live := b.subscribe(all()) // so that there is a tail, which the events fall off
		defer live.close()
		for range 10 {
			synctest.Wait()
			b.publish(4, "tick", "k")
		}
		synctest.Wait()
		test(b.subscribe(from("earliest")), notes)
	})
}

func TestAClientThatMerelyLeavesIsNoWarning(t *testing.T) {
	for name, wait := range map[string]bool{"between two reads": false, "in a read": true} {
		t.Run(name, func(t *testing.T) {
			lag := func(l *memlog.Log) hub.Log { return &lagging{Log: l, wait: wait} }
			pastReader(t, lag, func(c *client, notes *notebook) {
				synctest.Wait()
				c.close()
				if text := notes.text(); text != "" {
					t.Errorf("logged: %s", text)
				}
			})
		})
	}
}

func TestALogThatDoesNotAnswerAReaderIsWarnedOfOnce(t *testing.T) {
	away := func(l *memlog.Log) hub.Log { return &lagging{Log: l, err: errors.New("away")} }
	pastReader(t, away, func(c *client, notes *notebook) {
		time.Sleep(3 * time.Second)
		c.close()
		if text := notes.text(); strings.Count(text, "\n") > 0 || !strings.Contains(text, "away") {
			t.Errorf("logged: %q; want one warning that names the cause", text)
		}
	})
}

func TestEventsThatALogHasLostAreWarnedOf(t *testing.T) {
	lag := func(l *memlog.Log) hub.Log { return &lagging{Log: l} }
	pastReader(t, lag, func(c *client, notes *notebook) {
		time.Sleep(3 * time.Second)
		c.want("what is missing", "gap(40) live(40)")
		c.close()
		if text := notes.text(); strings.Count(text, "\n") > 0 || !strings.Contains(text, "after=0 to=40") {
			t.Errorf("logged: %q; want one warning that says what is lost", text)
		}
	})
}
