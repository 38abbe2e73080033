package socket

import "time"

// Sent is where what was written to a TCP connection is.
type Sent struct {
	Taken    uint64        // bytes that the peer's system has acknowledged, since the connection began
	Queued   uint64        // bytes that it has not
	Last     time.Duration // since any of them were sent, be it again
	Answered time.Duration // since the peer's system has last acknowledged anything
}
