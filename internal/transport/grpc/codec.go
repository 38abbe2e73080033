package grpc

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress; maxMessage bounds what a message becomes
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/leatstream/leat/internal/problem"
)

// An encoded message is on its way as it is: the frames of events are encoded once, in the hub, and every
// subscriber's transport reads the same bytes.
type encoded struct {
	bytes []byte
	read  progress // told as the transport gets on with a large message
	mark  *mark    // told when it has written all; nil where nobody asks
}

// An incoming message is decoded into body. What is wrong with it is kept in problem, for the handler to tell:
// grpc-go would end the call by itself, and call it INTERNAL.
type incoming struct {
	body    any
	problem error
}

// A codec is the codec of protobuf, which it says it is, for all but encoded and incoming messages.
type codec struct {
	encoding.CodecV2
	limit int // of an incoming message, in bytes
}

func newCodec(limit int) codec { return codec{encoding.GetCodecV2(proto.Name), limit} }

// Marshal encodes a message. The bytes of an encoded one stay referenced until they are with the kernel, longer than
// SendMsg takes; they are garbage collected and never change.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	var pieces mem.BufferSlice
	switch rest := message.bytes; {
	case len(rest) > piece:
		for len(rest) > 0 {
			next := rest[:min(piece, len(rest))]
			rest = rest[len(next):]
			pieces = append(pieces, mem.NewBuffer(&next, message.read))
		}
	default:
		pieces = mem.BufferSlice{mem.SliceBuffer(rest)}
	}
	if message.mark != nil {
		pieces = append(pieces, mem.NewBuffer(&nothing, message.mark))
	}
	return pieces, nil
}

// Unmarshal decodes a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*incoming)
	switch {
	case !ok:
		return c.CodecV2.Unmarshal(data, v)
	case data.Len() > c.limit:
		message.problem = problem.New(problem.TooLarge, "the message has %d bytes, and %d are allowed, which is the contract's "+
			"largest event and what is around it: store the body elsewhere and publish a reference", data.Len(), c.limit)
	default:
		if err := c.CodecV2.Unmarshal(data, message.body); err != nil {
			message.problem = problem.New(problem.Malformed, "the message could not be read: %w", err)
		}
	}
	return nil
}

// progress is called for each piece of a large message that the transport has written. It is a mem.BufferPool in
// form only: what comes back to it is the hub's.
type progress func()

// Get is never called: nothing is taken from here.
func (progress) Get(int) *[]byte { panic("grpc: a buffer is asked of a pool that has none") }

// Put is called when the transport has done with a piece.
func (p progress) Put(*[]byte) { p() }

// A mark is a buffer of no bytes behind those of a message: the transport has done with it when it has with them.
type mark struct {
	sender *sender
	sent   int64 // the sender's, this message included
}

// nothing is large enough for mem to count references to it, and holds no byte.
var nothing = make([]byte, 0, piece)

// Get is never called.
func (*mark) Get(int) *[]byte { panic("grpc: a buffer is asked of a mark") }

// Put is called when the transport has done with the message.
func (m *mark) Put(*[]byte) { m.sender.passed.Store(m.sent) }
