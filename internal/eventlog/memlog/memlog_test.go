package memlog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/problem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBehavesLikeEveryEventLog(t *testing.T) {
	logtest.Run(t, func(t *testing.T, s *contract.Stream) logtest.Opened {
		l := memlog.New(s)
		return logtest.Opened{
			Log:          l,
			CutFollowers: l.CutFollowers,
			Restart:      func(*testing.T) logtest.Log { l.Restart(true); return l },
		}
	})
}

func TestFailsAsAsked(t *testing.T) {
	l := memlog.New(logtest.Stream(contract.Disk))
	before := logtest.Append(t, l, "a", 10)
	l.DropOldest(2)
	l.Lose(5, 6)
	if got := logtest.ReadAll(t, l, 0); len(got) != 6 || got[0].Sequence() != 3 || got[2].Sequence() != 7 {
		t.Errorf("after retention and a loss: got %v", got)
	}
	l.GoBack(8)
	if sequence, reason := logtest.State(t, l).Locate(before[9]); sequence != 8 || reason != event.GapReset {
		t.Errorf("a position that was lost leads to %d, %q, want 8, reset", sequence, reason)
	}
	if again := logtest.Append(t, l, "a", 1)[0]; again.Sequence() != 9 || again == before[8] {
		t.Errorf("after it went back to 8: got %s, want 9 of a new incarnation", again)
	}
	l.Fail(errors.New("as asked"))
	if _, err := l.State(t.Context()); problem.From(err).Kind != problem.Unavailable {
		t.Errorf("state while it fails: got %v", err)
	}
	l.Fail(nil)
	l.Restart(false)
	if p := logtest.State(t, l).Position(10); p.Incarnation() == before[0].Incarnation() || p.Incarnation() == logtest.State(t, l).Position(9).Incarnation() {
		t.Errorf("after an unclean restart the next event is %s: want a new incarnation", p)
	}
}

func TestWorksOnFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memlog.New(logtest.Stream(contract.Disk)) // kept for an hour
		ctx, stop := context.WithCancel(t.Context())
		var got int
		go func() {
			if err := l.Follow(ctx, 0, func(batch []eventlog.Entry) { got += len(batch) }); err != nil {
				t.Error(err)
			}
		}()
		logtest.Append(t, l, "a", 3)
		synctest.Wait()
		if got != 3 {
			t.Errorf("%d events delivered, want 3", got)
		}
		l.Mute(true)
		logtest.Append(t, l, "a", 2)
		synctest.Wait()
		if got != 3 {
			t.Errorf("%d events delivered while muted, want 3", got)
		}
		l.Mute(false)
		synctest.Wait()
		if got != 5 {
			t.Errorf("%d events delivered, want 5", got)
		}
		<-time.After(2 * time.Hour) // of the bubble
		if s := logtest.State(t, l); s.First != 6 || s.Last != 5 {
			t.Errorf("after their age: got first %d, last %d, want 6, 5", s.First, s.Last)
		}
		stop()
		synctest.Wait()
	})
}
