package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/socket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair gives both ends of a TCP connection.
func pair(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server, _ = accepted.(*net.TCPConn)
	client, _ = dialed.(*net.TCPConn)
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

func TestAFullSocketTakesAPartAndNothingIsLostOrTwice(t *testing.T) {
	server, client := pair(t)
	_ = server.SetWriteBuffer(4 << 10)
	s := socket.New(server)
	var want bytes.Buffer
	var rest [][]byte
	for i := range 5000 { // several vectors, and more than the kernel's buffers
		frame := bytes.Repeat([]byte{byte(i)}, i%2000)
		want.Write(frame)
		rest = append(rest, frame)
	}
	full := 0
	read := make(chan []byte)
	begin := make(chan struct{})
	go func() {
		<-begin
		got, _ := io.ReadAll(client)
		read <- got
	}()
	for len(rest) > 0 {
		written, err := s.Try(rest)
		switch {
		case errors.Is(err, hub.ErrFull):
			if full++; full == 1 {
				close(begin) // only now does anybody read
			}
		case err != nil:
			t.Fatal(err)
		}
		for len(rest) > 0 && written >= len(rest[0]) {
			written -= len(rest[0])
			rest = rest[1:]
		}
		if len(rest) > 0 {
			rest[0] = rest[0][written:]
		}
	}
	_ = server.Close()
	if got := <-read; !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes came, not the %d that were written", len(got), want.Len())
	}
	if full == 0 {
		t.Error("the socket was never full: this test shows nothing")
	}
}

func TestAnOldDeadlineIsNoError(t *testing.T) {
	server, _ := pair(t)
	_ = server.SetWriteDeadline(time.Unix(1, 0))
	if _, err := socket.New(server).Try([][]byte{{1}}); !errors.Is(err, hub.ErrFull) {
		t.Errorf("got %v; want that Write is to go on, with a deadline of its own", err)
	}
}

func TestWhatIsNoPlainSocketCanOnlyBlock(t *testing.T) {
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if _, err := socket.New(a).Try([][]byte{{1}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v; want errors.ErrUnsupported", err)
	}
	if _, err := socket.New(a).TryRead(make([]byte, 1)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v; want errors.ErrUnsupported", err)
	}
	var w socket.Watcher
	if _, ok := w.Reader(a, func() {}); ok {
		t.Error("a pipe is watched")
	}
}

func TestAClientThatGoesIsSeen(t *testing.T) {
	leave := map[string]func(c *net.TCPConn){
		"closes":            func(c *net.TCPConn) { _ = c.Close() },
		"closes its side":   func(c *net.TCPConn) { _ = c.CloseWrite() },
		"resets":            func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
		"talks, and closes": func(c *net.TCPConn) { _, _ = c.Write(make([]byte, 100<<10)); _ = c.Close() },
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			var w socket.Watcher
			stays, _ := pair(t)
			watch := w.Watch(stays, func() { t.Error("a client that stays is gone") })
			defer watch.Stop()
			server, client := pair(t)
			gone := make(chan struct{}, 2)
			w.Watch(server, func() { gone <- struct{}{} })
			leave(client)
			<-gone
			if len(gone) > 0 {
				t.Error("told twice")
			}
		})
	}
}

func TestAWatchThatIsStoppedTellsNothing(t *testing.T) {
	var w socket.Watcher
	server, client := pair(t)
	w.Watch(server, func() { t.Error("told of a client that nobody watches") }).Stop()
	_ = client.Close()
	// The seat, and the goroutine, are another's now: an old Stop must not touch them.
	other, leaver := pair(t)
	gone := make(chan struct{})
	first := w.Watch(server, func() {})
	first.Stop()
	w.Watch(other, func() { close(gone) })
	first.Stop()
	_ = leaver.Close()
	<-gone
}

func TestWhoReadsIsToldOncePerAwaitThatThereIsSomethingToRead(t *testing.T) {
	var w socket.Watcher
	server, client := pair(t)
	told := make(chan struct{}, 10)
	watch, ok := w.Reader(server, func() { told <- struct{}{} })
	if !ok {
		t.Skip("this system has no watcher")
	}
	defer watch.Stop()
	other, talker := pair(t)
	others := make(chan struct{}, 10)
	second, _ := w.Reader(other, func() { others <- struct{}{} })
	defer second.Stop()
	s, buffer := socket.New(server), make([]byte, 10)
	for range 3 {
		if n, err := s.TryRead(buffer); !errors.Is(err, socket.ErrEmpty) {
			t.Fatalf("read %d bytes, %v; want that there are none", n, err)
		}
		if err := watch.Await(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
		<-told
		// What comes to the other one later is told later: so nothing more of this one is on its way.
		if err := second.Await(); err != nil {
			t.Fatal(err)
		}
		if _, err := talker.Write([]byte("c")); err != nil {
			t.Fatal(err)
		}
		<-others
		if len(told) > 0 {
			t.Fatal("told twice")
		}
		if n, err := s.TryRead(buffer); err != nil || string(buffer[:n]) != "ab" {
			t.Fatalf("read %q, %v", buffer[:n], err)
		}
	}
	if err := watch.Await(); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	<-told
	if n, err := s.TryRead(buffer); !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v; want the end", n, err)
	}
	watch.Stop()
	if err := watch.Await(); err == nil {
		t.Error("a watch that is stopped can be awaited")
	}
}

func TestWhatCannotBeWatchedIsReadByAGoroutine(t *testing.T) {
	var w socket.Watcher
	a, b := net.Pipe()
	gone := make(chan struct{})
	w.Watch(a, func() { close(gone) })
	_ = b.Close()
	<-gone
	_ = a.Close()
}
