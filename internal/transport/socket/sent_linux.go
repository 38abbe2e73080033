package socket

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// SentTo asks the kernel about a connection, or about the one that TLS runs on. false says that nothing is known.
func SentTo(conn net.Conn) (Sent, bool) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return Sent{}, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return Sent{}, false
	}
	var info *unix.TCPInfo
	var queued int
	controlled := raw.Control(func(fd uintptr) {
		var failed error
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		queued, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		err = errors.Join(err, failed)
	})
	if controlled != nil || err != nil {
		return Sent{}, false
	}
	return Sent{
		Taken:    info.Bytes_acked,
		Queued:   uint64(queued),
		Last:     time.Duration(info.Last_data_sent) * time.Millisecond,
		Answered: time.Duration(info.Last_ack_recv) * time.Millisecond,
	}, true
}
