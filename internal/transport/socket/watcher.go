package socket

import "net"

// discard reads until the client is gone, for a connection that no Watcher can watch: it costs a goroutine.
func discard(conn net.Conn, gone func()) {
	var buffer [64]byte
	for {
		if _, err := conn.Read(buffer[:]); err != nil {
			gone()
			return
		}
	}
}
