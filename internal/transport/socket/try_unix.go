//go:build unix

package socket

import (
	"errors"

	"github.com/leatstream/leat/internal/hub"
	"golang.org/x/sys/unix"
)

// try is for syscall.RawConn.Write, which would wait for the socket to be writable where it returned false.
func (a *attempt) try(fd uintptr) bool {
	for {
		var n int
		var err error
		if len(a.frames) == 1 {
			n, err = unix.Write(int(fd), a.frames[0])
		} else {
			n, err = unix.Writev(int(fd), a.frames[:min(len(a.frames), maxVector)])
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			a.err = hub.ErrFull
			return true
		case err != nil:
			a.err = err
			return true
		}
		a.written += n
		for len(a.frames) > 0 && n >= len(a.frames[0]) {
			n -= len(a.frames[0])
			a.frames = a.frames[1:]
		}
		if len(a.frames) == 0 {
			return true
		}
		if n > 0 {
			a.err = hub.ErrFull
			return true
		}
	}
}

// maxVector is IOV_MAX, the most slices that one call takes.
const maxVector = 1024

// tryRead is for syscall.RawConn.Read, as try is for Write.
func (a *attempt) tryRead(fd uintptr) bool {
	for {
		n, err := unix.Read(int(fd), a.into)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			a.err = ErrEmpty
		case err != nil:
			a.err = err
		default:
			a.n = n
		}
		return true
	}
}
