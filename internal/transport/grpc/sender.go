package grpc

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	grpcgo "google.golang.org/grpc"

	"github.com/leatstream/leat/internal/hub"
)

// A sender writes encoded messages to one stream, for any number of goroutines, and notices when the client has
// stopped taking them: SendMsg then blocks for as long as the stream lives.
type sender struct {
	stream  grpcgo.ServerStream
	native  bool          // over grpc-go's own transport; over net/http, the response sees more, and notices by itself
	stalled chan struct{} // closed when a send has made no progress for hub.SlowAfter

	sending  atomic.Bool
	progress atomic.Int64 // when the transport last took something, in nanoseconds
	passed   atomic.Int64 // of sent, what has left the transport's queue for certain

	mu     sync.Mutex  // held during SendMsg, which one goroutine at a time may call; guards the fields below
	timer  *time.Timer // made when a send may block
	sent   int64       // bytes given to SendMsg
	marked int64       // up to here, a mark tells when they have left
}

// grpc-go blocks a SendMsg while 64 KiB of its stream are queued; below queueLimit it is certain not to.
const (
	queueLimit  = 48 << 10
	markEvery   = 8 << 10
	frameHeader = 5 // gRPC over HTTP/2, Length-Prefixed-Message
)

func newSender(stream grpcgo.ServerStream) *sender {
	if r, ok := stream.Context().Value(responseKey{}).(*response); ok {
		return &sender{stream: stream, stalled: r.stalled}
	}
	return &sender{stream: stream, native: true, stalled: make(chan struct{})}
}

// Write sends each frame as one message.
func (s *sender) Write(b hub.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, frame := range b.Frames {
		if err := s.wait(frame); err != nil {
			return err
		}
	}
	return nil
}

// TryWrite sends what grpc-go queues without blocking.
func (s *sender) TryWrite(b hub.Batch) (written int, err error) {
	if !s.native {
		return 0, errors.ErrUnsupported
	}
	if !s.mu.TryLock() {
		return 0, hub.ErrFull // another write may be blocked
	}
	defer s.mu.Unlock()
	for _, frame := range b.Frames {
		if !s.room() {
			return written, hub.ErrFull
		}
		if err := s.send(frame); err != nil {
			return written, err
		}
		written += len(frame)
	}
	return written, nil
}

// room tells whether SendMsg is certain not to block. The caller has the lock, as for what follows.
func (s *sender) room() bool { return s.sent-s.passed.Load() < queueLimit }

// wait sends a frame, and watches for how long that blocks.
func (s *sender) wait(frame []byte) error {
	if !s.native || s.room() {
		return s.send(frame)
	}
	s.progressed()
	s.sending.Store(true)
	if s.timer == nil {
		s.timer = time.AfterFunc(hub.SlowAfter, s.check)
	} else {
		s.timer.Reset(hub.SlowAfter)
	}
	defer s.timer.Stop()
	defer s.sending.Store(false)
	return s.send(frame)
}

func (s *sender) send(frame []byte) error {
	message := &encoded{bytes: frame, read: s.progressed}
	s.sent += int64(len(frame) + frameHeader)
	if s.native && s.sent-s.marked >= markEvery {
		message.mark = &mark{s, s.sent}
		s.marked = s.sent
	}
	err := s.stream.SendMsg(message)
	if err != nil && closed(s.stalled) {
		return slow()
	}
	return err
}

func (s *sender) progressed() { s.progress.Store(time.Now().UnixNano()) }

// check runs when a send has taken hub.SlowAfter, which is long but no stall where a large message goes out piece by
// piece.
func (s *sender) check() {
	if !s.sending.Load() {
		return
	}
	idle := time.Since(time.Unix(0, s.progress.Load()))
	if idle < hub.SlowAfter {
		s.timer.Reset(hub.SlowAfter - idle)
		return
	}
	close(s.stalled)
}
