package grpc_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

func TestARepeatWithTheSameIdempotencyKeyStoresNothing(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		request := shipped("or_1")
		request.IdempotencyKey = "once"
		first := leat.publish(t, request)
		again, err := leat.Publish(within(t), request)
		if err != nil || again.Id != first || !again.Duplicate {
			t.Errorf("repeat: %v, %v; want %s, a duplicate", again, err, first)
		}
	})
}

func TestIfMatchPublishesOnlyAfterTheKeysLastEvent(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		request, none := shipped("or_1"), ""
		request.IfMatch = &none
		first := leat.publish(t, request)
		_, err := leat.Publish(within(t), request)
		wantProblem(t, err, codes.FailedPrecondition)
		request.IfMatch = &first
		leat.publish(t, request)
		_, err = leat.Publish(within(t), request)
		wantProblem(t, err, codes.FailedPrecondition)
	})
}

func TestErrorsNameTheFieldsThatTheClientSent(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		none, malformed, foreign := "", "x", "never0had-1"
		tick := &leatv1.Event{Stream: "ticks", Type: "tick", Data: []byte(`{}`)}
		for says, requests := range map[string][]*leatv1.PublishRequest{
			"if_match": {
				{Event: shipped("or_1").Event, IfMatch: &malformed},
				{Event: shipped("or_1").Event, IfMatch: &foreign},
				{Event: tick, IfMatch: &none},
			},
			"idempotency_key": {
				{Event: shipped("or_1").Event, IdempotencyKey: strings.Repeat("k", 257)},
				{Event: tick, IdempotencyKey: "k"},
			},
		} {
			for _, request := range requests {
				_, err := leat.Publish(within(t), request)
				if detail := status.Convert(err).Message(); !strings.Contains(detail, says) || strings.Contains(detail, "If-") || strings.Contains(detail, "Idempotency-Key") {
					t.Errorf("%v: got %q; want %s named, and no header", request, detail, says)
				}
			}
		}
	})
}

func TestARefusedEventSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		withEvent := func(change func(e *leatv1.Event)) *leatv1.PublishRequest {
			request := shipped("or_1")
			change(request.Event)
			return request
		}
		other := "or_2"
		tests := map[string]struct {
			request *leatv1.PublishRequest
			want    codes.Code
			pointer string
		}{
			"no event":       {&leatv1.PublishRequest{}, codes.InvalidArgument, ""},
			"no stream":      {withEvent(func(e *leatv1.Event) { e.Stream = "" }), codes.InvalidArgument, ""},
			"unknown stream": {withEvent(func(e *leatv1.Event) { e.Stream = "order" }), codes.NotFound, ""},
			"an id":          {withEvent(func(e *leatv1.Event) { e.Id = "b7k2-1" }), codes.InvalidArgument, ""},
			"no time":        {withEvent(func(e *leatv1.Event) { e.Time = &timestamppb.Timestamp{Nanos: 1e9} }), codes.InvalidArgument, ""},
			"unknown type":   {withEvent(func(e *leatv1.Event) { e.Type = "order.shiped" }), codes.InvalidArgument, "/type"},
			"no data":        {withEvent(func(e *leatv1.Event) { e.Data = nil }), codes.InvalidArgument, "/data"},
			"not the schema": {withEvent(func(e *leatv1.Event) { e.Data = []byte(`{"orderId":7}`) }), codes.InvalidArgument, "/data/orderId"},
			"another key":    {withEvent(func(e *leatv1.Event) { e.Key = &other }), codes.InvalidArgument, "/key"},
			"no JSON":        {withEvent(func(e *leatv1.Event) { e.Data = []byte(`{"orderId":`) }), codes.InvalidArgument, ""},
			"too large":      {withEvent(func(e *leatv1.Event) { e.Data = []byte(`{"orderId":"` + strings.Repeat("x", 70<<10) + `"}`) }), codes.ResourceExhausted, ""},
			"far too large":  {withEvent(func(e *leatv1.Event) { e.Data = []byte(`{"orderId":"` + strings.Repeat("x", 300<<10) + `"}`) }), codes.ResourceExhausted, ""},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				_, err := leat.Publish(within(t), test.request)
				told := wantProblem(t, err, test.want)
				if test.pointer == "" {
					return
				}
				bad := detail[*errdetails.BadRequest](t, err)
				if told.Status != 422 || told.Errors[0].Pointer != test.pointer || bad.FieldViolations[0].Field != test.pointer {
					t.Errorf("problem %v and violations %v, want 422 at %s", told, bad, test.pointer)
				}
			})
		}
	})
}

