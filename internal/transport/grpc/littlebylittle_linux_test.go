package grpc_test

import (
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/typed"
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

// The test above would not see a limit of minutes: no limit is what is right.
func TestTheKernelIsToldNoTimeForBytesThatAreNotTaken(t *testing.T) {
	kept := &keeping{Listener: listen(t)}
	server := grpc.New(nil, nil, nil, &contract.Contract{}, new(typed.API), slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(kept) }()
	defer func() {
		server.Stop(t.Context())
		<-served
	}()
	conn, err := net.Dial("tcp", kept.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := newPinger(t, conn)
	select {
	case <-p.greeted:
	case <-p.over:
		t.Fatal("the server has not greeted")
	}
	raw, err := kept.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || ms != 0 {
			t.Errorf("TCP_USER_TIMEOUT is %d ms, %v", ms, err)
		}
	}); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	<-p.over
}

// A keeping listener remembers the connection that it has accepted.
type keeping struct {
	net.Listener
	conn *net.TCPConn
}

func (k *keeping) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		k.conn = tcp
	}
	return conn, err
}
