package grpc_test

import (
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

func TestALiveSubscriberGetsWhatIsPublishedAfterItsHeaders(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		leat.publish(t, shipped("before"))
		live := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders"})
		request := shipped("or_1")
		request.Event.Time = timestamppb.New(time.Date(2024, 5, 1, 10, 0, 0, 123_456_789, time.UTC))
		id := leat.publish(t, request)
		got := live.next(t)
		if got.Id != id || got.Stream != "orders" || got.Type != "order.shipped" || got.GetKey() != "or_1" || string(got.Data) != `{"orderId":"or_1"}` {
			t.Errorf("got %v, want order.shipped of or_1 with id %s", got, id)
		}
		if want := time.Date(2024, 5, 1, 10, 0, 0, 123_000_000, time.UTC); !got.Time.AsTime().Equal(want) {
			t.Errorf("time %v, want the publisher's in milliseconds, %v", got.Time.AsTime(), want)
		}
	})
}

func TestASubscriptionStartsWhereItSays(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		first := leat.publish(t, shipped("or_1"))
		second := leat.publish(t, shipped("or_2"))
		third := leat.publish(t, shipped("or_1"))
		key := "or_2"
		tests := map[string]struct {
			request *leatv1.SubscribeRequest
			want    []string
		}{
			"earliest":      {&leatv1.SubscribeRequest{Start: &leatv1.SubscribeRequest_After{After: "earliest"}}, []string{first, second, third}},
			"after":         {&leatv1.SubscribeRequest{Start: &leatv1.SubscribeRequest_After{After: first}}, []string{second, third}},
			"last":          {&leatv1.SubscribeRequest{Start: &leatv1.SubscribeRequest_Last{Last: 1}}, []string{third}},
			"since":         {&leatv1.SubscribeRequest{Start: &leatv1.SubscribeRequest_Since{Since: timestamppb.New(time.Now().Add(-time.Hour))}}, []string{first, second, third}},
			"of one key":    {&leatv1.SubscribeRequest{Key: &key, Start: &leatv1.SubscribeRequest_After{After: "earliest"}}, []string{second}},
			"of other type": {&leatv1.SubscribeRequest{EventTypes: []string{"order.cancelled"}, Start: &leatv1.SubscribeRequest_After{After: "earliest"}}, nil},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				test.request.Stream = "orders"
				events := leat.subscribe(t, test.request)
				for _, want := range test.want {
					if got := events.next(t); got.Id != want {
						t.Fatalf("got %s %s, want the event %s", got.Type, got.Id, want)
					}
				}
				live := events.next(t)
				var data event.Live
				if err := json.Unmarshal(live.Data, &data); err != nil || live.Type != "leat.live" || data.Position != third {
					t.Errorf("got %s %s, want leat.live at %s", live.Type, live.Data, third)
				}
			})
		}
	})
}

func TestRoomsAreKeysAndTheDefaultRoomNeedsNone(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		lobby := "lobby ☃ %2F/"
		inDefault := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "rooms"})
		inLobby := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "rooms", Key: &lobby})
		inAll := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "rooms", AllKeys: true})
		leat.publish(t, &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "rooms", Type: "said", Key: &lobby, Data: []byte(`{}`)}})
		leat.publish(t, &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "rooms", Type: "said", Data: []byte(`{}`)}})
		for _, test := range []struct {
			events *subscription
			want   []string
		}{{inDefault, []string{"default"}}, {inLobby, []string{lobby}}, {inAll, []string{lobby, "default"}}} {
			for _, want := range test.want {
				if got := test.events.next(t); got.GetKey() != want {
					t.Errorf("got an event of room %q, want %q", got.GetKey(), want)
				}
			}
		}
	})
}

func TestAStreamOfDurabilityNoneHasNoIds(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		live := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "ticks"})
		id := leat.publish(t, &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "ticks", Type: "tick", Data: []byte(`{}`)}})
		got := live.next(t)
		if id != "" || got.Id != "" || got.Key != nil || got.Type != "tick" {
			t.Errorf("published as %q, got %v; want no id and no key", id, got)
		}
	})
}

func TestARefusedSubscriptionSaysWhatWouldBeRight(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		key := "or_1"
		tests := map[string]struct {
			request *leatv1.SubscribeRequest
			want    codes.Code
		}{
			"unknown stream":    {&leatv1.SubscribeRequest{Stream: "order"}, codes.NotFound},
			"no stream":         {&leatv1.SubscribeRequest{}, codes.NotFound},
			"unknown type":      {&leatv1.SubscribeRequest{Stream: "orders", EventTypes: []string{"order.shiped"}}, codes.InvalidArgument},
			"no position":       {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_After{After: "yesterday"}}, codes.InvalidArgument},
			"empty position":    {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_After{}}, codes.InvalidArgument},
			"too many":          {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_Last{Last: 10_001}}, codes.InvalidArgument},
			"no time":           {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_Since{Since: &timestamppb.Timestamp{Nanos: -1}}}, codes.InvalidArgument},
			"key where is none": {&leatv1.SubscribeRequest{Stream: "ticks", Key: &key}, codes.NotFound},
			"transport":         {&leatv1.SubscribeRequest{Stream: "browsers"}, codes.NotFound},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				stream, err := leat.Subscribe(within(t), test.request)
				if err != nil {
					t.Fatal(err)
				}
				_, err = stream.Recv()
				wantProblem(t, err, test.want)
			})
		}
	})
}

// wantProblem checks a status's code, and gives the problem in its details.
func wantProblem(t *testing.T, err error, want codes.Code) (told struct {
	Status    int
	Detail    string
	Retryable bool
	Errors    []struct{ Pointer, Detail string }
}) {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("got %v, want %v", err, want)
	}
	p := detail[*leatv1.Problem](t, err)
	if err := json.Unmarshal(p.Json, &told); err != nil || told.Detail == "" || told.Status < 400 {
		t.Errorf("problem %s (%v), want one with status and detail", p.Json, err)
	}
	if told.Detail != status.Convert(err).Message() {
		t.Errorf("message %q, want the problem's detail %q", status.Convert(err).Message(), told.Detail)
	}
	return told
}

// detail gives the detail of a status that is of a type.
func detail[M any](t *testing.T, err error) M {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if m, ok := d.(M); ok {
			return m
		}
	}
	var none M
	t.Fatalf("%v has details %v, want a %T among them", err, status.Convert(err).Details(), none)
	return none
}
