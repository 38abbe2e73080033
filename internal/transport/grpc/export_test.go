package grpc

import (
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/leatstream/leat/internal/hub"
)

// NewSender gives what the hub writes a stream's events to.
func NewSender(stream grpcgo.ServerStream) hub.TryWriter { return newSender(stream) }

// Marshal encodes a message as the server's codec does.
func Marshal(message any) (mem.BufferSlice, error) { return newCodec(nil).Marshal(message) }
