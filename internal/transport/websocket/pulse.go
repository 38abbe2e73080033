package websocket

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/wheel"
)

// A pulse asks all clients of a Handler whether they still live (RFC 6455, section 5.5.2), with one timer.
type pulse struct {
	mu    sync.Mutex // guards the fields below, and of each client's ping what it says; taken before all other locks
	wheel wheel.Wheel[*client]
	timer *time.Timer
	runs  bool // the timer does
}

// A ping is what a pulse keeps of a client.
type ping struct {
	at    time.Time      // when the client was last asked, or took some of what lies before that, or when reading went on; guarded by the pulse's lock
	way   way            // guarded by the pulse's lock
	open  atomic.Bool    // nothing has come since
	deaf  atomic.Bool    // nothing is read, because a message is being handled
	seat  wheel.Seat     // guarded by the pulse's lock
	left  bool           // guarded by the pulse's lock
	group sync.WaitGroup // of who writes a ping to a socket that is full
}

// How often the client must show that it lives, and how soon after it was asked.
const (
	pingEvery  = 25 * time.Second
	answerWait = 10 * time.Second
)

func newPulse() *pulse {
	return &pulse{wheel: wheel.New(func(c *client) *wheel.Seat { return &c.pings.seat })}
}

// join has a client asked from now on, until it leaves.
func (p *pulse) join(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.pings.at = time.Now()
	p.add(c, c.pings.at.Add(pingEvery))
}

// leave has a client asked no more. A ping may still be on its way.
func (p *pulse) leave(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.pings.left = true
	p.wheel.Remove(c)
}

// add has a client looked at again when it is time. The caller has the lock.
func (p *pulse) add(c *client, when time.Time) {
	p.wheel.Add(c, when.UnixNano())
	switch {
	case p.runs:
	case p.timer == nil:
		p.runs, p.timer = true, time.AfterFunc(wheel.Tick, p.beat)
	default:
		p.runs = true
		p.timer.Reset(wheel.Tick)
	}
}

// beat looks at all who are due.
func (p *pulse) beat() {
	p.mu.Lock()
	due := p.wheel.Due(time.Now())
	p.mu.Unlock()
	for _, c := range due {
		p.look(c)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs = p.wheel.Slots() > 0; p.runs {
		p.timer.Reset(wheel.Tick)
	}
}

// look pings a client if a ping is due, and judges one that has not answered the last one. Of one whose message is being
// handled nothing is read, so its pong may have come; it is pinged all the same, for the sake of what stands between and
// cuts silent connections.
func (p *pulse) look(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var bug error
	defer func() {
		if bug != nil {
			c.lose(bug)
		}
	}()
	defer problem.Caught(&bug)
	now := time.Now()
	silent := now.Sub(c.pings.at)
	judged := c.pings.open.Load() && !c.pings.deaf.Load()
	switch {
	case c.pings.left, c.over() != nil:
	case c.out.behind():
		p.add(c, now.Add(time.Second))
	case judged && silent < answerWait:
		p.add(c, c.pings.at.Add(answerWait))
	case judged:
		p.judge(c, now)
	case silent < pingEvery:
		p.add(c, c.pings.at.Add(pingEvery))
	default:
		p.ask(c)
	}
}

// judge ends the connection of a client that has not answered in time. One that reads slowly gets its ping behind all that
// it was sent before, so that it has not answered proves nothing while it takes some of that. The caller has the lock.
func (p *pulse) judge(c *client, now time.Time) {
	moved, cut := c.pings.way.look(c.conn)
	if moved {
		c.pings.at = now
	}
	if cut || now.Sub(c.pings.at) >= c.pings.way.patience() {
		c.hub.End(event.EndSlow)
		return
	}
	p.add(c, now.Add(answerWait/4))
}

// ask pings a client: at once, or where its socket takes nothing now, in a goroutine. The caller has the lock.
func (p *pulse) ask(c *client) {
	frame := appendFrame(nil, ws.OpPing, nil)
	if !c.pings.open.Swap(true) { // before the answer can come
		c.pings.way.answered()
	}
	written, err := c.out.TryWrite(hub.Batch{Frames: [][]byte{frame}, Bytes: len(frame)})
	switch {
	case err == nil:
		p.asked(c)
	case errors.Is(err, hub.ErrFull), errors.Is(err, errors.ErrUnsupported):
		c.pings.group.Go(func() {
			if err := c.ping(frame[written:]); err != nil {
				c.lose(err)
				return
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if !c.pings.left {
				p.asked(c)
			}
		})
	default:
		c.lose(err)
	}
}

// ping writes what is missing of a ping.
func (c *client) ping(frame []byte) (err error) {
	defer problem.Caught(&err)
	return c.out.write([][]byte{frame})
}

// asked counts the client's time for an answer from now. The caller has the lock.
func (p *pulse) asked(c *client) {
	c.pings.at = time.Now()
	c.pings.way.begin(c.conn)
	p.add(c, c.pings.at.Add(answerWait))
}

// heard notes that something has come.
func (c *client) heard() {
	if c.pings.open.Load() {
		c.pings.open.Store(false)
	}
}

// listens notes that reading goes on. The client has its full time for an answer from now on: it may have come long ago,
// and lie unread.
func (p *pulse) listens(c *client) {
	if c.pings.open.Load() {
		p.mu.Lock()
		c.pings.at = time.Now()
		p.mu.Unlock()
	}
	c.pings.deaf.Store(false)
}
