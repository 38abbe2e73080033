package grpc_test

import (
	"fmt"
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

func orders(t testing.TB) protoreflect.ServiceDescriptor {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(contractText))
	if err != nil {
		t.Fatal(err)
	}
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return api.Service("orders").Descriptor
}

func TestATypedUploadStoresTheGoodEventsAndNamesTheFieldsOfTheBad(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		publish := orders(t).Methods().ByName("Publish")
		stream, err := leat.conn.NewStream(within(t), &grpcgo.StreamDesc{ClientStreams: true}, "/orders.v1.OrdersService/Publish")
		if err != nil {
			t.Fatal(err)
		}
		bad := map[int]string{
			1000: `{}`,
			2000: `{"key": "other", "orderShipped": {"orderId": "or_1"}}`,
			2500: `{"orderCancelled": {"orderId": "` + strings.Repeat("x", 101) + `"}}`,
			3000: `{"ifMatch": "earliest", "orderShipped": {"orderId": "or_1"}}`,
		}
		const count = 5000
		for i := range count {
			text, ok := bad[i]
			if !ok {
				text = fmt.Sprintf(`{"orderShipped": {"orderId": "or_%d"}}`, i)
			}
			request := dynamicpb.NewMessage(publish.Input())
			if err := protojson.Unmarshal([]byte(text), request); err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(request); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		response := dynamicpb.NewMessage(publish.Output())
		if err := stream.RecvMsg(response); err != nil {
			t.Fatal(err)
		}
		field := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
			return m.Get(m.Descriptor().Fields().ByName(name))
		}
		if stored, refused := field(response, "stored").Uint(), field(response, "refused").Uint(); stored != count-4 || refused != 4 {
			t.Errorf("%d stored, %d refused, want %d and 4", stored, refused, count-4)
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
		if want := "1000 event, 2000 key, 2500 order_cancelled.order_id, 3000 "; strings.Join(got, ", ") != want {
			t.Errorf("refused %q, want %q", got, want)
		}
	})
}

func TestATypedSubscriberGetsWhatAnyoneElseIsToldOfWithATimeInMilliseconds(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		subscribe := orders(t).Methods().ByName("Subscribe")
		precise := shipped("or_1")
		precise.Event.Time = &timestamppb.Timestamp{Seconds: 1, Nanos: 2_000_003}
		if _, err := leat.Publish(within(t), precise); err != nil {
			t.Fatal(err)
		}
		stream, err := leat.conn.NewStream(within(t), &grpcgo.StreamDesc{ServerStreams: true}, "/orders.v1.OrdersService/Subscribe")
		if err != nil {
			t.Fatal(err)
		}
		request := dynamicpb.NewMessage(subscribe.Input())
		request.Set(subscribe.Input().Fields().ByName("after"), protoreflect.ValueOfString("earliest"))
		if err := stream.SendMsg(request); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []protoreflect.Name{"order_shipped", "leat_live"} {
			got := dynamicpb.NewMessage(subscribe.Output())
			if err := stream.RecvMsg(got); err != nil {
				t.Fatal(err)
			}
			at := got.Get(subscribe.Output().Fields().ByName("time")).Message()
			if nanos := at.Get(at.Descriptor().Fields().ByName("nanos")).Int(); nanos%1e6 != 0 {
				t.Errorf("the time of %s has %d ns, want whole milliseconds as on every other wire", want, nanos)
			}
			if event := got.WhichOneof(subscribe.Output().Oneofs().ByName("event")); event == nil || event.Name() != want {
				t.Errorf("got %v, want %s", got, want)
			}
		}
	})
}
