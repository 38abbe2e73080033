package grpc_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

func TestAClientThatKnowsNothingWorksFromReflection(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		service := reflected(t, leat)
		publish := service.Methods().ByName("Publish")
		request, response := dynamicpb.NewMessage(publish.Input()), dynamicpb.NewMessage(publish.Output())
		text := `{"event":{"stream":"orders","type":"order.shipped","data":"eyJvcmRlcklkIjoib3JfMSJ9"}}`
		if err := protojson.Unmarshal([]byte(text), request); err != nil {
			t.Fatal(err)
		}
		if err := leat.conn.Invoke(within(t), "/"+string(service.FullName())+"/"+string(publish.Name()), request, response); err != nil {
			t.Fatal(err)
		}
		if id := response.Get(publish.Output().Fields().ByName("id")).String(); id == "" {
			t.Errorf("published as %v, want an id", response)
		}
	})
}

// reflected builds StreamService's description from what reflection tells, and nothing else.
func reflected(t *testing.T, leat *client) protoreflect.ServiceDescriptor {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(leat.conn).ServerReflectionInfo(within(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request *grpc_reflection_v1.ServerReflectionRequest) *grpc_reflection_v1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	var names []string
	for _, s := range ask(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}).GetListServicesResponse().Service {
		names = append(names, s.Name)
	}
	for _, want := range []string{"leat.v1.StreamService", "grpc.health.v1.Health"} {
		if !slices.Contains(names, want) {
			t.Errorf("services %v, want %s among them", names, want)
		}
	}
	set, seen := new(descriptorpb.FileDescriptorSet), make(map[string]bool)
	answer := ask(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "leat.v1.StreamService"},
	})
	for _, text := range answer.GetFileDescriptorResponse().FileDescriptorProto {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(text, file); err != nil {
			t.Fatal(err)
		}
		if !seen[file.GetName()] {
			seen[file.GetName()] = true
			set.File = append(set.File, file)
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatalf("reflection does not tell all that the service needs: %v", err)
	}
	found, err := files.FindDescriptorByName("leat.v1.StreamService")
	if err != nil {
		t.Fatal(err)
	}
	return found.(protoreflect.ServiceDescriptor)
}

func TestOldClientsFindReflectionToo(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		stream, err := grpc_reflection_v1alpha.NewServerReflectionClient(leat.conn).ServerReflectionInfo(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&grpc_reflection_v1alpha.ServerReflectionRequest{ //nolint:staticcheck // old clients speak it
			MessageRequest: &grpc_reflection_v1alpha.ServerReflectionRequest_ListServices{},
		}); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil || len(answer.GetListServicesResponse().Service) < 3 { //nolint:staticcheck // see above
			t.Errorf("got %v, %v; want the services", answer, err)
		}
	})
}
