package grpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

// maxAhead is how many bytes of a request over net/http are read before its handler has taken them.
const maxAhead = 256 << 10

// An intake is the body of a request over net/http. grpc-go reads that as fast as it comes and keeps what its handler
// has not taken, without a bound; the intake has it wait, so that the client's window closes as on grpc-go's own transport.
type intake struct {
	body io.ReadCloser

	// These belong to who reads.
	head  [messageHeader]byte
	have  int          // of head
	left  uint32       // of the message that has begun
	skip  bool         // that message: it is larger than grpc-go reads
	ready bytes.Buffer // what is still to be handed on
	err   error        // comes after it

	mu     sync.Mutex // guards the fields below
	moved  sync.Cond
	sizes  []uint32 // of the messages that were read to their ends and not taken, with their headers
	ahead  int64    // their sum
	closed bool
}

func newIntake(body io.ReadCloser) *intake {
	i := &intake{body: body}
	i.moved.L = &i.mu
	return i
}

// intakeKey is the intake's in the context of its call.
type intakeKey struct{}

var errIntakeClosed = errors.New("the call has ended")

// Read waits while the handler is behind. It never does for a single message, be it as large as it may.
func (i *intake) Read(p []byte) (int, error) {
	for i.ready.Len() == 0 {
		if i.err != nil {
			return 0, i.err
		}
		if i.wait() {
			return 0, errIntakeClosed
		}
		var n int
		n, i.err = i.body.Read(p)
		i.follow(p[:n])
		if i.err != nil && i.have < messageHeader {
			i.ready.Write(i.head[:i.have])
		}
	}
	return i.ready.Read(p)
}

// wait waits while the handler is behind, and tells whether the call has ended.
func (i *intake) wait() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.sizes) > 1 && i.ahead >= maxAhead && !i.closed {
		i.moved.Wait()
	}
	return i.closed
}

// follow notes the messages that have come whole (gRPC over HTTP/2, "Length-Prefixed-Message"), and readies what is to be
// handed on: all of them, but in place of what is larger than grpc-go reads, that it is.
func (i *intake) follow(p []byte) {
	for len(p) > 0 {
		if i.have < messageHeader {
			n := copy(i.head[i.have:], p)
			i.have += n
			p = p[n:]
			if i.have < messageHeader {
				return
			}
			i.begin()
		}
		n := min(uint32(len(p)), i.left)
		if !i.skip {
			i.ready.Write(p[:n])
		}
		i.left -= n
		p = p[n:]
		if i.left == 0 {
			i.have = 0
			if !i.skip {
				i.add(messageHeader + binary.BigEndian.Uint32(i.head[1:]))
			}
		}
	}
}

// begin is for a message whose header is there.
func (i *intake) begin() {
	i.left = binary.BigEndian.Uint32(i.head[1:])
	i.skip = i.left > maxMessage
	if !i.skip {
		i.ready.Write(i.head[:])
		return
	}
	instead := untaken(oversize, "%d", i.left)
	i.ready.Write(instead)
	i.add(uint32(len(instead)))
}

// add notes a message that has come, with its header.
func (i *intake) add(size uint32) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sizes = append(i.sizes, size)
	i.ahead += int64(size)
}

// take notes that the handler has got a message.
func (i *intake) take() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.sizes) == 0 {
		return // it came by another way
	}
	i.ahead -= int64(i.sizes[0])
	if i.sizes = i.sizes[1:]; len(i.sizes) == 0 {
		i.sizes = nil // the array goes with it
	}
	i.moved.Signal()
}

// Close ends a Read that waits.
func (i *intake) Close() error {
	i.mu.Lock()
	i.closed = true
	i.moved.Broadcast()
	i.mu.Unlock()
	return i.body.Close()
}
