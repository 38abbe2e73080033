package grpc

import (
	"time"

	grpcgo "google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/typed"
)

// A typedService is the typed service of one stream. Its messages are read and written by typed, and pass the codec raw.
type typedService struct {
	*service
	of     *typed.Service
	stream string
	format *hub.Format
}

// addTyped registers the typed services of all streams that have one.
func (s *Server) addTyped(generic *service, api *typed.API) {
	for _, declared := range generic.contract.Streams {
		of := api.Service(declared.Name)
		if of == nil {
			continue
		}
		t := &typedService{service: generic, of: of, stream: declared.Name, format: typedFormat(declared, of)}
		name := string(of.Descriptor.FullName())
		s.grpc.RegisterService(&grpcgo.ServiceDesc{
			ServiceName: name,
			HandlerType: (*any)(nil),
			Streams:     t.methods(),
			Metadata:    of.Descriptor.ParentFile().Path(),
		}, t)
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
}

func (t *typedService) methods() []grpcgo.StreamDesc {
	handler := func(method func(grpcgo.ServerStream) error) grpcgo.StreamHandler {
		return func(_ any, stream grpcgo.ServerStream) error { return method(stream) }
	}
	methods := []grpcgo.StreamDesc{
		{StreamName: "Subscribe", Handler: handler(t.subscribeTyped), ServerStreams: true},
		{StreamName: "Publish", Handler: handler(t.publishTyped), ClientStreams: true},
	}
	if t.of.Descriptor.Methods().ByName("Connect") != nil {
		methods = append(methods, grpcgo.StreamDesc{StreamName: "Connect", Handler: handler(t.connectTyped), ServerStreams: true, ClientStreams: true})
	}
	return methods
}

func (t *typedService) subscribeTyped(stream grpcgo.ServerStream) error {
	var body raw
	if err := stream.RecvMsg(&body); err != nil {
		return err
	}
	request, err := t.of.DecodeSubscribe(body)
	if err != nil {
		return statusOf(err)
	}
	return t.subscribe(request, stream, t.format)
}

// typedFormat encodes events as the stream's SubscribeResponse.
func typedFormat(stream *contract.Stream, of *typed.Service) *hub.Format {
	encode := appendTyped(of.AppendEvent)
	return &hub.Format{Name: "grpc typed " + stream.Name, Apart: true, Queued: true, Event: encode, Control: encode}
}

// appendTyped makes a format's function of what appends an event to a frame.
func appendTyped(appendEvent func(dst []byte, e *event.Event) ([]byte, error)) func(dst []byte, e *event.Event) []byte {
	return func(dst []byte, e *event.Event) []byte {
		told := *e
		told.Time = e.Time.Truncate(time.Millisecond) // what every other wire shows
		dst, err := appendEvent(dst, &told)
		if err != nil {
			panic(err) // a control event of ours that typed does not know
		}
		return dst
	}
}

// reflect tells clients of all services, with their descriptors.
func (s *Server) reflect(api *typed.API) {
	options := reflection.ServerOptions{Services: s.grpc, DescriptorResolver: descriptors{api.Files(), protoregistry.GlobalFiles}}
	grpc_reflection_v1.RegisterServerReflectionServer(s.grpc, reflection.NewServerV1(options))
	grpc_reflection_v1alpha.RegisterServerReflectionServer(s.grpc, reflection.NewServer(options))
}

// descriptors are those of several registries; the first that has one gives it.
type descriptors []protodesc.Resolver

// FindFileByPath gives a file.
func (d descriptors) FindFileByPath(path string) (file protoreflect.FileDescriptor, err error) {
	for _, from := range d {
		if file, err = from.FindFileByPath(path); err == nil {
			return file, nil
		}
	}
	return nil, err
}

// FindDescriptorByName gives whatever has a name.
func (d descriptors) FindDescriptorByName(name protoreflect.FullName) (found protoreflect.Descriptor, err error) {
	for _, from := range d {
		if found, err = from.FindDescriptorByName(name); err == nil {
			return found, nil
		}
	}
	return nil, err
}
