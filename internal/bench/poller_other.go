//go:build !linux

package bench

import (
	"errors"
	"math"
	"net"
)

// A poller is for Linux; elsewhere a goroutine reads each socket.
type poller struct{}

func newPoller(*receiver) (*poller, error) { return nil, nil }

func (*poller) own(*net.TCPConn) (connection, error) { return nil, errors.ErrUnsupported }
func (*poller) add(connection, *subscriber) error    { return errors.ErrUnsupported }
func (*poller) stop()                                {}

// fileLimit is not known here.
func fileLimit() int { return math.MaxInt }
