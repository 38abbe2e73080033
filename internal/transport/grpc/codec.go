package grpc

import (
	"strconv"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress; maxMessage bounds what a message becomes
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/leatstream/leat/internal/problem"
)

// An encoded message is on its way as it is: the frames of events are encoded once, in the hub, and every
// subscriber's transport reads the same bytes.
type encoded mem.BufferSlice

// encode wraps a frame, once for all subscribers that get it.
func encode(frame []byte) *encoded { return &encoded{mem.SliceBuffer(frame)} }

// encodeFor wraps a frame for one sender, which is told as the transport gets on with it.
func encodeFor(s *sender, frame []byte) *encoded {
	var message encoded
	for len(frame) > piece {
		next := frame[:piece]
		frame = frame[piece:]
		message = append(message, mem.NewBuffer(&next, progress(s.progressed)))
	}
	message = append(message, mem.SliceBuffer(frame), mem.NewBuffer(&nothing, &mark{s, s.sent}))
	return &message
}

// An incoming message is decoded into body. What is wrong with it is kept in problem, for the handler to tell:
// grpc-go would end the call by itself, and call it INTERNAL.
type incoming struct {
	body    any
	problem error
}

// A raw message is one of a typed service, as it came: internal/typed reads it.
type raw []byte

// A codec is the codec of protobuf, which it says it is, for all but encoded and incoming messages.
type codec struct {
	encoding.CodecV2
	limit func() int // of an incoming message, in bytes
}

func newCodec(limit func() int) codec { return codec{encoding.GetCodecV2(proto.Name), limit} }

// Marshal encodes a message. The bytes of an encoded one stay referenced until they are with the kernel, longer than
// SendMsg takes; they are garbage collected and never change.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if message, ok := v.(*encoded); ok {
		return mem.BufferSlice(*message), nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*incoming)
	switch {
	case !ok:
		return c.CodecV2.Unmarshal(data, v)
	case data.Len() > c.limit():
		message.problem = tooLarge(strconv.Itoa(data.Len()), c.limit())
	default:
		if message.problem = unreadable(data, c.limit()); message.problem != nil {
			return nil
		}
		if body, ok := message.body.(*raw); ok {
			*body = data.Materialize()
			return nil
		}
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
func (m *mark) Put(*[]byte) { m.sender.pass(m.sent) }
