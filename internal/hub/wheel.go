package hub

import (
	"time"

	"github.com/leatstream/leat/internal/problem"
)

// tick is how exact heartbeats are.
const tick = 50 * time.Millisecond

// A wheel holds subscribers under the tick at which their heartbeats may be due: one timer for all of them. A
// subscriber to whom something was sent in between stays where it is, and is looked at again when its tick has come.
type wheel struct {
	slots map[int64][]*Subscriber
	next  int64 // the first tick that has not come yet
}

func (w *wheel) add(s *Subscriber, due int64) {
	if w.slots == nil {
		w.slots = map[int64][]*Subscriber{}
		w.next = time.Now().UnixNano() / int64(tick)
	}
	s.slot = max((due+int64(tick)-1)/int64(tick), w.next)
	s.seat = len(w.slots[s.slot])
	w.slots[s.slot] = append(w.slots[s.slot], s)
}

// remove takes a subscriber out that has left.
func (w *wheel) remove(s *Subscriber) {
	slot := w.slots[s.slot]
	if s.seat >= len(slot) || slot[s.seat] != s {
		return // it is due at this moment
	}
	last := slot[len(slot)-1]
	slot[s.seat], last.seat = last, s.seat
	slot[len(slot)-1] = nil
	if w.slots[s.slot] = slot[:len(slot)-1]; len(slot) == 1 {
		delete(w.slots, s.slot)
	}
}

// due takes out all whose tick has come.
func (w *wheel) due(now time.Time) []*Subscriber {
	var due []*Subscriber
	for ; len(w.slots) > 0 && w.next <= now.UnixNano()/int64(tick); w.next++ {
		due = append(due, w.slots[w.next]...)
		delete(w.slots, w.next)
	}
	if len(w.slots) == 0 {
		w.slots = nil
	}
	return due
}

// await puts a subscriber into the wheel. The caller has the stream's lock.
func (p *pump) await(s *Subscriber) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wheel.add(s, s.beatAt)
	if len(p.wheel.slots) == 1 {
		p.rouse() // the loop's timer may not run
	}
}

// forget takes a subscriber out of the wheel. The caller has the stream's lock.
func (p *pump) forget(s *Subscriber) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wheel.remove(s)
}

func (p *pump) hasBeats() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.wheel.slots) > 0
}

// beat sends the heartbeats that are due.
func (p *pump) beat(now time.Time) {
	p.mu.Lock()
	due := p.wheel.due(now)
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
