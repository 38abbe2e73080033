package backend

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
)

// Slots are the places of commands at a backend. Who waits for one waits in the lane of its client, and the lanes take
// turns: a client that sends much waits behind itself alone. No lane has more places than are free (Choudhury and Hahne's
// dynamic threshold), so that one client alone gets half of them, two a third each, and the next one finds some free.
type slots struct {
	mu      sync.Mutex // guards the fields below, and all lanes
	free    int
	lanes   map[string]*lane // of clients with a name that have something here
	waiting *list.List       // of *lane: where somebody waits, the next one in front
}

// A lane is what one client has here.
type lane struct {
	name    string // empty: nobody else's
	held    int    // places
	waiting list.List
	at      *list.Element // in slots.waiting; nil where nobody waits
}

// maxWaitingInLane bounds what of one client waits in memory. A connection has one command at a time, so these are requests.
const maxWaitingInLane = 1024

func newSlots(n int) *slots { return &slots{free: n, lanes: map[string]*lane{}, waiting: list.New()} }

// laneOf names the client of a command; empty where it is of this process.
func laneOf(c Command) string {
	switch {
	case c.Connection != "":
		return "connection " + c.Connection
	case c.Principal != "":
		return "principal " + c.Principal
	}
	remote, err := netip.ParseAddrPort(c.Remote)
	if err != nil {
		return c.Remote
	}
	address := remote.Addr().Unmap()
	if address.Is6() {
		network, _ := address.Prefix(64) // a client has all of it (RFC 8981)
		return network.String()
	}
	return address.String()
}

// take waits for a place, until ctx ends; there is none to give back with an error.
func (s *slots) take(ctx context.Context, name string) (*lane, error) {
	l, got, err := s.join(name)
	if err != nil {
		return l, err
	}
	place := got.Value.(chan struct{}) //nolint:forcetypeassert // join made it
	select {
	case <-place:
		return l, nil
	case <-ctx.Done():
	}
	if s.quit(l, got) {
		return l, ctx.Err()
	}
	return l, nil // it came at the same moment
}

// quit leaves a lane without a place; false says that it has one.
func (s *slots) quit(l *lane, got *list.Element) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-got.Value.(chan struct{}): //nolint:forcetypeassert // join made it
		return false
	default:
	}
	l.waiting.Remove(got)
	if l.waiting.Len() == 0 {
		s.waiting.Remove(l.at)
		l.at = nil
	}
	s.forget(l)
	return true
}

// errTooMany says that too much of one client waits.
type errTooMany struct{ waiting int }

func (errTooMany) Error() string { return "too many commands of one client wait" }

// join takes the last place in a lane.
func (s *slots) join(name string) (*lane, *list.Element, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[name]
	if l == nil {
		l = &lane{name: name}
		if name != "" {
			s.lanes[name] = l
		}
	}
	if l.waiting.Len() >= maxWaitingInLane {
		return l, nil, errTooMany{l.waiting.Len()}
	}
	if l.waiting.Len() == 0 {
		l.at = s.waiting.PushBack(l)
	}
	got := l.waiting.PushBack(make(chan struct{}))
	s.serve()
	return l, got, nil
}

// leave gives a place back.
func (s *slots) leave(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	l.held--
	s.forget(l)
	s.serve()
}

// serve gives the places that are free to those who are next. The caller has the lock.
func (s *slots) serve() {
	for at := s.waiting.Front(); at != nil && s.free > 0; {
		l := at.Value.(*lane) //nolint:forcetypeassert // all are
		next := at.Next()
		if l.held < s.free {
			s.free--
			l.held++
			close(l.waiting.Remove(l.waiting.Front()).(chan struct{})) //nolint:forcetypeassert // all are
			if l.waiting.Len() == 0 {
				s.waiting.Remove(at)
				l.at = nil
			} else {
				s.waiting.MoveToBack(at)
				if next == nil {
					next = at // it is alone, or the last of those that may have more
				}
			}
		}
		at = next
	}
}

// forget drops a lane that has nothing here. The caller has the lock.
func (s *slots) forget(l *lane) {
	if l.held == 0 && l.waiting.Len() == 0 && s.lanes[l.name] == l {
		delete(s.lanes, l.name)
	}
}

// heldBy is how many places a client has.
func (s *slots) heldBy(l *lane) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.held
}