func TestAMessageThatIsNoneIsTheCallersFault(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		for name, text := range map[string]string{"garbage": "\xff\xff", "a string that is not UTF-8": "\x0a\x04\x0a\x02\xc3\x28"} {
			t.Run(name, func(t *testing.T) {
				var response leatv1.PublishResponse
				err := leat.conn.Invoke(within(t), leatv1.StreamService_Publish_FullMethodName, raw(text), &response, grpcgo.ForceCodecV2(rawCodec{}))
				wantProblem(t, err, codes.InvalidArgument)
			})
		}
	})
}

// raw is a message as it is.
type raw string

type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(raw))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}
func (rawCodec) Name() string { return "proto" }

func TestAnUnknownMethodIsUnimplemented(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		err := leat.conn.Invoke(within(t), "/leat.v1.StreamService/Erase", &leatv1.PublishRequest{}, &leatv1.PublishResponse{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("got %v, want UNIMPLEMENTED", err)
		}
	})
}

func TestAnUploadStoresAndRefusesEventsAsTheyCome(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		upload, err := leat.PublishStream(within(t))
		if err != nil {
			t.Fatal(err)
		}
		bad := shipped("or_1")
		bad.Event.Type = "order.lost"
		keyed := shipped("or_1")
		keyed.IdempotencyKey = "once"
		nowhere := shipped("or_1")
		nowhere.Event.Stream = "nowhere"
		tick := &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "ticks", Type: "tick", Data: []byte(`{}`)}}
		huge := shipped(strings.Repeat("x", 300<<10))
		refused := []uint64{1, 2, 4, 5, 6}
		for _, request := range []*leatv1.PublishRequest{shipped("or_1"), bad, keyed, tick, nil, nowhere, huge, shipped("or_2")} {
			if err := upload.Send(&leatv1.PublishStreamRequest{Publish: request}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := upload.CloseAndRecv()
		if err != nil {
			t.Fatal(err)
		}
		last := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_Last{Last: 1}}).next(t)
		if got.Stored != 3 || got.Refused != 5 || got.LastId != last.Id || last.GetKey() != "or_2" {
			t.Errorf("got %v, want 3 stored and 5 refused, the last of or_2, %s", got, last.Id)
		}
		for i, e := range got.Errors {
			if e.Index != refused[i] || !strings.Contains(string(e.Problem), `"status":4`) {
				t.Errorf("error %d is of message %d: %s; want message %d with a problem", i, e.Index, e.Problem, refused[i])
			}
		}
	})
}

func TestAnUploadTellsTheFirstHundredRefusals(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		upload, err := leat.PublishStream(within(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 250 {
			request := shipped("or_" + strconv.Itoa(i))
			switch {
			case i%5 == 0:
				request.Event.Data = []byte(`{}`)
			case i%5 < 4:
				request.Event.Id = "b7k2-1"
			}
			if err := upload.Send(&leatv1.PublishStreamRequest{Publish: request}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := upload.CloseAndRecv()
		if err != nil {
			t.Fatal(err)
		}
		if got.Stored != 50 || got.Refused != 200 || len(got.Errors) != 100 || got.Errors[99].Index != 123 {
			t.Errorf("stored %d, refused %d, told %d up to %v; want 50, 200 and 100 up to 123", got.Stored, got.Refused, len(got.Errors), got.Errors[len(got.Errors)-1].Index)
		}
	})
}

func TestACallEndsWithItsDeadline(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		stream, err := leat.Subscribe(ctx, &leatv1.SubscribeRequest{Stream: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
		upload, err := leat.PublishStream(ctx)
		if err == nil {
			_, err = upload.CloseAndRecv()
		}
		if status.Code(err) != codes.DeadlineExceeded && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
		}
	})
}

func TestTheStreamsAreListedInTheContractsOrder(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		id := leat.publish(t, shipped("or_1"))
		got, err := leat.ListStreams(within(t), &leatv1.ListStreamsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range got.Streams {
			names = append(names, s.Name)
		}
		if strings.Join(names, " ") != "orders rooms ticks browsers large chat" {
			t.Errorf("streams %v", names)
		}
		if orders := got.Streams[0]; orders.LastId != id || strings.Join(orders.EventTypes, " ") != "order.shipped order.cancelled" {
			t.Errorf("orders %v, want last_id %s", orders, id)
		}
		if ticks := got.Streams[2]; ticks.LastId != "" {
			t.Errorf("ticks %v, want no last_id: durability none has no positions", ticks)
		}
	})
}
