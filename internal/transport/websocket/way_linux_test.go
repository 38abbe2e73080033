package websocket

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// withSmallBuffer gives both ends of a TCP connection whose client's system keeps little for it.
func withSmallBuffer(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	ours, theirs = connected(t)
	tcp, _ := ours.(*net.TCPConn)
	if err := tcp.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// withTLS is withSmallBuffer, with TLS on it.
func withTLS(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	certificates.Close()
	ours, theirs = withSmallBuffer(t)
	client, server := tls.Client(ours, &tls.Config{InsecureSkipVerify: true}), tls.Server(theirs, certificates.TLS)
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return client, server
}

// fill writes messages of 16 KiB to the client, which its kernel and ours take without a wait.
func fill(t *testing.T, c *client, messages int) {
	t.Helper()
	for range messages {
		if err := c.out.Send(bytes.Repeat([]byte("x"), 16<<10)); err != nil {
			t.Fatal(err)
		}
	}
	c.out.waited = time.Time{} // the kernel may have been slow
}

func finish(t *testing.T, c *client, ours net.Conn) {
	t.Helper()
	_ = ours.Close()
	if err := c.handler.hub.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
}

func TestASlowReaderIsNotEndedForAPingThatItHasNotReached(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T) (ours, theirs net.Conn){"plain": withSmallBuffer, "TLS": withTLS} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := connect(t)
			c := serveOn(t, theirs, takesLong(0))
			const messages = 24
			fill(t, c, messages)
			passes(c, pingEvery)
			for range messages / 2 { // at 2 KiB/s
				passes(c, 8*time.Second)
				passes(c, 8*time.Second)
				if reason := c.hub.Reason(); reason != "" {
					t.Fatalf("ended: %s", reason)
				}
				if _, err := io.CopyN(io.Discard, ours, 2*(16<<10+4)); err != nil {
					t.Fatal(err)
				}
			}
			passes(c, answerWait)
			if op, _ := opOf(t, ours); op != ws.OpPing {
				t.Fatalf("got %v, want the ping", op)
			}
			say(t, ours, ws.NewPongFrame(nil))
			say(t, ours, ws.NewPingFrame(nil))
			if op, code := opOf(t, ours); op != ws.OpPong { // so the pong was read
				t.Fatalf("got %v with %d, want a pong", op, code)
			}
			passes(c, pingEvery)
			if op, code := opOf(t, ours); op != ws.OpPing {
				t.Fatalf("got %v with %d, want the next ping", op, code)
			}
			passes(c, answerWait)
			if op, code := opOf(t, ours); op != ws.OpClose || code != 4408 {
				t.Errorf("got %v with %d, want close 4408: the client has read all, and does not answer", op, code)
			}
			finish(t, c, ours)
		})
	}
}

func TestAClientThatStopsReadingBeforeItsPingIsEnded(t *testing.T) {
	for name, test := range map[string]struct {
		messages int
		stays    time.Duration
	}{
		"its system has taken all":   {1, answerWait}, // as a reader of 2 KiB/s would read it
		"its system takes no more":   {24, longest - time.Second},
		"there is nothing before it": {0, answerWait - time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := withSmallBuffer(t)
			c := serveOn(t, theirs, takesLong(0))
			fill(t, c, test.messages)
			passes(c, pingEvery)
			passes(c, test.stays)
			if reason := c.hub.Reason(); reason != "" {
				t.Errorf("ended after %v: %s", test.stays, reason)
			}
			for range 2 { // what it took between the ping and the first look is progress
				passes(c, longest)
			}
			if c.hub.Reason() == "" {
				t.Error("it stays for ever")
			}
			finish(t, c, ours)
		})
	}
}
