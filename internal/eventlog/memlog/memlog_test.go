package memlog_test

import (
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"github.com/leatstream/leat/internal/eventlog/memlog"
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
