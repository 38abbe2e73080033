package hub

import (
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// What may wait to be written to one connection before it counts as one that does not keep up. However much one push
// has, it is taken where nothing waits.
const (
	maxPushes     = 100
	maxPushesSize = 64 << 10 // bytes of frames
)

// pushes are frames for one connection alone that wait to be written.
type pushes struct {
	frames [][]byte
	bytes  int
	// writing is closed when all is written; nil where a subscriber writes.
	writing chan struct{}
}

// A Pusher writes what is pushed to a connection that has no subscriber, or several.
type Pusher interface {
	Writer
	// AppendPushed appends the frame of an event that is pushed.
	AppendPushed(dst []byte, e *event.Event) []byte
}

// Push has events written to the connection, and to no other, among what its subscriptions get. They come in this
// order and without ids, for they are in no log: who resumes does not get them again. It returns when they wait to be
// written; the error is a problem where they do not.
func (c *Connection) Push(events []*event.Event) error {
	frame, err := c.framing(events)
	if err != nil {
		return err
	}
	frames, bytes := make([][]byte, len(events)), 0
	for i, e := range events {
		frames[i] = frame(nil, e)
		bytes += len(frames[i])
	}
	writer, err := c.enqueue(frames, bytes)
	if err == nil && writer != nil {
		writer.nudge()
	}
	return err
}

// Home is the stream that events without one are of: that of the connection's subscriptions, empty where there are none,
// or of several. The error is a problem where nothing can be pushed.
func (c *Connection) Home() (stream string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.pushable(); err != nil {
		return "", err
	}
	if c.pushStream != "" {
		return c.pushStream, nil
	}
	for _, s := range c.subscribers {
		name := s.stream.name
		if stream != "" && name != stream {
			return "", nil
		}
		stream = name
	}
	return stream, nil
}

// framing gives what makes frames of the events.
func (c *Connection) framing(events []*event.Event) (func(dst []byte, e *event.Event) []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.pushable(); err != nil {
		return nil, err
	}
	var only string
	var frame func(dst []byte, e *event.Event) []byte
	if c.pusher != nil {
		only, frame = c.pushStream, c.pusher.AppendPushed
	} else {
		only, frame = c.subscribers[0].stream.name, c.subscribers[0].format.Event
	}
	for _, e := range events {
		if only != "" && e.Stream != only {
			return nil, problem.New(problem.Conflict, "connection %s is about stream %q alone, and this event is of stream %q", c.ID(), only, e.Stream)
		}
	}
	return frame, nil
}

// pushable says why nothing can be pushed, nil where it can. The caller has the lock.
func (c *Connection) pushable() error {
	switch {
	case c.reason != "", c.closed, c.stopped:
		return c.hub.noConnection(c.ID())
	case c.pusher != nil, len(c.subscribers) > 0:
		return nil
	case c.left:
		return c.hub.noConnection(c.ID())
	}
	return problem.New(problem.Conflict, "connection %s takes no events: it is an upload or one page of history, or it is only just being opened", c.ID())
}

// enqueue adds frames to those that wait. The subscriber is who writes them, nil where a goroutine does.
func (c *Connection) enqueue(frames [][]byte, bytes int) (*Subscriber, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.pushable(); err != nil {
		return nil, err
	}
	if c.pushes == nil {
		c.pushes = &pushes{}
	}
	p := c.pushes
	if n := len(p.frames); n > 0 && (n+len(frames) > maxPushes || p.bytes+bytes > maxPushesSize) {
		return nil, problem.New(problem.Unavailable, "connection %s does not keep up: %d events of %d bytes wait to be written to it, and at most %d "+
			"of %d bytes do; nothing of this was sent, try again later", c.ID(), n, p.bytes, maxPushes, maxPushesSize)
	}
	p.frames = append(p.frames, frames...)
	p.bytes += bytes
	if c.pusher == nil {
		c.pushed.Store(true)
		return c.subscribers[0], nil
	}
	c.startPushes()
	return nil, nil
}

// hasPushes tells whether something was pushed that the subscriber is to write; a page's has no connection.
func (s *Subscriber) hasPushes() bool { return s.connection != nil && s.connection.pushed.Load() }

// FlushPushes writes what was pushed before, and returns when it is written, also where somebody else was writing it: so
// what the caller writes next comes behind it.
func (c *Connection) FlushPushes(w Writer) error {
	c.pushing.Lock()
	defer c.pushing.Unlock()
	batch := c.takePushed()
	if len(batch.Frames) == 0 {
		return nil
	}
	return w.Write(batch)
}

// takePushed gives what is to be written. The caller has pushing until it is.
func (c *Connection) takePushed() Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushed.Store(false)
	p := c.pushes
	if p == nil {
		return Batch{} // another one was first
	}
	batch := Batch{Frames: p.frames, Bytes: p.bytes}
	p.frames, p.bytes = nil, 0
	if p.writing == nil {
		c.pushes = nil
	}
	return batch
}

// nudge makes a subscriber look for what was pushed. One that does not wait is on the move, and looks before it rests.
func (s *Subscriber) nudge() {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case !s.waiting:
	case s.wake != nil:
		s.rouse(st.woken)
	default:
		s.claim(st.woken)
		go s.spin()
	}
}

// PushThrough has what is pushed to the connection written by p, in a goroutine that lives while there is something to
// write, but not before WritePushes. Stream is the only one whose events it takes; empty: any. The caller must StopPushes.
func (c *Connection) PushThrough(p Pusher, stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pusher, c.pushStream, c.held = p, stream, true
}

// WritePushes lets what waits for PushThrough's Pusher go out; further calls do nothing.
func (c *Connection) WritePushes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	c.startPushes()
}

// startPushes starts the goroutine that writes what waits, where there is something and nobody writes yet. The caller has
// the lock.
func (c *Connection) startPushes() {
	p := c.pushes
	if c.held || p == nil || p.writing != nil {
		return
	}
	p.writing = make(chan struct{})
	go c.writePushed(p.writing)
}

// StopPushes ends what PushThrough began: it refuses what is pushed from now on, and waits until all is written that was
// pushed before, or cannot be.
func (c *Connection) StopPushes() {
	c.mu.Lock()
	c.stopped = true
	var writing chan struct{}
	if c.pushes != nil {
		writing = c.pushes.writing
	}
	c.mu.Unlock()
	if writing != nil {
		<-writing
	}
}

// writePushed writes what waits. A write that fails ends the connection by itself, and the rest has nowhere to go.
func (c *Connection) writePushed(done chan struct{}) {
	defer close(done)
	for failed := false; !c.donePushing(); {
		c.pushing.Lock()
		if batch := c.takePushed(); len(batch.Frames) > 0 {
			failed = failed || c.pusher.Write(batch) != nil
		}
		c.pushing.Unlock()
	}
}

// donePushing tells whether nothing waits, and leaves the next push to another goroutine then.
func (c *Connection) donePushing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := len(c.pushes.frames) == 0
	if done {
		c.pushes = nil
	}
	return done
}
