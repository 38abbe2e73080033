package websocket_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/internal/hub"
)

// A pipe is a response writer whose connection is one end of a net.Pipe, for tests with fake time.
type pipe struct {
	http.ResponseWriter
	conn net.Conn
}

func (p pipe) Header() http.Header { return http.Header{} }

func (p pipe) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(io.Discard)), nil
}

// dialPipe opens /ws within a bubble; when it is given the hub, the server can end the connection.
func dialPipe(t *testing.T) (net.Conn, *hub.Hub) {
	t.Helper()
	h, handler := withoutLog()
	ours, theirs := net.Pipe()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake("/ws", "leat.v1"))))
	if err != nil {
		t.Fatal(err)
	}
	go handler.ServeHTTP(pipe{conn: theirs}, r.WithContext(t.Context()))
	return upgraded(t, ours), h
}

func within(t *testing.T, since time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(since); got < want || got > want+2*time.Second {
		t.Errorf("it took %v, want %v", got, want)
	}
}

func TestAClientThatDoesNotAnswerThePingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := dialPipe(t)
		start := time.Now()
		if got := next(t, conn); got.Header.OpCode != ws.OpPing {
			t.Fatalf("got %v, want a ping", got.Header.OpCode)
		}
		within(t, start, 25*time.Second)
		if got := next(t, conn); closeCode(got) != 4408 {
			t.Errorf("got %v with %d, want close 4408", got.Header.OpCode, closeCode(got))
		}
		within(t, start, 35*time.Second)
		if f := try(t, conn); f != nil {
			t.Errorf("after the close frame came %+v", f)
		}
	})
}

func TestAClientThatAnswersPingsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := dialPipe(t)
		start := time.Now()
		for range 5 {
			if got := next(t, conn); got.Header.OpCode != ws.OpPing {
				t.Fatalf("got %v, want a ping", got.Header.OpCode)
			}
			time.Sleep(9 * time.Second) // of the bubble
			if _, err := conn.Write(frame(0x8a, "")); err != nil {
				t.Fatal(err)
			}
		}
		within(t, start, 5*25*time.Second+9*time.Second)
		_ = conn.Close()
	})
}

func TestAClientThatTakesNothingIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := dialPipe(t)
		start := time.Now()
		if _, err := conn.Write(frame(text, `{"op":"dance"}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11500 * time.Millisecond) // of the bubble: past hub.SlowAfter and its slack
		if got := next(t, conn); closeCode(got) != 4408 {
			t.Errorf("got %v with %d, want close 4408 as soon as it takes bytes again", got.Header.OpCode, closeCode(got))
		}
		within(t, start, 11500*time.Millisecond)
		_ = conn.Close()
	})
}

func TestASlowClientGetsTheRestOfItsFrameBeforeTheCloseFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := dialPipe(t)
		if _, err := conn.Write(frame(text, `{"op":"dance"}`)); err != nil {
			t.Fatal(err)
		}
		var head [100]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(22500 * time.Millisecond) // of the bubble: some bytes went within the first wait, none within the second
		rest := io.MultiReader(strings.NewReader(string(head[:])), conn)
		h, err := ws.ReadHeader(rest)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(rest, payload); err != nil || !strings.HasSuffix(string(payload), "}}") {
			t.Fatalf("the frame begun is not whole: %v, %s", err, payload)
		}
		if got := next(t, conn); closeCode(got) != 4408 {
			t.Errorf("got %v with %d, want close 4408", got.Header.OpCode, closeCode(got))
		}
		_ = conn.Close()
	})
}

func TestDrainClosesWith1012AndWaitsAMomentForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, h := dialPipe(t)
		start := time.Now()
		drained := make(chan error)
		go func() { drained <- h.Drain(t.Context(), 0) }()
		if got := next(t, conn); closeCode(got) != 1012 {
			t.Errorf("got %v with %d, want close 1012", got.Header.OpCode, closeCode(got))
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("a client that does not answer is gone after %v, want 1s", took)
		}
		_ = conn.Close()
	})
}
