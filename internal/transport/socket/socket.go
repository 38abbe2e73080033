// Package socket writes to plain TCP connections without blocking, which net.Conn cannot.
package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/leatstream/leat/internal/hub"
)

// A Socket is the writing side of a connection. One goroutine at a time uses it.
type Socket struct {
	raw   syscall.RawConn
	write func(fd uintptr) bool // s.try, made once: a closure for each write would be garbage
	// What try works on.
	frames  [][]byte
	written int
	err     error
}

// New makes a Socket of a connection. TLS, and what is no socket, can only block: Try then says so.
func New(conn net.Conn) *Socket {
	s := &Socket{}
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.write = s.try
	return s
}

// Try writes as much of the frames as the kernel takes at once, with one system call. written is the number of bytes;
// hub.ErrFull says that there are more. errors.ErrUnsupported says that this connection can only block.
func (s *Socket) Try(frames [][]byte) (written int, err error) {
	if s.raw == nil {
		return 0, errors.ErrUnsupported
	}
	s.frames, s.written, s.err = frames, 0, nil
	err = s.raw.Write(s.write)
	s.frames = nil
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, hub.ErrFull // the deadline is an old one: who blocks sets a new one
	case err != nil:
		return s.written, fmt.Errorf("write to the socket: %w", err)
	}
	return s.written, s.err
}
