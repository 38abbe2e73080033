// Package socket writes to plain TCP connections without blocking, which net.Conn cannot.
package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/leatstream/leat/internal/hub"
)

// A Socket is the writing side of a connection. One goroutine at a time uses it.
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

// An attempt is one write. Few are under way at a time, and an idle connection needs none.
type attempt struct {
	frames  [][]byte
	written int
	err     error
	write   func(fd uintptr) bool // its try, made once: a closure for each write would be garbage
}

var attempts = sync.Pool{New: func() any {
	a := &attempt{}
	a.write = a.try
	return a
}}
