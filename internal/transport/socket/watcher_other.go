//go:build !linux

package socket

import (
	"errors"
	"net"
)

// A Watcher tells when clients go that have nothing to say, and when others have said something. The zero Watcher is ready.
type Watcher struct{}

// A Watch is a connection that is watched.
type Watch struct{}

// Watch calls gone once, when the client has closed the connection or its side of it, or when Stop is called. What the
// client sends is thrown away. gone must not block.
func (*Watcher) Watch(conn net.Conn, gone func()) Watch {
	go discard(conn, gone)
	return Watch{}
}

// Reader makes a watch for who reads from the connection: here it cannot.
func (*Watcher) Reader(net.Conn, func()) (Watch, bool) { return Watch{}, false }

// Await is for what Reader makes.
func (Watch) Await() error { return errors.ErrUnsupported }

// Stop ends the watch; the connection is to be closed right after.
func (Watch) Stop() {}
