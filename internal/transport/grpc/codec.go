package grpc

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// An encoded message is on its way as it is: the frames of events are encoded once, in the hub, and every
// subscriber's transport reads the same bytes.
type encoded struct {
	bytes []byte
	read  progress // told as the transport gets on with a large message
}

// A codec is the codec of protobuf, which it says it is, for all but encoded messages.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal encodes a message. The bytes of an encoded one stay referenced until they are with the kernel, longer than
// SendMsg takes; they are garbage collected and never change.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	rest := message.bytes
	if len(rest) <= piece {
		return mem.BufferSlice{mem.SliceBuffer(rest)}, nil
	}
	var pieces mem.BufferSlice
	for len(rest) > 0 {
		next := rest[:min(piece, len(rest))]
		rest = rest[len(next):]
		pieces = append(pieces, mem.NewBuffer(&next, message.read))
	}
	return pieces, nil
}

// progress is called for each piece of a large message that the transport has written. It is a mem.BufferPool in
// form only: what comes back to it is the hub's.
type progress func()

// Get is never called: nothing is taken from here.
func (progress) Get(int) *[]byte { panic("grpc: a buffer is asked of a pool that has none") }

// Put is called when the transport has done with a piece.
func (p progress) Put(*[]byte) { p() }
