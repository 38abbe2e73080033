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
	native  bool          // over grpc-go's own transport
	http    *response     // over net/http it sees more, and notices by itself
	stalled chan struct{} // closed when a send has made no progress for hub.SlowAfter

	sending  atomic.Bool
	progress atomic.Int64 // when the transport last took something, in nanoseconds
	passed   atomic.Int64 // of sent, what has left the transport's queue for certain
	rest     atomic.Pointer[rest]

	mu     sync.Mutex  // held during SendMsg, which one goroutine at a time may call; guards the fields below
	timer  *time.Timer // made when a send may block
	sent   int64       // bytes given to SendMsg
	marked int64       // up to here, a mark tells when they have left
	due    bool        // the next message gets a mark
}

// grpc-go blocks a SendMsg while 64 KiB of its stream are queued; below queueLimit it is certain not to. What is queued
// is known by marks: of one per message, each would cost as much as its frame.
const (
	queueLimit    = 48 << 10
	markEvery     = 8 << 10
	messageHeader = 5 // gRPC over HTTP/2, Length-Prefixed-Message
)

func newSender(stream grpcgo.ServerStream) *sender {
	if r, ok := stream.Context().Value(responseKey{}).(*response); ok {
		s := &sender{stream: stream, http: r, stalled: r.stalled}
		r.sender.Store(s)
		return s
	}
	return &sender{stream: stream, native: true, stalled: make(chan struct{})}
}

// Write sends each frame as one message. The last one has a mark, so that settled can tell when it has left.
func (s *sender) Write(b hub.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, frame := range b.Frames {
		if i == len(b.Frames)-1 {
			s.due = true
		}
		if err := s.wait(frame); err != nil {
			return err
		}
	}
	return nil
}

// TryWrite sends what grpc-go is certain to queue without blocking: no goroutine wakes but the one that writes to the
// connection.
func (s *sender) TryWrite(b hub.Batch) (written int, err error) {
	if !s.native {
		return 0, errors.ErrUnsupported
	}
	if !s.mu.TryLock() {
		return 0, hub.ErrFull // another write may be blocked
	}
	defer s.mu.Unlock()
	messages := shared(b)
	for i, frame := range b.Frames {
		if !s.room() {
			return written, hub.ErrFull
		}
		if err := s.send(frame, messages[i]); err != nil {
			return written, err
		}
		written += len(frame)
	}
	return written, nil
}

// shared gives the messages of a batch, which all senders that are given it share.
func shared(b hub.Batch) []*encoded {
	if b.Made != nil {
		if made, ok := (*b.Made).([]*encoded); ok {
			return made
		}
	}
	messages := make([]*encoded, len(b.Frames))
	for i, frame := range b.Frames {
		messages[i] = encode(frame)
	}
	if b.Made != nil {
		*b.Made = messages
	}
	return messages
}

// room tells whether SendMsg is certain not to block. The caller has the lock, as for what follows.
func (s *sender) room() bool { return s.sent-s.passed.Load() < queueLimit }

// wait sends a frame, and watches for how long that blocks.
func (s *sender) wait(frame []byte) error {
	message := encode(frame)
	if !s.native || s.room() {
		return s.send(frame, message)
	}
	s.progressed()
	if s.timer == nil {
		s.timer = time.AfterFunc(hub.SlowAfter, s.check)
	} else {
		s.timer.Reset(hub.SlowAfter)
	}
	s.sending.Store(true) // last: check reads timer behind it
	defer s.timer.Stop()
	defer s.sending.Store(false)
	return s.send(frame, message)
}

// send sends a frame as the message made of it, or as one with a mark where one is due.
func (s *sender) send(frame []byte, message *encoded) error {
	s.sent += int64(len(frame) + messageHeader)
	if s.native && (s.due || s.sent-s.marked >= markEvery) {
		message = encodeFor(s, frame)
		s.marked, s.due = s.sent, false
	}
	err := s.stream.SendMsg(message)
	if err != nil && closed(s.stalled) {
		return slow()
	}
	return err
}

// A rest is what a sender has yet to get rid of when all is sent.
type rest struct {
	sent int64
	gone chan struct{} // closed when it is
	once sync.Once
}

// blocked tells whether a message waits for the client, or could.
func (s *sender) blocked() bool {
	return s.sending.Load() || s.http != nil && s.http.writing.Load()
}

// settled is closed when all that was sent is with the transport, and a status would not wait for the client. It is for
// when nothing is sent any more.
func (s *sender) settled() <-chan struct{} {
	s.mu.Lock()
	r := &rest{sent: s.sent, gone: make(chan struct{})}
	s.mu.Unlock()
	s.rest.Store(r)
	s.pass(s.passed.Load())
	return r.gone
}

// pass takes note that the transport has got on.
func (s *sender) pass(sent int64) {
	s.passed.Store(sent)
	if r := s.rest.Load(); r != nil && sent >= r.sent {
		r.once.Do(func() { close(r.gone) })
	}
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
