package socket_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/transport/socket"
	"golang.org/x/sys/unix"
)

// sentTo waits until what the kernel tells of a connection is as wanted.
func sentTo(t *testing.T, conn net.Conn, want string, is func(socket.Sent) bool) socket.Sent {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		sent, ok := socket.SentTo(conn)
		if ok && is(sent) {
			return sent
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, %v; want %s", sent, ok, want)
		}
	}
}

func TestTheKernelTellsWhatAPeerHasTaken(t *testing.T) {
	server, client := pair(t)
	const size = 1 << 20 // more than the peer's buffer, and less than ours and the peer's
	if _, err := server.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	full := sentTo(t, server, "that the peer takes no more", func(s socket.Sent) bool { return s.Queued > 0 && s.Last > 300*time.Millisecond })
	if total := full.Taken + full.Queued; total != size {
		t.Errorf("%d bytes are taken or queued, want %d", total, size)
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, client, size)
		read <- err
	}()
	sentTo(t, server, "all taken", func(s socket.Sent) bool { return s.Taken == size && s.Queued == 0 })
	if err := <-read; err != nil {
		t.Error(err)
	}
	// What TLS runs on is asked of the same way: it has no other socket.
	if sent, ok := socket.SentTo(tls.Server(server, nil)); !ok || sent.Taken != size {
		t.Errorf("behind TLS: got %+v, %v", sent, ok)
	}
}

func TestTheKernelTellsThatAPeerIsSilent(t *testing.T) {
	server, client := pair(t)
	raw, err := client.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K} // nothing reaches this socket any more, as if its cable were cut
	if controlled := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
	}); controlled != nil || err != nil {
		t.Fatal(controlled, err)
	}
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	sentTo(t, server, "a byte under way that is sent again, and no answer", func(s socket.Sent) bool {
		return s.Queued == 1 && s.Answered > 300*time.Millisecond && s.Last < s.Answered
	})
}

func TestOfWhatIsNoSocketNothingIsKnown(t *testing.T) {
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if sent, ok := socket.SentTo(a); ok {
		t.Errorf("got %+v", sent)
	}
}
