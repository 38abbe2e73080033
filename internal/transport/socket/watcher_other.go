//go:build !linux

package socket

import "net"

// A Watcher tells when clients go that have nothing to say. The zero Watcher is ready.
type Watcher struct{}

// A Watch is a connection that is watched.
type Watch struct{}

// Watch calls gone once, when the client has closed the connection or its side of it, or when Stop is called. What the
// client sends is thrown away. gone must not block.
func (*Watcher) Watch(conn net.Conn, gone func()) Watch {
	go discard(conn, gone)
	return Watch{}
}

// Stop ends the watch; the connection is to be closed right after.
func (Watch) Stop() {}
