package grpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
)

// typedService is that of a stream of the tests' contract.
func typedService(t testing.TB, stream string) protoreflect.ServiceDescriptor {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return api.Service(stream).Descriptor
}

// A typedCall is a call of a typed service, whose messages a test writes and reads as JSON.
type typedCall struct {
	grpcgo.ClientStream
	method protoreflect.MethodDescriptor
}

func (c *client) call(ctx context.Context, t testing.TB, stream, method string) *typedCall {
	t.Helper()
	call, err := c.open(ctx, t, stream, method)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func (c *client) open(ctx context.Context, t testing.TB, stream, method string) (*typedCall, error) {
	t.Helper()
	m := typedService(t, stream).Methods().ByName(protoreflect.Name(method))
	call, err := c.conn.NewStream(ctx, &grpcgo.StreamDesc{ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient()},
		"/"+string(m.Parent().FullName())+"/"+method)
	return &typedCall{call, m}, err
}

// say sends a message.
func (c *typedCall) say(t testing.TB, text string) {
	t.Helper()
	if err := c.tell(t, text); err != nil {
		t.Fatal(err)
	}
}

func (c *typedCall) tell(t testing.TB, text string) error {
	t.Helper()
	m := dynamicpb.NewMessage(c.method.Input())
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	err := c.SendMsg(m)
	if err == nil && !c.method.IsStreamingClient() {
		err = c.CloseSend()
	}
	return err
}

// hear gives the next message.
func (c *typedCall) hear(t testing.TB) string {
	t.Helper()
	m := c.out()
	if err := c.RecvMsg(m); err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer // protojson puts spaces in at random
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	return compact.String()
}

// out is a message to receive into.
func (c *typedCall) out() *dynamicpb.Message { return dynamicpb.NewMessage(c.method.Output()) }

// end gives the error that the call ends with.
func (c *typedCall) end(t testing.TB) error {
	t.Helper()
	m := c.out()
	err := c.RecvMsg(m)
	if err == nil {
		t.Fatalf("got %v, want the end", m)
	}
	return err
}

func TestATypedUploadStoresTheGoodEventsAndNamesTheFieldsOfTheBad(t *testing.T) {
	const count, bad = 20_000, 150
	each(t, func(t *testing.T, leat *client) {
		upload := leat.call(within(t), t, "orders", "Publish")
		good := dynamicpb.NewMessage(upload.method.Input())
		if err := protojson.Unmarshal([]byte(`{"orderShipped": {"orderId": "or_1"}}`), good); err != nil {
			t.Fatal(err)
		}
		kinds := []struct{ text, field string }{
			{`{}`, "event"},
			{`{"key": "other", "orderShipped": {"orderId": "or_1"}}`, "key"},
			{`{"orderCancelled": {"orderId": "` + strings.Repeat("x", 101) + `"}}`, "order_cancelled.order_id"},
			{`{"ifMatch": "earliest", "orderShipped": {"orderId": "or_1"}}`, "if_match"},
			{`{"idempotencyKey": "k", "orderShipped": {"orderId": "or_1"}}`, "idempotency_key"},
			{`{"orderShipped": {"orderId": "` + strings.Repeat("x", 300<<10) + `"}}`, ""}, // larger than any event
		}
		var want []string
		for i := range count {
			if i%(count/bad) != 7 || len(want) == bad {
				if err := upload.SendMsg(good); err != nil {
					t.Fatal(err)
				}
				continue
			}
			kind := kinds[min(len(want), 100)%len(kinds)]
			want = append(want, fmt.Sprint(i, " ", kind.field))
			upload.say(t, kind.text)
		}
		if err := upload.CloseSend(); err != nil {
			t.Fatal(err)
		}
		response := upload.out()
		if err := upload.RecvMsg(response); err != nil {
			t.Fatal(err)
		}
		field := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
			return m.Get(m.Descriptor().Fields().ByName(name))
		}
		if stored, refused := field(response, "stored").Uint(), field(response, "refused").Uint(); stored != count-bad || refused != bad {
			t.Errorf("%d stored, %d refused, want %d and %d", stored, refused, count-bad, bad)
		}
		told := field(response, "errors").List()
		var got []string
		for i := range told.Len() {
			violations := field(told.Get(i).Message(), "violations").List()
			of := field(violations.Get(0).Message(), "field").String()
			if what := field(violations.Get(0).Message(), "description").String(); what == "" {
				t.Errorf("the refusal of %d does not say why", field(told.Get(i).Message(), "index").Uint())
			}
			got = append(got, fmt.Sprint(field(told.Get(i).Message(), "index").Uint(), " ", of))
		}
		if want := want[:100]; !slices.Equal(got, want) {
			t.Errorf("refused %q, want %q", got, want)
		}
	})
}

func TestATypedSubscriberGetsWhatAnyoneElseIsToldOfWithATimeInMilliseconds(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		precise := shipped("or_1")
		precise.Event.Time = &timestamppb.Timestamp{Seconds: 1, Nanos: 2_000_003}
		if _, err := leat.Publish(within(t), precise); err != nil {
			t.Fatal(err)
		}
		events := leat.call(within(t), t, "orders", "Subscribe")
		events.say(t, `{"after": "earliest"}`)
		for _, want := range []protoreflect.Name{"order_shipped", "leat_live"} {
			got := events.out()
			if err := events.RecvMsg(got); err != nil {
				t.Fatal(err)
			}
			at := got.Get(events.method.Output().Fields().ByName("time")).Message()
			if nanos := at.Get(at.Descriptor().Fields().ByName("nanos")).Int(); nanos%1e6 != 0 {
				t.Errorf("the time of %s has %d ns, want whole milliseconds as on every other wire", want, nanos)
			}
			if event := got.WhichOneof(events.method.Output().Oneofs().ByName("event")); event == nil || event.Name() != want {
				t.Errorf("got %v, want %s", got, want)
			}
		}
	})
}
