package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// typedWire speaks the typed service of a stream, of which it knows nothing else than what reflection tells or, on the
// public listener, the .proto that is served there.
func typedWire(name string, public bool) Wire {
	address := func(s *Server) string {
		if public {
			return strings.TrimPrefix(s.URL, "http://")
		}
		return s.GRPC
	}
	return Wire{name, func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		service, err := reflectedOnce(ctx, s, address(s), sub.Stream)
		if err != nil {
			return nil, err
		}
		return subscribeTyped(ctx, address(s), service, sub, dial)
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		service, err := reflectedOnce(ctx, s, address(s), stream)
		if err != nil {
			return "", err
		}
		return publishTyped(ctx, address(s), service, Event{Stream: stream, Key: key, Type: eventType, Data: data})
	}}
}

// A knownService tells the typed services of a server apart.
type knownService struct {
	address, stream string
}

func reflectedOnce(ctx context.Context, s *Server, address, stream string) (protoreflect.ServiceDescriptor, error) {
	if service, ok := s.services.Load(knownService{address, stream}); ok {
		return service.(protoreflect.ServiceDescriptor), nil
	}
	describe := reflected
	if address != s.GRPC {
		describe = declared
	}
	service, err := describe(ctx, address, stream)
	if err == nil {
		s.services.Store(knownService{address, stream}, service)
	}
	return service, err
}

// reflected gives the typed service of a stream as reflection describes it.
func reflected(ctx context.Context, address, stream string) (protoreflect.ServiceDescriptor, error) {
	conn, err := dialGRPC(address, Plain)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	asked, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	name := typedName(stream)
	if err := asked.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	}); err != nil {
		return nil, err
	}
	answer, err := asked.Recv()
	if err != nil {
		return nil, err
	}
	set := new(descriptorpb.FileDescriptorSet)
	for _, text := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(text, file); err != nil {
			return nil, err
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("%w (reflection says %v)", err, answer.GetErrorResponse())
	}
	return found.(protoreflect.ServiceDescriptor), nil
}

// declared gives the typed service of a stream as its .proto has it.
func declared(ctx context.Context, address, stream string) (protoreflect.ServiceDescriptor, error) {
	file := "/protos/" + stream + "/v1/" + stream + ".proto"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+file, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s %s (%w)", file, response.Status, text, err)
	}
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{file: string(text)})})}
	compiled, err := compiler.Compile(ctx, file)
	if err != nil {
		return nil, err
	}
	service := compiled[0].Services().ByName(protoreflect.FullName(typedName(stream)).Name())
	if service == nil || string(service.FullName()) != typedName(stream) {
		return nil, fmt.Errorf("%s has no service %s", file, typedName(stream))
	}
	return service, nil
}

