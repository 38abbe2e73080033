package websocket

import (
	"net"
	"time"

	"github.com/leatstream/leat/internal/transport/socket"
)

// A way is what lies before a ping: it reaches the client behind all that was sent before. Places on it are counted in
// bytes from the connection's first. Where the system does not tell them, a ping has no way.
type way struct {
	start uint64 // the ping before, which was answered: so the client has read this far
	end   uint64 // of the ping
	taken uint64 // what the client's system had taken at the last look
	under bool   // the ping was still under way then
}

const (
	// slowest is how many bytes a second a client is given time to read. What its system has taken it need not have read,
	// and nothing tells when it does: Linux opens a window in few and large steps.
	slowest = 1 << 10
	// longest is how long a client may take nothing: a reader of 2 KiB/s behind a system's usual 128 KiB does for a minute.
	longest = 2 * time.Minute
	// unanswered is how long what was sent last has gone unanswered where a network is cut. By then it was sent several
	// times: a system that has no room for it does answer.
	unanswered = 3 * time.Second
)

// answered notes that the last ping was.
func (w *way) answered() { w.start = w.end }

// begin notes that a ping was just written.
func (w *way) begin(conn net.Conn) {
	sent, ok := socket.SentTo(conn)
	if !ok {
		return
	}
	w.end = sent.Taken + sent.Queued
	w.taken, w.under = sent.Taken, false
}

// look tells whether the client has taken more of what lies before the ping, or now the ping, since the last look; cut,
// whether its system answers no more.
func (w *way) look(conn net.Conn) (moved, cut bool) {
	sent, ok := socket.SentTo(conn)
	if !ok {
		return false, false
	}
	under := sent.Taken < w.end
	moved = under && sent.Taken > w.taken || w.under && !under
	w.taken, w.under = sent.Taken, under
	return moved, sent.Answered >= answerWait && sent.Last < sent.Answered && sent.Last > unanswered
}

// patience is how long a client may take nothing before the ping, and then how long it may read until it answers.
func (w *way) patience() time.Duration {
	return min(max(answerWait, time.Duration(w.end-w.start)*time.Second/slowest), longest)
}
