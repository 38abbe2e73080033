package backend

// A line is the order of what one connection has for its backend: that it is there, its commands, that it is gone; with
// several subscriptions of a stream it comes and goes with each. Only
// connections that the backend is told of have one; the others send one command after the other.
type line struct {
	last    <-chan struct{} // closed when who joined last has ended
	open    int             // subscriptions that the backend was told of, or is to be, and not of their end
	waiting int             // turns that have not ended
}

// maxWaiting is how far a connection may be ahead of its backend with subscriptions that come and go.
const maxWaiting = 16

// A turn is a place in a line.
type turn struct {
	backends *Backends
	of       connection
	before   <-chan struct{} // nil: none
	ended    chan struct{}
}

// join takes the next place in the line of a connection that comes (1) or goes (-1) with a subscription.
func (b *Backends) join(of connection, opens int) *turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.joinLocked(of, opens)
}

func (b *Backends) joinLocked(of connection, opens int) *turn {
	l := b.lines[of]
	t := &turn{backends: b, of: of, before: l.last, ended: make(chan struct{})}
	b.lines[of] = line{t.ended, l.open + opens, l.waiting + 1}
	return t
}

// makeRoom waits, where many turns of a connection have not ended, until they have.
func (b *Backends) makeRoom(of connection) {
	b.mu.Lock()
	l := b.lines[of]
	b.mu.Unlock()
	if l.waiting >= maxWaiting {
		<-l.last
	}
}

// takeTurn waits for a command's place in its connection's line, if that has one, and gives what ends it.
func (b *Backends) takeTurn(of connection) (end func()) {
	b.mu.Lock()
	_, there := b.lines[of]
	if !there {
		b.mu.Unlock()
		return func() {}
	}
	t := b.joinLocked(of, 0)
	b.mu.Unlock()
	t.wait()
	return t.end
}

// wait waits for the one before, which the backend's timeout bounds.
func (t *turn) wait() {
	if t.before != nil {
		<-t.before
	}
}

// end lets the next one go, and ends the line behind the last one.
func (t *turn) end() {
	t.backends.mu.Lock()
	l := t.backends.lines[t.of]
	l.waiting--
	t.backends.lines[t.of] = l
	if l.open == 0 && l.waiting == 0 {
		delete(t.backends.lines, t.of)
	}
	t.backends.mu.Unlock()
	close(t.ended)
}
