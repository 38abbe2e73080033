package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/websocket"
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

// dialPipe opens /ws within a bubble.
func dialPipe(t *testing.T) (net.Conn, *hub.Hub) {
	t.Helper()
	h, handler := withoutLog()
	return openPipe(t, handler, "/ws", "leat.v1", ""), h
}

func openPipe(t *testing.T, handler http.Handler, path, subprotocol, stream string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	return openOn(t, ours, theirs, handler, path, subprotocol, stream)
}

// openOn opens a WebSocket over a connection of which the handler gets the other end.
func openOn(t *testing.T, ours, theirs net.Conn, handler http.Handler, path, subprotocol, stream string) net.Conn {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake(path, subprotocol))))
	if err != nil {
		t.Fatal(err)
	}
	r.SetPathValue("stream", stream)
	if encrypted, ok := theirs.(*tls.Conn); ok {
		state := encrypted.ConnectionState()
		r.TLS = &state
	}
	go handler.ServeHTTP(pipe{conn: theirs}, r.WithContext(t.Context()))
	return upgraded(t, ours)
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
		time.Sleep(hub.SlowAfter + time.Second/2) // of the bubble; half of the goodbye's second is left
		if got := next(t, conn); closeCode(got) != 4408 {
			t.Errorf("got %v with %d, want close 4408 as soon as it takes bytes again", got.Header.OpCode, closeCode(got))
		}
		within(t, start, hub.SlowAfter)
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
		time.Sleep(hub.SlowAfter*5/4 + time.Second/2) // of the bubble: some bytes went before the first look, none after
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

// Events come to the socket as slices of many frames, so a slow client can be cut off anywhere within.
func TestAClientThatStopsAmongEventsGetsWholeFramesBeforeTheCloseFrame(t *testing.T) {
	for _, cut := range []int{1, 100, 999, 1003, 1500} {
		synctest.Test(t, func(t *testing.T) {
			declared := &contract.Stream{Name: "levels", MaxEventBytes: 1 << 20, Heartbeat: time.Minute, Slow: contract.SlowReplay, Durability: contract.Memory,
				Transports: []contract.Transport{contract.WebSocket}, Events: []*contract.EventType{{Name: "level"}}}
			log := memlog.New(declared)
			for i := range 100 {
				data := fmt.Sprint(i)
				if i == 50 {
					data = `"` + strings.Repeat("x", 70_000) + `"` // its frame has the longest kind of header
				}
				if _, err := log.Append(t.Context(), eventlog.Record{Type: event.MustType("level"), Data: []byte(data)}, nil); err != nil {
					t.Fatal(err)
				}
			}
			registry := prometheus.NewRegistry()
			h := hub.New(hub.Options{Logger: slog.New(slog.DiscardHandler), Registry: registry})
			h.Add(declared, log)
			ctx, stop := context.WithCancel(t.Context())
			go func() { _ = h.Run(ctx) }()
			defer stop()
			c := &contract.Contract{Streams: []*contract.Stream{declared}}
			in := ingest.New(slog.New(slog.DiscardHandler), registry)
			conn := openPipe(t, websocket.New(c, h, in, nil, slog.New(slog.DiscardHandler)), "/ws/levels?after=earliest", "", "levels")

			head := make([]byte, cut)
			if _, err := io.ReadFull(conn, head); err != nil {
				t.Fatal(err)
			}
			time.Sleep(hub.SlowAfter*5/4 + time.Second/2) // of the bubble
			rest := io.MultiReader(bytes.NewReader(head), conn)
			got := 0
			for ; ; got++ {
				f, err := ws.ReadFrame(rest) //nolint:staticcheck // the server under test declares no length that hurts
				if err != nil {
					t.Fatal(err)
				}
				if f.Header.OpCode == ws.OpClose {
					if closeCode(f) != 4408 {
						t.Errorf("got close %d, want 4408", closeCode(f))
					}
					break
				}
				if want := fmt.Sprintf(`{"type":"level","data":%d}`, got); got != 50 && string(f.Payload) != want {
					t.Fatalf("cut at %d: event %d is %.100s", cut, got, f.Payload)
				}
			}
			if got == 0 || got == 100 {
				t.Errorf("cut at %d: %d events came before the close frame", cut, got)
			}
			_ = conn.Close()
		})
	}
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
