package eventlog

import (
	"errors"
	"sync"
)

// A gate is what appends to a stream go through. It is shut while the stream cannot be written: JetStream gives no
// answer at all to an event that it failed to write, nor to any that comes after.
type gate struct {
	mu   sync.Mutex    // guards the fields below; the innermost lock
	shut chan struct{} // closed while it is shut
	why  error         // nil: it is open
}

func newGate() *gate { return &gate{shut: make(chan struct{})} }

// enter lets an append in, which can wait for shut to be closed; or says why it may not.
func (g *gate) enter() (shut <-chan struct{}, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.why
}

// close tells whether it was open.
func (g *gate) close(why string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	open := g.why == nil
	if open {
		close(g.shut)
	}
	g.why = errors.New("it cannot be written: " + why)
	return open
}

// open tells whether it was shut.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == nil {
		return false
	}
	g.why, g.shut = nil, make(chan struct{})
	return true
}
