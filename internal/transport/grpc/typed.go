package grpc

import (
	"sync/atomic"
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
// grpc-go takes no services once it serves, so their calls come as those of unknown ones do.
type typedService struct {
	*service
	current atomic.Pointer[typed.Service] // as the contract has it now
	stream  string
	format  *hub.Format
	methods map[string]func(grpcgo.ServerStream) error
}

// served is what the contract has the server offer; it never changes, and another one takes its place.
type served struct {
	contract *contract.Contract
	api      *typed.API
	typed    map[string]*typedService // by the service's full name
	limit    int                      // of an incoming message, in bytes
}

// Change offers what the contract says now, of which the streams that were there have the same key and their typed services
// the same numbers. Calls under way go on, and follow.
func (s *Server) Change(c *contract.Contract, api *typed.API) {
	now := &served{c, api, map[string]*typedService{}, messageLimit(c)}
	for _, declared := range c.Streams {
		of := api.Service(declared.Name)
		if of == nil {
			continue
		}
		name := string(of.Descriptor.FullName())
		t := s.served.Load().typed[name]
		if t == nil {
			t = newTypedService(s.generic, declared.Name, of)
		}
		t.current.Store(of)
		now.typed[name] = t
	}
	s.served.Store(now)
	for name := range now.typed {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
}

func newTypedService(generic *service, stream string, of *typed.Service) *typedService {
	t := &typedService{service: generic, stream: stream}
	t.current.Store(of)
	t.format = t.newFormat()
	t.methods = map[string]func(grpcgo.ServerStream) error{"Subscribe": t.subscribeTyped, "Publish": t.publishTyped, "Connect": t.connectTyped}
	return t
}

// of is the service as the contract has it now.
func (t *typedService) of() *typed.Service { return t.current.Load() }

func (t *typedService) subscribeTyped(stream grpcgo.ServerStream) error {
	var body raw
	if err := stream.RecvMsg(&body); err != nil {
		return err
	}
	request, err := t.of().DecodeSubscribe(body)
	if err != nil {
		return statusOf(err)
	}
	return t.subscribe(request, stream, t.format)
}

// newFormat encodes events as the stream's SubscribeResponse.
func (t *typedService) newFormat() *hub.Format {
	encode := appendTyped(func(dst []byte, e *event.Event) ([]byte, error) { return t.of().AppendEvent(dst, e) })
	return &hub.Format{Name: "grpc typed " + t.stream, Apart: true, Queued: true, Event: encode, Control: encode}
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
func (s *Server) reflect() {
	options := reflection.ServerOptions{Services: s, DescriptorResolver: descriptors{s}}
	grpc_reflection_v1.RegisterServerReflectionServer(s.grpc, reflection.NewServerV1(options))
	grpc_reflection_v1alpha.RegisterServerReflectionServer(s.grpc, reflection.NewServer(options))
}

// GetServiceInfo lists all services, also those of the contract.
func (s *Server) GetServiceInfo() map[string]grpcgo.ServiceInfo {
	services := s.grpc.GetServiceInfo()
	for name, t := range s.served.Load().typed {
		info := grpcgo.ServiceInfo{Metadata: t.of().Descriptor.ParentFile().Path()}
		for methods, i := t.of().Descriptor.Methods(), 0; i < methods.Len(); i++ {
			m := methods.Get(i)
			info.Methods = append(info.Methods, grpcgo.MethodInfo{Name: string(m.Name()), IsClientStream: m.IsStreamingClient(), IsServerStream: m.IsStreamingServer()})
		}
		services[name] = info
	}
	return services
}

// descriptors are those of the contract's services, and of all others.
type descriptors struct{ server *Server }

func (d descriptors) registries() []protodesc.Resolver {
	return []protodesc.Resolver{d.server.served.Load().api.Files(), protoregistry.GlobalFiles}
}

// FindFileByPath gives a file.
func (d descriptors) FindFileByPath(path string) (file protoreflect.FileDescriptor, err error) {
	for _, from := range d.registries() {
		if file, err = from.FindFileByPath(path); err == nil {
			return file, nil
		}
	}
	return nil, err
}

// FindDescriptorByName gives whatever has a name.
func (d descriptors) FindDescriptorByName(name protoreflect.FullName) (found protoreflect.Descriptor, err error) {
	for _, from := range d.registries() {
		if found, err = from.FindDescriptorByName(name); err == nil {
			return found, nil
		}
	}
	return nil, err
}
