package grpc

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/reflect/protoreflect"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/problem"
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

// A takingStream tells its request's body what the handler has taken.
type takingStream struct {
	grpcgo.ServerStream
	body *intake
}

func (s takingStream) RecvMsg(body any) error {
	err := s.ServerStream.RecvMsg(body)
	if err == nil {
		s.body.take()
	}
	return err
}

func (s *Server) guardUnary(ctx context.Context, request any, info *grpcgo.UnaryServerInfo, handler grpcgo.UnaryHandler) (response any, err error) {
	defer s.caught(info.FullMethod, &err)
	if err := uncompressed(ctx); err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

// guardStream ends other services' streams (health's Watch, reflection) when the server stops: their clients keep
// them for as long as they live, and nothing else would tell them.
func (s *Server) guardStream(srv any, stream grpcgo.ServerStream, info *grpcgo.StreamServerInfo, handler grpcgo.StreamHandler) (err error) {
	defer s.caught(info.FullMethod, &err)
	if err := uncompressed(stream.Context()); err != nil {
		return err
	}
	if body, ok := stream.Context().Value(intakeKey{}).(*intake); ok {
		stream = takingStream{stream, body}
	}
	if _, ours := srv.(*service); ours || s.isTyped(info.FullMethod) {
		return s.fail(stream.Context(), handler(srv, guardedStream{stream}))
	}
	select {
	case err := <-s.start(info.FullMethod, func() error { return handler(srv, stream) }):
		return err
	case <-s.stopping:
		return statusOf(draining())
	}
}

// uncompressed keeps grpc-go from answering with the compression of the request: it would pack an event anew for each
// subscriber.
func uncompressed(ctx context.Context) error {
	return grpcgo.SetSendCompressor(ctx, encoding.Identity)
}

// unknown answers for the contract's own services, and for services and methods that do not exist.
func (s *Server) unknown(_ any, stream grpcgo.ServerStream) error {
	name, _ := grpcgo.MethodFromServerStream(stream)
	service, method, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if handle := s.typedMethod(service, method); handle != nil {
		return handle(stream)
	}
	services := s.GetServiceInfo()
	info, ok := services[service]
	if !ok {
		known := slices.Sorted(maps.Keys(services))
		return statusOf(problem.New(problem.MethodNotAllowed, "no service %.100q%s (services: %s)",
			service, problem.DidYouMean(service, known), strings.Join(known, ", ")))
	}
	var known []string
	for _, m := range info.Methods {
		known = append(known, m.Name)
	}
	slices.Sort(known)
	return statusOf(problem.New(problem.MethodNotAllowed, "service %s has no method %.100q%s (methods: %s)",
		service, method, problem.DidYouMean(method, known), strings.Join(known, ", ")))
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

// typedMethod gives what handles a method of the contract's own services, nil where there is none.
func (s *Server) typedMethod(service, method string) func(grpcgo.ServerStream) error {
	// Not every contract has a service with every method.
	if t := s.served.Load().typed[service]; t != nil && t.of().Descriptor.Methods().ByName(protoreflect.Name(method)) != nil {
		return t.methods[method]
	}
	return nil
}

func (s *Server) isTyped(fullMethod string) bool {
	service, method, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	return s.typedMethod(service, method) != nil
}
