package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A socket that is full has taken a frame in part: nothing may come between its halves, and no frame twice.
func TestAnAnswerWaitsForTheRestOfAFrameThatAFullSocketHasInPart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{conn: server, socket: socket.New(server)}

	var frames []byte
	event := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%6d", i), 1000) }
	const events = 4000 // more than the kernel's buffers hold
	for i := range events {
		frames = appendText(frames, event(i))
	}
	written, err := w.TryWrite(hub.Batch{Frames: [][]byte{frames}, Events: events, Bytes: len(frames)})
	if !errors.Is(err, hub.ErrFull) {
		t.Fatalf("%d of %d bytes, %v: this test needs a full socket", written, len(frames), err)
	}
	wrote := make(chan error, 1)
	go func() {
		err := w.Send([]byte("answer"))
		rest := frames[written:]
		wrote <- errors.Join(err, w.Write(hub.Batch{Frames: [][]byte{rest}, Bytes: len(rest)}), server.Close())
	}()
	answers := 0
	for i := 0; i < events; {
		header, err := ws.ReadHeader(client)
		if err != nil || header.Length > int64(len(event(i))) {
			t.Fatalf("behind event %d: a frame of %d bytes, %v", i-1, header.Length, err)
		}
		payload := make([]byte, header.Length)
		_, err = io.ReadFull(client, payload)
		switch {
		case err != nil:
			t.Fatalf("behind event %d: %v", i-1, err)
		case string(payload) == "answer":
			answers++
		case bytes.Equal(payload, event(i)):
			i++
		default:
			t.Fatalf("behind event %d came %d bytes: %.20q…", i-1, len(payload), payload)
		}
	}
	if err := <-wrote; err != nil || answers != 1 {
		t.Errorf("%v; %d answers, want one", err, answers)
	}
}