// typedName is that of a stream's typed service.
func typedName(stream string) string {
	words := strings.Split(stream, "-")
	var name strings.Builder
	for _, word := range words {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return strings.Join(words, "_") + ".v1." + name.String() + "Service"
}

func subscribeTyped(ctx context.Context, address string, service protoreflect.ServiceDescriptor, sub Subscription, dial Dial) (Reader, error) {
	method := service.Methods().ByName("Subscribe")
	generic := sub.request()
	generic.Stream = "" // the service is of the stream
	wire, err := proto.Marshal(generic)
	if err != nil {
		return nil, err
	}
	request := dynamicpb.NewMessage(method.Input())
	if err := proto.Unmarshal(wire, request); err != nil {
		return nil, err
	}
	if unknown := request.GetUnknown(); len(unknown) > 0 {
		return nil, fmt.Errorf("SubscribeRequest has not all the fields of leat.v1's: %x", []byte(unknown))
	}
	conn, err := dialGRPC(address, dial)
	if err != nil {
		return nil, err
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, fullMethod(method))
	if err == nil {
		err = errors.Join(stream.SendMsg(request), stream.CloseSend())
	}
	r := &typedReader{stream: stream, conn: conn, of: method.Output(), name: sub.Stream, lastID: sub.resumeID(), heartbeats: sub.Heartbeats}
	var header metadata.MD
	if err == nil {
		header, err = stream.Header() // sent as soon as the subscription stands
	}
	if err == nil && header == nil { // the call has failed
		err = stream.RecvMsg(dynamicpb.NewMessage(r.of))
	}
	if err != nil {
		conn.Close()
		return nil, grpcProblem(err)
	}
	return r, nil
}

func fullMethod(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

type typedReader struct {
	stream     grpc.ClientStream
	conn       *grpc.ClientConn
	of         protoreflect.MessageDescriptor
	name       string
	lastID     string
	heartbeats bool
}

func (r *typedReader) Next(context.Context) (Event, error) {
	for {
		m := dynamicpb.NewMessage(r.of)
		if err := r.stream.RecvMsg(m); err != nil {
			return Event{}, grpcProblem(err)
		}
		e, err := typedEvent(m)
		if err != nil {
			return Event{}, err
		}
		e.Stream = r.name
		if e.ID != "" {
			r.lastID = e.ID
		}
		if e.Type != "leat.heartbeat" || r.heartbeats {
			return e, nil
		}
	}
}

func (*typedReader) Start() string    { return "" }
func (*typedReader) ShowsStart() bool { return false }
func (r *typedReader) LastID() string { return r.lastID }
func (r *typedReader) Close()         { r.conn.Close() }

// typedEvent reads a SubscribeResponse.
func typedEvent(m protoreflect.Message) (Event, error) {
	fields := m.Descriptor().Fields()
	at := m.Get(fields.ByName("time")).Message()
	e := Event{ID: m.Get(fields.ByName("id")).String(), Key: m.Get(fields.ByName("key")).String()}
	seconds, nanos := at.Descriptor().Fields().ByName("seconds"), at.Descriptor().Fields().ByName("nanos")
	e.Time = time.Unix(at.Get(seconds).Int(), at.Get(nanos).Int()).UTC().Format("2006-01-02T15:04:05.000Z")
	chosen := m.WhichOneof(m.Descriptor().Oneofs().ByName("event"))
	if chosen == nil {
		return e, fmt.Errorf("a message with no event: %v", m)
	}
	e.Type = typeName(chosen)
	data, err := dataOf(m.Get(chosen).Message(), strings.HasPrefix(e.Type, "leat."))
	e.Data = string(data)
	return e, err
}

// publishTyped publishes one event as an upload.
func publishTyped(ctx context.Context, address string, service protoreflect.ServiceDescriptor, e Event) (string, error) {
	method := service.Methods().ByName("Publish")
	request := dynamicpb.NewMessage(method.Input())
	fields := method.Input().Fields()
	if e.Key != "" {
		request.Set(fields.ByName("key"), protoreflect.ValueOfString(e.Key))
	}
	for i := range fields.Len() {
		if f := fields.Get(i); f.ContainingOneof() != nil && typeName(f) == e.Type {
			if err := setData(request.Mutable(f).Message(), []byte(e.Data)); err != nil {
				return "", err
			}
		}
	}
	conn, err := dialGRPC(address, Plain)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, fullMethod(method))
	if err != nil {
		return "", err
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil {
		return "", err
	}
	answer := dynamicpb.NewMessage(method.Output())
	if err := stream.RecvMsg(answer); err != nil {
		return "", grpcProblem(err)
	}
	fields = method.Output().Fields()
	if refused := answer.Get(fields.ByName("errors")).List(); refused.Len() > 0 {
		one := refused.Get(0).Message()
		p, err := parseProblem(one.Get(one.Descriptor().Fields().ByName("problem")).Bytes())
		if err != nil {
			return "", err
		}
		return "", p
	}
	return answer.Get(fields.ByName("last_id")).String(), nil
}

// typeName is the event type of a field of the oneof, by the convention that the tests' types keep to.
func typeName(f protoreflect.FieldDescriptor) string {
	return strings.ReplaceAll(string(f.Name()), "_", ".")
}

// dataOf gives the JSON of an event, with the members in the order of their numbers; of a control event all of them.
func dataOf(m protoreflect.Message, control bool) (json.RawMessage, error) {
	var members []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) && (f.HasPresence() || f.IsList() || f.IsMap()) || control && !m.Has(f) {
			continue
		}
		text, err := valueOf(f, m.Get(f))
		if err != nil {
			return nil, err
		}
		if f.Name() == "value" && fields.Len() == 1 { // of data that is no object
			return text, nil
		}
		if f.Name() == "additional_properties" {
			if inner := strings.Trim(string(text), "{}"); inner != "" {
				members = append(members, inner)
			}
			continue
		}
		members = append(members, quote(f.JSONName())+":"+string(text))
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}"), nil
}

func valueOf(f protoreflect.FieldDescriptor, v protoreflect.Value) (json.RawMessage, error) {
	if f.Kind() == protoreflect.MessageKind {
		if kind := f.Message().Oneofs().ByName("kind"); kind != nil && f.Message().ParentFile() == f.ParentFile() {
			chosen := v.Message().WhichOneof(kind)
			return valueOf(chosen, v.Message().Get(chosen))
		}
		text, err := protojson.Marshal(v.Message().Interface())
		if err != nil {
			return nil, err
		}
		var compact bytes.Buffer // protojson puts spaces in at random
		err = json.Compact(&compact, text)
		return compact.Bytes(), err
	}
	return json.Marshal(v.Interface())
}

// setData sets an event's fields from its JSON.
func setData(m protoreflect.Message, data []byte) error {
	fields := m.Descriptor().Fields()
	if value := fields.ByName("value"); value != nil && fields.Len() == 1 {
		data = []byte(`{"value":` + string(data) + `}`)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	more := map[string]json.RawMessage{}
	for name, value := range members {
		if fields.ByJSONName(name) == nil {
			more[name] = value
			delete(members, name)
		}
	}
	if len(more) > 0 {
		text, err := json.Marshal(more)
		if err != nil {
			return err
		}
		members["additionalProperties"] = text
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, m.Interface())
}
