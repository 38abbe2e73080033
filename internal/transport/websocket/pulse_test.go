package websocket

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A takesLong is a session whose messages take as long to handle as a backend takes to answer.
type takesLong time.Duration

func (d takesLong) Handle(context.Context, []byte) error {
	time.Sleep(time.Duration(d)) // of the bubble
	return nil
}

func (takesLong) Close() {}

// serveOn gives a connection a session of the test's.
func serveOn(t *testing.T, conn net.Conn, s session) *client {
	t.Helper()
	registry := prometheus.NewRegistry()
	h := hub.New(hub.Options{Logger: slog.New(slog.DiscardHandler), Registry: registry})
	handler := New(&contract.Contract{}, h, ingest.New(slog.New(slog.DiscardHandler), registry), nil, slog.New(slog.DiscardHandler))
	connection, err := h.Connect(contract.WebSocket)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{handler: handler, hub: connection, session: s}
	c.out.hub, c.out.lost = connection, c.lose
	_, encrypted := conn.(*tls.Conn)
	c.take(conn, encrypted, nil)
	c.start(nil)
	return c
}

// opOf reads a frame, and gives its opcode, and the code of a close frame.
func opOf(t *testing.T, conn net.Conn) (ws.OpCode, int) {
	t.Helper()
	f, err := ws.ReadFrame(conn) //nolint:staticcheck // the server under test declares no length that hurts
	if err != nil {
		t.Fatal(err)
	}
	if f.Header.OpCode == ws.OpClose {
		return ws.OpClose, int(binary.BigEndian.Uint16(f.Payload))
	}
	return f.Header.OpCode, 0
}

func say(t *testing.T, conn net.Conn, f ws.Frame) {
	t.Helper()
	if err := ws.WriteFrame(conn, ws.MaskFrame(f)); err != nil {
		t.Fatal(err)
	}
}

func TestAClientIsPingedWhileItsMessageIsHandledAndHasItsFullTimeToAnswerAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		c := serveOn(t, theirs, takesLong(59*time.Second))
		start := time.Now()
		time.Sleep(24 * time.Second) // of the bubble
		say(t, ours, ws.NewTextFrame([]byte("{}")))
		for _, want := range []time.Duration{25 * time.Second, 50 * time.Second, 75 * time.Second} {
			if op, code := opOf(t, ours); op != ws.OpPing {
				t.Fatalf("got %v with %d, want a ping", op, code)
			}
			if got := time.Since(start); got < want || got > want+2*time.Second {
				t.Errorf("pinged after %v, want %v", got, want)
			}
		}
		time.Sleep(time.Until(start.Add(92 * time.Second))) // of the bubble: 9 seconds after reading goes on
		if c.hub.Reason() != "" {
			t.Fatal("it is ended, for pongs that nobody could read")
		}
		say(t, ours, ws.NewPongFrame(nil))
		if op, code := opOf(t, ours); op != ws.OpPing {
			t.Fatalf("got %v with %d, want the next ping", op, code)
		}
		if op, code := opOf(t, ours); op != ws.OpClose || code != 4408 {
			t.Errorf("got %v with %d, want close 4408 for a pong that never came", op, code)
		}
		_, _ = io.Copy(io.Discard, ours)
	})
}

func TestAnEndThatComesWhileAMessageIsHandledTakesEffectThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		c := serveOn(t, theirs, takesLong(20*time.Second))
		start := time.Now()
		say(t, ours, ws.NewTextFrame([]byte("{}")))
		time.Sleep(time.Second) // of the bubble
		c.hub.End(event.EndDrain)
		if op, code := opOf(t, ours); op != ws.OpClose || code != 1012 {
			t.Errorf("got %v with %d, want close 1012", op, code)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("it ended after %v, want when its message was handled", took)
		}
	})
}

// connected gives both ends of a TCP connection.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestAConnectionThatBreaksOrEndsWhileItRestsIsClosedAsIfItWereRead(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(c *client)
		code int // of the close frame; 0: none
	}{
		"a write fails":           {func(c *client) { c.lose(io.ErrClosedPipe) }, 0},
		"a bug":                   {func(c *client) { c.lose(problem.From(errors.New("a bug"))) }, 1011},
		"the server drains":       {func(c *client) { c.hub.End(event.EndDrain) }, 1012},
		"the client is slow":      {func(c *client) { c.hub.End(event.EndSlow) }, 4408},
		"the log does not answer": {func(c *client) { c.hub.End(event.EndUnavailable) }, 1013},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := connected(t)
			c := serveOn(t, theirs, takesLong(0))
			for c.watched && !c.rests.Load() {
				runtime.Gosched()
			}
			test.end(c)
			if test.code != 0 {
				if op, code := opOf(t, ours); op != ws.OpClose || code != test.code {
					t.Errorf("got %v with %d, want close %d", op, code, test.code)
				}
			} else if rest, err := io.ReadAll(ours); err != nil || len(rest) > 0 {
				t.Errorf("got % x, %v; want the connection closed", rest, err)
			}
			_ = ours.Close()
			if err := c.handler.hub.Drain(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// passes lets time pass for a client's pings.
func passes(c *client, d time.Duration) {
	p := c.handler.pulse
	p.mu.Lock()
	c.pings.at = c.pings.at.Add(-d)
	p.wheel.Remove(c)
	p.mu.Unlock()
	p.look(c)
	c.pings.group.Wait()
}

// No bubble advances around a real socket, so the clock is the test's.
func TestAConnectionWithoutAGoroutineIsPingedAndEndedWhereItDoesNotAnswer(t *testing.T) {
	ours, theirs := connected(t)
	c := serveOn(t, theirs, takesLong(0))
	p := c.handler.pulse
	later := func(d time.Duration) { passes(c, d) }
	later(pingEvery - time.Second)
	for range 3 {
		later(time.Second)
		if op, code := opOf(t, ours); op != ws.OpPing {
			t.Fatalf("got %v with %d, want a ping", op, code)
		}
		say(t, ours, ws.NewPongFrame(nil))
		say(t, ours, ws.NewPingFrame(nil))
		if op, code := opOf(t, ours); op != ws.OpPong { // so the pong was read
			t.Fatalf("got %v with %d, want a pong", op, code)
		}
		later(pingEvery - time.Second)
	}
	later(time.Second)
	if op, code := opOf(t, ours); op != ws.OpPing {
		t.Fatalf("got %v with %d, want a ping", op, code)
	}
	later(answerWait - time.Second)
	if c.hub.Reason() != "" {
		t.Error("ended before its time to answer is over")
	}
	later(time.Second)
	if op, code := opOf(t, ours); op != ws.OpClose || code != 4408 {
		t.Errorf("got %v with %d, want close 4408", op, code)
	}
	_ = ours.Close()
	if err := c.handler.hub.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wheel.Slots() > 0 {
		t.Error("the wheel keeps a connection that is gone")
	}
}
