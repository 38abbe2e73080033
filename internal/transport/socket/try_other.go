//go:build !unix

package socket

import "errors"

func (s *Socket) try(uintptr) bool {
	s.err = errors.ErrUnsupported
	return true
}
