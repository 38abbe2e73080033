package wiretest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// PublishBack reads the first n events of a stream typed, and publishes what it got in one upload. Those that came as
// leat_untyped are not published again, and given with the reason.
func PublishBack(ctx context.Context, s *Server, stream string, n int) (untyped []string, err error) {
	service, err := reflectedOnce(ctx, s, s.GRPC, stream)
	if err != nil {
		return nil, err
	}
	reader, err := subscribeTyped(ctx, s.GRPC, service, Subscription{Stream: stream, After: "earliest"}, Plain)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	from, ok := reader.(*typedReader)
	if !ok {
		return nil, fmt.Errorf("%T reads it", reader)
	}
	method := service.Methods().ByName("Publish")
	upload, err := from.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, fullMethod(method))
	if err != nil {
		return nil, err
	}
	sent := 0
	for range n {
		got := dynamicpb.NewMessage(from.of)
		if err := from.stream.RecvMsg(got); err != nil {
			return untyped, grpcProblem(err)
		}
		request, err := sameEvent(got, method.Input())
		if err != nil {
			untyped = append(untyped, err.Error())
			continue
		}
		if err := upload.SendMsg(request); err != nil {
			return untyped, err
		}
		sent++
	}
	answer := dynamicpb.NewMessage(method.Output())
	if err := errors.Join(upload.CloseSend(), upload.RecvMsg(answer)); err != nil {
		return untyped, grpcProblem(err)
	}
	if stored := answer.Get(method.Output().Fields().ByName("stored")).Uint(); stored != uint64(sent) {
		return untyped, fmt.Errorf("%d of %d were stored: %.2000v", stored, sent, answer)
	}
	return untyped, nil
}

// sameEvent makes a PublishRequest of a SubscribeResponse: the event types have the same numbers.
func sameEvent(got *dynamicpb.Message, as protoreflect.MessageDescriptor) (*dynamicpb.Message, error) {
	request := dynamicpb.NewMessage(as)
	chosen := got.WhichOneof(got.Descriptor().Oneofs().ByName("event"))
	if chosen == nil || strings.HasPrefix(string(chosen.Name()), "leat_") {
		return nil, fmt.Errorf("%.1000v", got)
	}
	from, to := got.Descriptor().Fields(), as.Fields()
	for _, name := range []protoreflect.Name{"key", chosen.Name()} {
		if f := from.ByName(name); got.Has(f) {
			request.Set(to.ByName(name), got.Get(f))
		}
	}
	exact := request.Mutable(to.ByName("exact_values")).Map()
	got.Get(from.ByName("exact_values")).Map().Range(func(pointer protoreflect.MapKey, text protoreflect.Value) bool {
		exact.Set(pointer, text)
		return true
	})
	return request, nil
}

// A TypedClient has the descriptors of a stream's service as they were when it was generated.
type TypedClient struct {
	service protoreflect.ServiceDescriptor
}

// Generate makes a client of what a server's reflection tells.
func Generate(ctx context.Context, s *Server, stream string) (*TypedClient, error) {
	service, err := reflected(ctx, s.GRPC, stream)
	return &TypedClient{service}, err
}

// Subscribe subscribes on a server, which may have another contract.
func (c *TypedClient) Subscribe(ctx context.Context, s *Server, sub Subscription) (Reader, error) {
	return subscribeTyped(ctx, s.GRPC, c.service, sub, Plain)
}

// Publish publishes on a server, which may have another contract.
func (c *TypedClient) Publish(ctx context.Context, s *Server, e Event) (string, error) {
	return publishTyped(ctx, s.GRPC, c.service, e)
}
