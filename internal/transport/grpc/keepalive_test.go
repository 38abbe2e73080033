package grpc_test

import (
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/typed"
)

// A pipes is a listener without sockets, around which fake time passes.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestClientsMayPingEveryTenSecondsAlsoWithoutStreams(t *testing.T) {
	for _, test := range []struct {
		every time.Duration
		calm  bool // the client is told to ping less
	}{{10 * time.Second, false}, {8 * time.Second, true}} {
		t.Run(test.every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
				server := grpc.New(nil, nil, nil, &contract.Contract{}, new(typed.API), slog.New(slog.DiscardHandler))
				served := make(chan error, 1)
				go func() { served <- server.Serve(l) }()
				ours, theirs := net.Pipe()
				l.accepted <- theirs

				p := newPinger(t, ours)
				sent := 0
				for ; sent < 30 && !p.isOver(); sent++ {
					p.ping(t)
					time.Sleep(test.every) // of the bubble
				}
				_ = ours.Close()
				server.Stop(t.Context())
				<-served
				<-p.over
				if p.goAway != nil != test.calm || test.calm && p.goAway.ErrCode != http2.ErrCodeEnhanceYourCalm {
					t.Errorf("after %d pings: got %v, want ENHANCE_YOUR_CALM: %t", sent, p.goAway, test.calm)
				}
				if !test.calm && p.acks != sent {
					t.Errorf("%d of %d pings were answered", p.acks, sent)
				}
			})
		})
	}
}

// A pinger is a client with no streams, which answers the server's pings.
type pinger struct {
	mu     sync.Mutex // guards writing to framer
	framer *http2.Framer

	greeted chan struct{} // closed when the server's settings have come
	over    chan struct{} // closed at the end of what the server sends; the fields below are the reader's until then
	acks    int
	goAway  *http2.GoAwayFrame
}

func newPinger(t *testing.T, conn net.Conn) *pinger {
	t.Helper()
	p := &pinger{framer: http2.NewFramer(conn, conn), greeted: make(chan struct{}), over: make(chan struct{})}
	p.mu.Lock() // before it reads, or the answer to the server's settings could go out before its own
	defer p.mu.Unlock()
	go p.read()
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := p.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pinger) read() {
	defer close(p.over)
	for {
		frame, err := p.framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				close(p.greeted)
				p.write(p.framer.WriteSettingsAck)
			}
		case *http2.PingFrame:
			if frame.IsAck() {
				p.acks++
				continue
			}
			p.write(func() error { return p.framer.WritePing(true, frame.Data) })
		case *http2.GoAwayFrame:
			p.goAway = frame
			return
		}
	}
}

// write writes in the background: who reads may not wait for who reads at the other end.
func (p *pinger) write(f func() error) {
	go func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = f() // the reader notices
	}()
}

func (p *pinger) ping(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.framer.WritePing(false, [8]byte{}); err != nil && !p.isOver() {
		t.Fatal(err)
	}
}

func (p *pinger) isOver() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}
