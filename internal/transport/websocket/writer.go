package websocket

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A writer writes frames to one client, whole: what each call is given goes out before what the next one is.
type writer struct {
	hub    *hub.Connection // set once
	conn   net.Conn        // set once
	socket socket.Socket   // set once
	lost   func(error)     // set once: tells the reading side that the connection is broken
	finish atomic.Int64    // the Unix nanoseconds by which all writes must be done, 0 while there is no hurry

	encrypted bool // set once: conn is TLS

	mu     sync.Mutex // guards the fields below; held during writes to the socket, and taken before a connection's lock
	waited time.Time  // when a write has last waited for the client
	rest   []byte     // what is missing of a frame that a slow client has in part
	broken error      // why nothing can be written any more
}

var errSlow = errors.New("the client took nothing for too long")

// goodbye is how long the last frames may take.
const goodbye = time.Second

// Write writes frames of events; see hub.Writer.
func (w *writer) Write(b hub.Batch) error { return w.write(b.Frames) }

// TryWrite writes what the kernel takes at once. Of a frame that it takes in part, this writer keeps the rest: whoever
// writes next, or Write after it, writes that first.
func (w *writer) TryWrite(b hub.Batch) (written int, err error) {
	if !w.mu.TryLock() {
		return 0, hub.ErrFull // an answer is on its way, and it may take long
	}
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return 0, w.broken
	case len(w.rest) > 0:
		return 0, hub.ErrFull
	}
	written, err = w.socket.Try(b.Frames)
	if errors.Is(err, hub.ErrFull) {
		w.rest = missing(b.Frames, written)
		written += len(w.rest)
	}
	return written, err
}

// Send frames and writes one message.
func (w *writer) Send(message []byte) error {
	return w.write([][]byte{appendText(make([]byte, 0, len(message)+ws.MaxHeaderSize), message)})
}

// hurry gives all writes, also one that is under way, a last moment.
func (w *writer) hurry() {
	finish := time.Now().Add(goodbye)
	if w.finish.CompareAndSwap(0, finish.UnixNano()) {
		_ = w.conn.SetWriteDeadline(finish) // fails on a closed connection alone, as the write will
	}
}

// close writes the last frame: nothing follows it.
func (w *writer) close(frame []byte) {
	w.hurry()
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.deliver([][]byte{frame}) // the client may be gone
	w.broken = errEnded
}

// write writes frames.
func (w *writer) write(frames [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deliver(frames)
}

// deliver writes frames. A client that takes nothing for hub.SlowAfter is slow: its connection is ended, and there is
// a moment left for a goodbye. The caller has the lock.
func (w *writer) deliver(frames [][]byte) error {
	if w.broken != nil {
		return w.broken
	}
	if len(w.rest) > 0 {
		frames = append([][]byte{w.rest}, frames...)
		w.rest = nil
	}
	written, err := w.push(frames)
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || w.finish.Load() != 0 {
		w.broken = err
		_ = w.conn.Close()
		w.lost(err)
		return err
	}
	w.rest = missing(frames, written)
	w.hurry()
	w.hub.End(event.EndSlow)
	return errSlow
}

// push writes what the socket takes at once, and waits if that is not all.
func (w *writer) push(frames [][]byte) (written int, err error) {
	written, err = w.socket.Try(frames)
	if !errors.Is(err, hub.ErrFull) && !errors.Is(err, errors.ErrUnsupported) {
		return written, err
	}
	if w.encrypted {
		err = w.pushRecords(frames, &written)
	} else {
		err = w.pushRest(frames, &written)
	}
	if err == nil && w.finish.Load() == 0 {
		_ = w.conn.SetWriteDeadline(time.Time{}) // TryWrite heeds it too
	}
	return written, err
}

// pushRest writes what is behind written as long as the client takes anything. It looks each quarter of hub.SlowAfter,
// since a deadline tells that something was taken, but not when.
func (w *writer) pushRest(frames [][]byte, written *int) error {
	rest := make(net.Buffers, 0, len(frames)) // WriteTo consumes it, and frames are the caller's
	skip := *written
	for _, f := range frames {
		n := min(skip, len(f))
		rest, skip = append(rest, f[n:]), skip-n
	}
	begun := time.Now()
	defer w.note(begun)
	for progress := begun; ; {
		w.allow(hub.SlowAfter / 4)
		n, err := rest.WriteTo(w.conn) // writev where there are several
		*written += int(n)
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded), w.finish.Load() != 0:
			return err
		case n > 0:
			progress = time.Now()
		case time.Since(progress) >= hub.SlowAfter:
			return err
		}
	}
}

// pushRecords gives each of TLS's records its own time: after a record that a deadline has cut, nothing more can be
// written.
func (w *writer) pushRecords(frames [][]byte, written *int) error {
	const record = 16 << 10 // the largest (RFC 8446, section 5.1)
	for _, frame := range frames {
		for len(frame) > 0 {
			begun := time.Now()
			w.allow(hub.SlowAfter)
			n, err := w.conn.Write(frame[:min(record, len(frame))])
			w.note(begun)
			*written += n
			if err != nil {
				return err
			}
			frame = frame[n:]
		}
	}
	return nil
}

// allow sets the socket's deadline, which hurry may make an earlier one.
func (w *writer) allow(d time.Duration) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(d))
	if finish := w.finish.Load(); finish != 0 { // also where hurry came between
		_ = w.conn.SetWriteDeadline(time.Unix(0, finish))
	}
}

// note notes whether a write had to wait for the client: into a socket that has room it takes microseconds.
func (w *writer) note(begun time.Time) {
	const long = 10 * time.Millisecond
	if now := time.Now(); now.Sub(begun) > long {
		w.waited = now
	}
}

// behind tells whether the client has kept a write waiting just now: then it has yet to read much of what it was sent
// before.
func (w *writer) behind() bool {
	if !w.mu.TryLock() {
		return true // a write is under way
	}
	defer w.mu.Unlock()
	return time.Since(w.waited) < answerWait
}

// missing gives what is missing of the frame that the client has in part, when so many bytes are written.
func missing(frames [][]byte, written int) []byte {
	for _, f := range frames {
		if written < len(f) {
			return append([]byte(nil), restOfFrame(f, written)...)
		}
		written -= len(f)
	}
	return nil
}
