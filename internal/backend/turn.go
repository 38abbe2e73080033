package backend

// A line is the order of what one connection has for its backend: that it is there, its commands, that it is gone. Only
// connections that the backend is told of have one; the others send one command after the other.
type line struct {
	last <-chan struct{} // closed when who joined last has ended
	gone bool            // the connection has nothing more to say
}

// A turn is a place in a line.
type turn struct {
	backends *Backends
	of       connection
	before   <-chan struct{} // nil: none
	ended    chan struct{}
}

// join takes the next place in the line of a connection that comes, or goes.
func (b *Backends) join(of connection, goes bool) *turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.joinLocked(of, goes)
}

func (b *Backends) joinLocked(of connection, goes bool) *turn {
	t := &turn{backends: b, of: of, before: b.lines[of].last, ended: make(chan struct{})}
	b.lines[of] = line{t.ended, goes}
	return t
}

// takeTurn waits for a command's place in its connection's line, if that has one, and gives what ends it.
func (b *Backends) takeTurn(of connection) (end func()) {
	b.mu.Lock()
	l, there := b.lines[of]
	if !there {
		b.mu.Unlock()
		return func() {}
	}
	t := b.joinLocked(of, l.gone)
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
	if l := t.backends.lines[t.of]; l.gone && l.last == t.ended {
		delete(t.backends.lines, t.of)
	}
	t.backends.mu.Unlock()
	close(t.ended)
}
