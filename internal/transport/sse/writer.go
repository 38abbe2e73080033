package sse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// What ends a response from the client's side.
var (
	errSlow = fmt.Errorf("the client took nothing for %v", hub.SlowAfter)
	errGone = errors.New("the client is gone")
)

// connWriter writes to a connection of our own. TLS goes in chunks: a record cut by a deadline spoils the connection,
// so there is no going on after half of it.
func connWriter(conn net.Conn, encrypted bool) hub.Writer {
	if encrypted {
		return &chunkWriter{out: conn, deadline: conn.SetWriteDeadline, flush: func() error { return nil }}
	}
	return &vectorWriter{conn: conn}
}

// A vectorWriter writes all frames of a batch with one system call where the kernel takes them.
type vectorWriter struct {
	conn   net.Conn
	frames net.Buffers // reused; the batch's own slice is the hub's
	rest   net.Buffers // of frames, what is not written yet
}

// Write goes on as long as there is progress, however little. It looks each quarter of SlowAfter, since a deadline
// tells that something was taken, but not when.
func (w *vectorWriter) Write(b hub.Batch) error {
	w.frames = append(w.frames[:0], b.Frames...)
	w.rest = w.frames
	progress := time.Now()
	for len(w.rest) > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(hub.SlowAfter / 4)); err != nil {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		written, err := w.rest.WriteTo(w.conn)
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("%w: %w", errGone, err)
		case written > 0:
			progress = time.Now()
		case time.Since(progress) >= hub.SlowAfter:
			return errSlow
		}
	}
	return nil
}

// A chunkWriter writes where half of a write cannot be told from none of it (HTTP/2, TLS, and wrapped writers): in
// chunks, each with its own time.
type chunkWriter struct {
	out      io.Writer
	deadline func(time.Time) error
	flush    func() error
}

// chunkBytes is a TLS record and an HTTP/2 frame of the default size.
const chunkBytes = 16 << 10

func newChunkWriter(w http.ResponseWriter, controller *http.ResponseController) *chunkWriter {
	return &chunkWriter{out: w, deadline: controller.SetWriteDeadline, flush: controller.Flush}
}

// canStream looks in a writer, and in those that it wraps, for what http.ResponseController would use: trying Flush
// would send the header, and there would be no way left to say that it cannot work.
func canStream(w http.ResponseWriter, byHijack bool) error {
	for {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return nil
		case http.Hijacker:
			if byHijack {
				return nil
			}
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return problem.New(problem.Internal, "nothing can be streamed through %T, the http.ResponseWriter that a middleware "+
				"of this server passes on, because it lacks both Flush and Unwrap: "+
				"give it Unwrap() http.ResponseWriter, or Flush and Hijack", w)
		}
		w = inner.Unwrap()
	}
}

// Write ends with nothing in a buffer.
func (w *chunkWriter) Write(b hub.Batch) error {
	room := chunkBytes
	begun := w.begin()
	for _, frame := range b.Frames {
		for len(frame) > 0 {
			n := min(room, len(frame))
			if _, err := w.out.Write(frame[:n]); err != nil {
				return w.failed(begun, err)
			}
			frame, room = frame[n:], room-n
			if room > 0 {
				continue
			}
			if err := w.flush(); err != nil {
				return w.failed(begun, err)
			}
			room, begun = chunkBytes, w.begin()
		}
	}
	if err := w.flush(); err != nil {
		return w.failed(begun, err)
	}
	_ = w.deadline(time.Time{}) // HTTP/2 resets a stream whose deadline passes, also while nothing is written
	return nil
}

// begin gives the next chunk its time. Not every writer has deadlines: a recorder in a test never blocks.
func (w *chunkWriter) begin() time.Time {
	now := time.Now()
	_ = w.deadline(now.Add(hub.SlowAfter))
	return now
}

// failed tells slow from gone by the clock: HTTP/2 says only that the stream is closed.
func (w *chunkWriter) failed(begun time.Time, err error) error {
	switch {
	case errors.Is(err, http.ErrNotSupported):
		return fmt.Errorf("the http.ResponseWriter that a middleware passes on has a Flush that does not work: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded), time.Since(begun) >= hub.SlowAfter:
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return fmt.Errorf("%w: %w", errGone, err)
}
