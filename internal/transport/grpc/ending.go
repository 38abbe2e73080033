package grpc

import (
	"time"

	grpcgo "google.golang.org/grpc"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

// lastPatience is how long a client that has stopped taking anything has left to take up what is before its status. One
// of grpc-go's that is told its status in the middle of a message makes INTERNAL of it.
const lastPatience = hub.SlowAfter / 2

// An ending is how a stream on a connection of the hub ends.
type ending struct {
	server *Server
	stream grpcgo.ServerStream
	conn   *hub.Connection
	to     *sender
	open   bool // the client may still be sending
}

// await waits until what done tells of has ended, and all that it sent is with the transport: a status goes out at once
// then. stop is called where the client is gone. A client that takes nothing gets its status ahead of what it has yet to
// take, after a while, and when a drain is over.
func (e *ending) await(done <-chan error, stop func()) error {
	ctx := e.stream.Context()
	var failed error
	var settled <-chan struct{}
	var watch patience
	defer watch.stop()
	stalled, givenUp := e.to.stalled, e.server.givenUp
	for {
		select {
		case err := <-done:
			if e.conn.Reason() == "" { // the client's doing
				return e.server.fail(ctx, err)
			}
			if err == nil {
				err = ended(e.conn)
			}
			failed, done, settled = e.server.fail(ctx, err), nil, e.to.settled()
			if watch.hurried { // what was sent just now has its moment too
				watch.hurry(e.to)
			}
			watch.start(e.to, hub.SlowAfter)
		case <-settled:
			return failed
		case <-stalled:
			e.conn.End(event.EndSlow)
			stalled = nil
			watch.start(e.to, lastPatience)
		case <-givenUp:
			givenUp = nil
			watch.hurry(e.to)
		case <-watch.over():
			waits := done == nil || e.to.blocked() // for the client, not for a backend or the log
			if watch.again(e.to, waits) {
				continue
			}
			return e.abandon(failed)
		case <-ctx.Done():
			stop()
			if done == nil {
				return failed
			}
			return e.server.fail(ctx, <-done)
		}
	}
}

// A patience lasts as long as a client takes something, but not once there is a hurry.
type patience struct {
	timer   *time.Timer
	last    time.Duration
	taken   int64
	hurried bool
}

// hurry is how long after a drain a stream may wait for its client.
const hurry = 300 * time.Millisecond

func (p *patience) start(to *sender, d time.Duration) {
	if p.timer == nil {
		p.timer, p.last, p.taken = time.NewTimer(d), d, to.passed.Load()
	}
}

func (p *patience) hurry(to *sender) {
	p.stop()
	p.timer, p.hurried = nil, true
	p.start(to, hurry)
}

func (p *patience) over() <-chan time.Time {
	if p.timer == nil {
		return nil
	}
	return p.timer.C
}

// again tells whether there is as long once more: the client has taken something meanwhile, or is not what is waited for.
func (p *patience) again(to *sender, waits bool) bool {
	before := p.taken
	p.taken = to.passed.Load()
	p.timer.Reset(p.last)
	return !waits || p.taken > before && !p.hurried
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
