package websocket_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/transport/websocket"
)

// payload is what an event of serveBlobs' stream is in the flat framing.
var payload = `{"type":"blob","data":"` + strings.Repeat("x", 60_000) + `"}`

func serveBlobs(t *testing.T, events int) http.Handler {
	t.Helper()
	declared := &contract.Stream{Name: "blobs", MaxEventBytes: 1 << 20, Heartbeat: time.Hour, Slow: contract.SlowReplay, Durability: contract.Memory,
		Transports: []contract.Transport{contract.WebSocket}, Events: []*contract.EventType{{Name: "blob"}}}
	log := memlog.New(declared)
	data := []byte(`"` + strings.Repeat("x", 60_000) + `"`)
	for range events {
		if _, err := log.Append(t.Context(), eventlog.Record{Type: event.MustType("blob"), Data: data}, nil); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	h := hub.New(hub.Options{Logger: slog.New(slog.DiscardHandler), Registry: registry})
	h.Add(declared, log)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- h.Run(ctx) }()
	t.Cleanup(func() {
		if err := h.Drain(context.Background(), 0); err != nil {
			t.Errorf("drain: %v", err)
		}
		stop()
		<-ran
	})
	c := &contract.Contract{Streams: []*contract.Stream{declared}}
	in := ingest.New(slog.New(slog.DiscardHandler), registry)
	return websocket.New(c, h, in, nil, slog.New(slog.DiscardHandler))
}

// A watched connection tells when it is closed.
type watched struct {
	net.Conn
	close  sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.close.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func TestAReaderThatStallsIsEndedOnceItsTenSecondsAreOver(t *testing.T) {
	for _, reads := range []int{0, 1, 9, 31} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			w := &watched{Conn: theirs, closed: make(chan struct{})}
			conn := openOn(t, ours, w, serveBlobs(t, 1), "/ws/blobs?after=earliest", "", "blobs")
			for range reads { // a little at a time, and then no more
				time.Sleep(time.Second) // of the bubble
				if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
			stalled := time.Now()
			select {
			case <-w.closed:
			case <-time.After(time.Minute):
			}
			// Two looks are a quarter of SlowAfter apart, and the goodbye may take a second, and so may the closing.
			if took := time.Since(stalled); took < hub.SlowAfter || took > hub.SlowAfter*5/4+2*time.Second {
				t.Errorf("stalled after %d reads, and gone %v later; want %v", reads, took, hub.SlowAfter)
			}
		})
	}
}

func TestAReaderThatTakesALittleEveryFewSecondsIsNeverEnded(t *testing.T) {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	certificates.Close()
	config := certificates.TLS.Clone()
	config.SessionTicketsDisabled = true // the server sends them into the pipe before anyone reads
	for name, open := range map[string]struct {
		conns func(t *testing.T) (ours, theirs net.Conn)
		take  int // bytes at a time
		pause time.Duration
	}{
		"plain": {func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }, 500, hub.SlowAfter - time.Second},
		"TLS":   {func(t *testing.T) (net.Conn, net.Conn) { return encrypted(t, config) }, 5000, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := open.conns(t)
				defer ours.Close()
				conn := openOn(t, ours, theirs, serveBlobs(t, 1), "/ws/blobs?after=earliest", "", "blobs")
				var got []byte
				for part := make([]byte, open.take); len(got) < len(payload); {
					time.Sleep(open.pause) // of the bubble
					n, err := io.ReadFull(conn, part[:min(len(part), len(payload)-len(got))])
					if err != nil {
						t.Fatalf("ended after %d bytes: %v", len(got), err)
					}
					got = append(got, part[:n]...)
				}
			})
		})
	}
}

// encrypted is a pipe with TLS on it.
func encrypted(t *testing.T, config *tls.Config) (ours, theirs net.Conn) {
	t.Helper()
	client, server := net.Pipe()
	outer := tls.Server(server, config)
	shaken := make(chan error)
	go func() { shaken <- outer.Handshake() }()
	inner := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := errors.Join(inner.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return inner, outer
}

// What is on its way to a client can be more than it reads in ten seconds: it then has no pong to give in time.
func TestAReaderWhosePingIsBehindManyEventsIsNotEndedForItsPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		conn := openOn(t, ours, theirs, serveBlobs(t, 50), "/ws/blobs?after=earliest", "", "blobs")
		sent := make(chan []byte, 20) // as much as 1.2 MB are in the kernels' buffers
		go func() {
			defer close(sent)
			for {
				part := make([]byte, len(payload))
				if _, err := io.ReadFull(conn, part); err != nil {
					return
				}
				sent <- part
			}
		}()
		for n := range 49 { // the last one comes with what is smaller
			time.Sleep(3 * time.Second) // of the bubble
			if _, ok := <-sent; !ok {
				t.Fatalf("ended after %d events", n)
			}
		}
		_ = ours.Close()
		for range sent {
		}
	})
}
