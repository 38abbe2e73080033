package chat

import (
	"fmt"
	"strings"
	"sync"
)

// names knows who is called what. Of more connections than most it forgets those that were silent the longest.
type names struct {
	most int

	mu       sync.Mutex
	speakers map[string]*speaker // by connection
	taken    map[string]bool     // in small letters, so that nobody is alice beside Alice
	turn     uint64              // counts who speaks
}

type speaker struct {
	name string
	turn uint64 // when it spoke last
}

func newNames(most int) *names {
	return &names{most: most, speakers: make(map[string]*speaker), taken: make(map[string]bool)}
}

// of gives a connection's name. One that has none yet gets the wished one if that is free, else the next of the usual.
func (n *names) of(connection string, wished *string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.find(connection); s != nil {
		return s.name
	}
	n.makeRoom()
	if wished != nil && valid(*wished) && n.isFree(*wished) {
		return n.add(connection, *wished).name
	}
	return n.add(connection, n.next()).name
}

// rename gives the name that the connection had, if any, and whether somebody else has the new one.
func (n *names) rename(connection, name string) (was string, taken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.find(connection)
	if s != nil {
		was = s.name
	}
	if !strings.EqualFold(was, name) && !n.isFree(name) {
		return was, true
	}
	if s == nil {
		n.makeRoom()
		n.add(connection, name)
		return "", false
	}
	delete(n.taken, strings.ToLower(was))
	n.taken[strings.ToLower(name)] = true
	s.name = name
	return was, false
}

func (n *names) forget(connection string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remove(connection)
}

// find gives nil for a connection without a name. What is below here needs the lock.
func (n *names) find(connection string) *speaker {
	s := n.speakers[connection]
	if s != nil {
		n.turn++
		s.turn = n.turn
	}
	return s
}

func (n *names) makeRoom() {
	if len(n.speakers) < n.most {
		return
	}
	var silent string
	for connection, s := range n.speakers {
		if longest := n.speakers[silent]; longest == nil || s.turn < longest.turn {
			silent = connection
		}
	}
	n.remove(silent)
}

func (n *names) remove(connection string) {
	if s := n.speakers[connection]; s != nil {
		delete(n.speakers, connection)
		delete(n.taken, strings.ToLower(s.name))
	}
}

func (n *names) add(connection, name string) *speaker {
	n.turn++
	s := &speaker{name, n.turn}
	n.speakers[connection] = s
	n.taken[strings.ToLower(name)] = true
	return s
}

func (n *names) isFree(name string) bool {
	return !n.taken[strings.ToLower(name)] && !strings.EqualFold(name, guest)
}

var usual = []string{"Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Mike", "Niaj",
	"Olivia", "Peggy", "Rupert", "Sybil", "Trent", "Victor", "Walter"}

// next is the first of the usual names that is free; when all are taken they come again with a number.
func (n *names) next() string {
	for round := 1; ; round++ {
		for _, name := range usual {
			if round > 1 {
				name = fmt.Sprintf("%s %d", name, round)
			}
			if n.isFree(name) {
				return name
			}
		}
	}
}
