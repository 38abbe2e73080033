package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// subscribeTyped subscribes through the stream's typed service, of which it knows what reflection tells.
func (f *follower) subscribeTyped(ctx context.Context, c *grpcConnection) error {
	streams, err := leatv1.NewStreamServiceClient(c.conn).ListStreams(ctx, &leatv1.ListStreamsRequest{})
	if err != nil {
		return err
	}
	stream := f.listed(streams)
	if stream == nil {
		return f.subscribeGRPC(ctx, c) // is refused, with names that are near
	}
	service, err := f.reflected(ctx, c.conn)
	if errors.As(err, new(*Error)) {
		return f.refused(ctx, c, err)
	}
	if err != nil {
		return err
	}
	if f.live() {
		if err := f.beginAt(stream); err != nil {
			return err
		}
	}
	subscribe := service.Methods().ByName("Subscribe")
	if subscribe == nil {
		return protocolErrorf("%s has no Subscribe", service.FullName())
	}
	c.events, err = c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+string(service.FullName())+"/Subscribe")
	if err != nil {
		return err
	}
	request := f.grpcRequest()
	request.Stream = "" // the service is of it; its other fields have the same numbers
	if err := errors.Join(c.events.SendMsg(request), c.events.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	names := typeNames(stream.GetEventTypes())
	c.read = func() (message, error) {
		m := dynamicpb.NewMessage(subscribe.Output())
		if err := c.events.RecvMsg(m); err != nil {
			return message{}, err
		}
		raw, err := untyped(m, names)
		if err != nil {
			return message{}, err
		}
		raw.Stream = f.subscription.Stream
		return received(raw)
	}
	return nil
}

// refused asks for what a stream without a typed service does not offer either: the server says why, or else there is err.
func (f *follower) refused(ctx context.Context, c *grpcConnection, err error) error {
	if err := f.subscribeGRPC(ctx, c); err != nil {
		return err
	}
	read := c.read
	c.read = func() (message, error) {
		if _, why := read(); why != nil {
			return message{}, why
		}
		return message{}, err
	}
	return nil
}

// maxDescriptors bounds what reflection tells of a service: a contract can have hundreds of event types.
const maxDescriptors = 64 << 20

// reflected gives the stream's typed service.
func (f *follower) reflected(ctx context.Context, conn *grpc.ClientConn) (protoreflect.ServiceDescriptor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the call
	call, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx, grpc.MaxCallRecvMsgSize(maxDescriptors))
	if err != nil {
		return nil, err
	}
	name := serviceName(f.subscription.Stream)
	err = call.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	answer, err := call.Recv()
	if err != nil {
		return nil, err
	}
	if answer.GetErrorResponse() != nil {
		return nil, &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("the server has no typed service %s of stream %q", name, f.subscription.Stream)}
	}
	set := new(descriptorpb.FileDescriptorSet)
	for _, text := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(text, file); err != nil {
			return nil, protocolErrorf("reflection of %s: %w", name, err)
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, protocolErrorf("reflection of %s: %w", name, err)
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(name))
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, protocolErrorf("reflection tells of no service %s (%w)", name, err)
	}
	return service, nil
}

// serviceName is what the typed service of a stream is called: price_feed.v1.PriceFeedService of price-feed.
func serviceName(stream string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(stream, "-") {
		if word != "" {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return strings.ReplaceAll(stream, "-", "_") + ".v1." + name.String() + "Service"
}

// typeNames gives event types by what is left of their names in protobuf, where order.shipped is the field order_shipped.
func typeNames(types []string) map[string]string {
	names := make(map[string]string)
	for _, name := range types {
		names[plain(name)] = name
		if taken := plain(name) + "event"; names[taken] == "" {
			names[taken] = name // of a type whose own name the service needs
		}
	}
	return names
}

// plain leaves letters, in lower case, and digits.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, strings.ToLower(name))
}

// untyped makes a SubscribeResponse of a typed service the event that it stands for, but for the stream.
func untyped(m protoreflect.Message, names map[string]string) (*leatv1.Event, error) {
	fields, of := m.Descriptor().Fields(), m.Descriptor().Oneofs().ByName("event")
	id, at, key, exact := fields.ByName("id"), fields.ByName("time"), fields.ByName("key"), fields.ByName("exact_values")
	if of == nil || id == nil || at == nil || key == nil || exact == nil {
		return nil, protocolErrorf("%s is not as a typed service of leat has it", m.Descriptor().FullName())
	}
	chosen := m.WhichOneof(of)
	if chosen == nil {
		return nil, protocolErrorf("%s has an event that reflection does not tell of", m.Descriptor().FullName())
	}
	e := &leatv1.Event{Id: m.Get(id).String()}
	e.Time = &timestamppb.Timestamp{}
	e.Time.Seconds, e.Time.Nanos = moment(m.Get(at).Message())
	if m.Has(key) {
		e.Key = new(m.Get(key).String())
	}
	data := m.Get(chosen).Message()
	w := &typedWriter{exact: map[string]string{}}
	m.Get(exact).Map().Range(func(pointer protoreflect.MapKey, text protoreflect.Value) bool {
		w.exact[pointer.String()] = text.String()
		return true
	})
	name := string(chosen.Name())
	control, isControl := strings.CutPrefix(name, "leat_")
	switch {
	case name == "leat_untyped": // it fits no message, and brings its type and data as they are
		inner := data.Descriptor().Fields()
		e.Type, e.Data = data.Get(inner.ByName("type")).String(), data.Get(inner.ByName("data")).Bytes()
		return e, nil
	case isControl:
		e.Type, w.sparse = "leat."+control, true
	case names[plain(name)] != "":
		e.Type = names[plain(name)]
	default:
		e.Type = strings.ReplaceAll(name, "_", ".")
	}
	w.message("", data)
	e.Data = w.out
	return e, nil
}
