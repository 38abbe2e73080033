package grpc

import (
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
	stalled chan struct{} // closed when a send has made no progress for hub.SlowAfter
	timer   *time.Timer   // nil over net/http, where the response sees more of it, and notices by itself

	sending  atomic.Bool
	progress atomic.Int64 // when the transport last took something, in nanoseconds

	mu sync.Mutex // held during SendMsg, which one goroutine at a time may call
}

func newSender(stream grpcgo.ServerStream) *sender {
	if r, ok := stream.Context().Value(responseKey{}).(*response); ok {
		return &sender{stream: stream, stalled: r.stalled}
	}
	s := &sender{stream: stream, stalled: make(chan struct{})}
	s.timer = time.AfterFunc(hub.SlowAfter, s.check)
	s.timer.Stop()
	return s
}

// Write sends each frame as one message.
func (s *sender) Write(b hub.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, frame := range b.Frames {
		if err := s.send(frame); err != nil {
			return err
		}
	}
	return nil
}

// send is called with mu held.
func (s *sender) send(frame []byte) error {
	if s.timer != nil {
		s.progressed()
		s.sending.Store(true)
		s.timer.Reset(hub.SlowAfter)
		defer s.timer.Stop()
		defer s.sending.Store(false)
	}
	err := s.stream.SendMsg(&encoded{frame, s.progressed})
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
