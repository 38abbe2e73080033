package grpc_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// A browser is connect-go, which speaks as browsers do: in one of two protocols, with one of two codecs, over one of two
// versions of HTTP.
type browser struct {
	name    string
	url     string
	client  *http.Client
	options []connect.ClientOption
}

// front serves the node to browsers.
func front(t *testing.T, n *node) string {
	t.Helper()
	l := listen(t)
	server := &http.Server{Handler: n.server.Web(), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return "http://" + l.Addr().String()
}

// browsers are of all kinds.
func browsers(t *testing.T, url string) []*browser {
	t.Helper()
	var all []*browser
	for _, version := range []string{"HTTP/1.1", "h2c"} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(version == "HTTP/1.1")
		transport.Protocols.SetUnencryptedHTTP2(version == "h2c")
		t.Cleanup(transport.CloseIdleConnections)
		for _, protocol := range []string{"Connect", "gRPC-Web"} {
			for _, codec := range []string{"JSON", "proto"} {
				b := &browser{name: protocol + " " + codec + " " + version, url: url, client: &http.Client{Transport: transport}}
				if protocol == "gRPC-Web" {
					b.options = append(b.options, connect.WithGRPCWeb())
				}
				if codec == "JSON" {
					b.options = append(b.options, connect.WithProtoJSON())
				}
				all = append(all, b)
			}
		}
	}
	return all
}

// eachBrowser runs a test with all of them, on one node.
func eachBrowser(t *testing.T, test func(t *testing.T, n *node, b *browser)) {
	n := start(t)
	url := front(t, n)
	for _, b := range browsers(t, url) {
		t.Run(b.name, func(t *testing.T) { test(t, n, b) })
	}
}

func generic[Q, A any](b *browser, method string) *connect.Client[Q, A] {
	return connect.NewClient[Q, A](b.client, b.url+"/leat.v1.StreamService/"+method, b.options...)
}

// typedCall is a client that knows the method by its descriptor alone.
func (b *browser) typedCall(t *testing.T, method protoreflect.Name) *connect.Client[dynamicpb.Message, dynamicpb.Message] {
	t.Helper()
	m := typedService(t, "orders").Methods().ByName(method)
	return connect.NewClient[dynamicpb.Message, dynamicpb.Message](b.client, b.url+"/orders.v1.OrdersService/"+string(method), append(b.options,
		connect.WithSchema(m), connect.WithResponseInitializer(func(_ connect.Spec, message any) error {
			*message.(*dynamicpb.Message) = *dynamicpb.NewMessage(m.Output())
			return nil
		}))...)
}

// typedMessage is a message of a method, from JSON.
func typedMessage(t *testing.T, message protoreflect.MessageDescriptor, text string) *dynamicpb.Message {
	t.Helper()
	m := dynamicpb.NewMessage(message)
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// subscribe waits for the answer's headers, which are there before any event.
func (b *browser) subscribe(t *testing.T, ctx context.Context, request *leatv1.SubscribeRequest) *connect.ServerStreamForClient[leatv1.SubscribeResponse] {
	t.Helper()
	ctx, leave := context.WithCancel(ctx)
	t.Cleanup(leave) // Close of connect-go would wait for the end
	stream, err := generic[leatv1.SubscribeRequest, leatv1.SubscribeResponse](b, "Subscribe").CallServerStream(ctx, connect.NewRequest(request))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func (b *browser) publish(t *testing.T, request *leatv1.PublishRequest) string {
	t.Helper()
	answer, err := generic[leatv1.PublishRequest, leatv1.PublishResponse](b, "Publish").CallUnary(within(t), connect.NewRequest(request))
	if err != nil {
		t.Fatal(err)
	}
	return answer.Msg.Id
}

// hear waits for the next message.
func hear[A any](t *testing.T, stream *connect.ServerStreamForClient[A]) *A {
	t.Helper()
	if !stream.Receive() {
		t.Fatalf("the stream has ended: %v", stream.Err())
	}
	return stream.Msg()
}

// wantCode wants an error with a code and a detail of a type, which it gives.
func wantCode[M proto.Message](t *testing.T, err error, code connect.Code) (found M) {
	t.Helper()
	told, ok := errors.AsType[*connect.Error](err)
	if !ok || told.Code() != code {
		t.Fatalf("got %v, want %v", err, code)
	}
	for _, d := range told.Details() {
		value, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		if found, ok = value.(M); ok {
			return found
		}
	}
	t.Fatalf("%v has no detail %T", err, found)
	return found
}
