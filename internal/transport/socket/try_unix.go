//go:build unix

package socket

import (
	"errors"
	"fmt"

	"github.com/leatstream/leat/internal/hub"
	"golang.org/x/sys/unix"
)

// try is for syscall.RawConn.Write, which would wait for the socket to be writable where it returned false.
func (s *Socket) try(fd uintptr) bool {
	for {
		var n int
		var err error
		if len(s.frames) == 1 {
			n, err = unix.Write(int(fd), s.frames[0])
		} else {
			n, err = unix.Writev(int(fd), s.frames[:min(len(s.frames), maxVector)])
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			s.err = hub.ErrFull
			return true
		case err != nil:
			s.err = fmt.Errorf("write to the socket: %w", err)
			return true
		}
		s.written += n
		for len(s.frames) > 0 && n >= len(s.frames[0]) {
			n -= len(s.frames[0])
			s.frames = s.frames[1:]
		}
		if len(s.frames) == 0 {
			return true
		}
		if n > 0 {
			s.err = hub.ErrFull
			return true
		}
	}
}

// maxVector is IOV_MAX, the most slices that one call takes.
const maxVector = 1024
