package grpc

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	grpcgo "google.golang.org/grpc"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// describe is StreamService's description, with problems for messages that cannot be taken: grpc-go reads the
// message of a unary call before any interceptor.
func describe() *grpcgo.ServiceDesc {
	desc := leatv1.StreamService_ServiceDesc
	desc.Methods = slices.Clone(desc.Methods)
	for i, method := range desc.Methods {
		desc.Methods[i].Handler = func(srv any, ctx context.Context, decode func(any) error, interceptor grpcgo.UnaryServerInterceptor) (any, error) {
			return method.Handler(srv, ctx, func(body any) error {
				message := &incoming{body: body}
				if err := decode(message); err != nil || message.problem == nil {
					return err
				}
				return statusOf(message.problem)
			}, interceptor)
		}
	}
	return &desc
}

// A guardedStream gives problems for messages that cannot be taken.
type guardedStream struct{ grpcgo.ServerStream }

func (s guardedStream) RecvMsg(body any) error {
	message := &incoming{body: body}
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	return message.problem
}

func (s *Server) guardUnary(ctx context.Context, request any, info *grpcgo.UnaryServerInfo, handler grpcgo.UnaryHandler) (response any, err error) {
	defer s.caught(info.FullMethod, &err)
	return handler(ctx, request)
}

// guardStream ends other services' streams (health's Watch, reflection) when the server stops: their clients keep
// them for as long as they live, and nothing else would tell them.
func (s *Server) guardStream(srv any, stream grpcgo.ServerStream, info *grpcgo.StreamServerInfo, handler grpcgo.StreamHandler) (err error) {
	defer s.caught(info.FullMethod, &err)
	if strings.HasPrefix(info.FullMethod, "/"+leatv1.StreamService_ServiceDesc.ServiceName+"/") {
		return s.fail(stream.Context(), handler(srv, guardedStream{stream}))
	}
	select {
	case err := <-s.start(info.FullMethod, func() error { return handler(srv, stream) }):
		return err
	case <-s.stopping:
		return statusOf(draining())
	}
}

// start runs f on a goroutine that Stop waits for, because the handler that starts it may end first.
func (s *Server) start(method string, f func() error) <-chan error {
	done := make(chan error, 1)
	s.work.Go(func() {
		done <- func() (err error) {
			defer s.caught(method, &err)
			return f()
		}()
	})
	return done
}

// caught, deferred, makes an error of a panic: one call's bug ends that call, not the process.
func (s *Server) caught(method string, err *error) {
	if cause := recover(); cause != nil {
		s.logger.Error("gRPC call panicked", "method", method, "panic", cause, "stack", string(debug.Stack()))
		*err = statusOf(fmt.Errorf("panic: %v", cause))
	}
}
