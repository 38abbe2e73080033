package hub

import (
	"time"

	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/wheel"
)

// newWheel holds subscribers for whom a heartbeat may be due.
func newWheel() wheel.Wheel[*Subscriber] {
	return wheel.New(func(s *Subscriber) *wheel.Seat { return &s.seat })
}

// await puts a subscriber into the wheel. The caller has the stream's lock.
func (p *pump) await(s *Subscriber) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wheel.Add(s, s.beatAt)
	if p.wheel.Slots() == 1 {
		p.rouse() // the loop's timer may not run
	}
}

// forget takes a subscriber out of the wheel. The caller has the stream's lock.
func (p *pump) forget(s *Subscriber) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wheel.Remove(s)
}

func (p *pump) hasBeats() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wheel.Slots() > 0
}

// beat sends the heartbeats that are due.
func (p *pump) beat(now time.Time) {
	p.mu.Lock()
	due := p.wheel.Due(now)
	p.mu.Unlock()
	for _, s := range due {
		if p.claim(s, now) {
			p.check(s, p.beatOne(s, now))
		}
	}
}

func (p *pump) beatOne(s *Subscriber, now time.Time) (bug error) {
	defer problem.Caught(&bug)
	e := s.heartbeatNow(now)
	frame := s.format.Control(nil, e)
	if len(frame) == 0 || p.write(s, Batch{Frames: [][]byte{frame}, Bytes: len(frame)}, e.Position) {
		p.park(s, now, true)
	}
	return nil
}

// claim takes a subscriber whose heartbeat is due from its stream. One that is on the move comes back to the wheel when
// it parks.
func (p *pump) claim(s *Subscriber, now time.Time) bool {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case !s.waiting:
		s.inWheel = false
		return false
	case s.beatAt > now.UnixNano():
		p.await(s)
		return false
	}
	s.inWheel = false
	s.claim(st.woken)
	return true
}
