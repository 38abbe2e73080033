package grpc_test

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/leatstream/leat/internal/hub"
)

// A sipping connection gives a little at a time, at long intervals, while it is slow.
type sipping struct {
	net.Conn
	slow  atomic.Bool
	ticks *time.Ticker
}

func (s *sipping) Read(p []byte) (int, error) {
	if s.slow.Load() {
		<-s.ticks.C
		p = p[:min(len(p), 1000)]
	}
	return s.Conn.Read(p)
}

// One that reads all the time is not ended, however small its buffers and however much lies before it on the way: the
// window stays smaller than what the kernel wants to send, and only its probes get through.
func TestAClientThatReadsLittleByLittleIsNotEnded(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			leat := dial(t, n, n.native)
			small := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
				controlled := raw.Control(func(fd uintptr) {
					err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
				})
				if controlled != nil {
					return controlled
				}
				return err
			}}
			conn, err := small.Dial("tcp", n.address(way))
			if err != nil {
				t.Fatal(err)
			}
			sips := &sipping{Conn: conn, ticks: time.NewTicker(100 * time.Millisecond)}
			t.Cleanup(sips.ticks.Stop)
			reader := newTrickleOver(t, sips, n.address(way))
			reader.allow(t, 1<<30)
			sips.slow.Store(true)
			const events = 5
			for range events { // the kernel's buffers hold all of it
				leat.publish(t, blob())
			}
			hurry := time.AfterFunc(hub.SlowAfter+5*time.Second, func() { sips.slow.Store(false) })
			defer hurry.Stop()
			got := 0
			reader.until(t, func(frame http2.Frame) bool {
				switch frame := frame.(type) {
				case *http2.DataFrame:
					got += int(frame.Length)
				case *http2.HeadersFrame, *http2.RSTStreamFrame, *http2.GoAwayFrame:
					t.Fatalf("the stream has ended after %d bytes: %v", got, frame)
				}
				return got > events*len(blob().GetEvent().GetData())
			})
		})
	}
}
