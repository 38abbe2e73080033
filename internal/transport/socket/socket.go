// Package socket writes to plain TCP connections, and reads from them, without blocking, which net.Conn cannot.
package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/leatstream/leat/internal/hub"
)

// A Socket is a connection's. One goroutine at a time writes to it, and one reads.
type Socket struct{ raw syscall.RawConn }

// New makes a Socket of a connection. TLS, and what is no socket, can only block: Try then says so.
func New(conn net.Conn) Socket {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return Socket{raw}
		}
	}
	return Socket{}
}

// Bare gives the TCP connection where that is all there is to a connection that HTTP has left: what HTTP had around it can
// go. Else it gives the connection itself.
func Bare(conn net.Conn) net.Conn {
	if around, ok := conn.(interface{ TCP() (*net.TCPConn, bool) }); ok {
		if c, ok := around.TCP(); ok {
			return c
		}
	}
	return conn
}

// Try writes as much of the frames as the kernel takes at once. written is the number of bytes; hub.ErrFull says that
// there are more. errors.ErrUnsupported says that this connection can only block.
func (s Socket) Try(frames [][]byte) (written int, err error) {
	if s.raw == nil {
		return 0, errors.ErrUnsupported
	}
	a, _ := attempts.Get().(*attempt) // it has nothing else
	a.frames, a.written, a.err = frames, 0, nil
	err = s.raw.Write(a.write)
	if err == nil {
		err = a.err
	}
	written = a.written
	a.frames = nil
	attempts.Put(a)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, hub.ErrFull // the deadline is an old one: who blocks sets a new one
	case err != nil && !errors.Is(err, hub.ErrFull):
		return written, fmt.Errorf("write to the socket: %w", err)
	}
	return written, err
}

// ErrEmpty says that there is nothing to read now.
var ErrEmpty = errors.New("the socket is empty")

// TryRead reads what is there: ErrEmpty says that nothing is, and io.EOF that nothing will be. It is for connections that
// Try can do more with than block. A read deadline that has passed ends it with os.ErrDeadlineExceeded, whatever is there.
func (s Socket) TryRead(p []byte) (n int, err error) {
	if s.raw == nil {
		return 0, errors.ErrUnsupported
	}
	a, _ := attempts.Get().(*attempt) // it has nothing else
	a.into, a.n, a.err = p, 0, nil
	err = s.raw.Read(a.read)
	if err == nil {
		err = a.err
	}
	n = a.n
	a.into = nil
	attempts.Put(a)
	switch {
	case err == nil && n == 0:
		return 0, io.EOF
	case err != nil && !errors.Is(err, ErrEmpty):
		return 0, fmt.Errorf("read from the socket: %w", err)
	}
	return n, err
}

// An attempt is one write or read. Few are under way at a time, and an idle connection needs none.
type attempt struct {
	frames  [][]byte
	written int
	err     error
	into    []byte
	n       int
	write   func(fd uintptr) bool // its try, made once: a closure for each write would be garbage
	read    func(fd uintptr) bool // its tryRead
}

var attempts = sync.Pool{New: func() any {
	a := &attempt{}
	a.write, a.read = a.try, a.tryRead
	return a
}}
