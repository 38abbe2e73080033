//go:build !unix

package socket

import "errors"

func (a *attempt) try(uintptr) bool {
	a.err = errors.ErrUnsupported
	return true
}

func (a *attempt) tryRead(uintptr) bool {
	a.err = errors.ErrUnsupported
	return true
}
