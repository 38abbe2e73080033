package grpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/typed"
)

func TestADrainTellsEachStreamToComeBack(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		id := leat.publish(t, shipped("or_1"))
		events := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_After{After: "earliest"}})
		events.next(t)
		events.next(t) // leat.live
		upload, err := leat.PublishStream(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := upload.Send(&leatv1.PublishStreamRequest{Publish: shipped("or_1")}); err != nil {
			t.Fatal(err)
		}
		uploaded := events.next(t).Id

		leat.node.server.SetDraining()
		_, err = leat.Publish(within(t), shipped("or_1"))
		wantComeBack(t, err)
		if err := leat.node.hub.Drain(within(t), 0); err != nil {
			t.Fatal(err)
		}
		last := events.next(t)
		var end event.End
		if err := json.Unmarshal(last.Data, &end); err != nil {
			t.Fatal(err)
		}
		if last.Type != "leat.end" || last.Id != uploaded || end.Reason != event.EndDrain || end.Position != uploaded || id == uploaded {
			t.Errorf("got %v, want leat.end for drain at %s", last, uploaded)
		}
		err = events.end(t)
		wantComeBack(t, err)
		wait := detail[*errdetails.RetryInfo](t, err).RetryDelay.AsDuration()
		if want := max(time.Second, time.Duration(end.ReconnectAfterMs)*time.Millisecond); wait != want {
			t.Errorf("RetryInfo says %v, leat.end %v", wait, want)
		}
		_, err = upload.CloseAndRecv()
		wantComeBack(t, err)
		if got := detail[*leatv1.PublishStreamResponse](t, err); got.Stored != 1 || got.LastId != uploaded {
			t.Errorf("the upload's details say %v, want 1 stored, %s", got, uploaded)
		}
	})
}

// Who asks for the newest and is sent away would skip what is stored until it comes back, if it were not told where
// it would have started.
func TestASubscriberThatComesDuringADrainIsToldWhereItWouldHaveStarted(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		first, second := leat.publish(t, shipped("or_1")), leat.publish(t, shipped("or_2"))
		leat.node.server.SetDraining()
		if err := leat.node.hub.Drain(within(t), 0); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			request *leatv1.SubscribeRequest
			want    string
		}{
			"latest": {&leatv1.SubscribeRequest{Stream: "orders"}, second},
			"after":  {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_After{After: first}}, first},
			"last":   {&leatv1.SubscribeRequest{Stream: "orders", Start: &leatv1.SubscribeRequest_Last{Last: 1}}, first},
			"no ids": {&leatv1.SubscribeRequest{Stream: "ticks"}, ""},
		} {
			t.Run(name, func(t *testing.T) {
				events := leat.subscribe(t, test.request)
				got := events.next(t)
				var end event.End
				if err := json.Unmarshal(got.Data, &end); err != nil || got.Type != "leat.end" || got.Id != test.want || end.Position != test.want || end.Reason != event.EndDrain {
					t.Errorf("got %v, want leat.end for drain at %q", got, test.want)
				}
				_, err := events.Recv()
				wantComeBack(t, err)
				if wait := detail[*errdetails.RetryInfo](t, err).RetryDelay.AsDuration(); wait != time.Duration(end.ReconnectAfterMs)*time.Millisecond {
					t.Errorf("RetryInfo says %v, leat.end %d ms", wait, end.ReconnectAfterMs)
				}
			})
		}
	})
}

func TestADrainSpreadsThoseWhoComeBack(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.connect(t)
		talk.say(t, `{"op":"subscribe","stream":"orders","key":"or_1"}`)
		talk.say(t, `{"op":"subscribe","stream":"orders","key":"or_2"}`)
		talk.hear(t)
		talk.hear(t)
		arrived := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders"})
		uploads := make([]grpcgo.ClientStreamingClient[leatv1.PublishStreamRequest, leatv1.PublishStreamResponse], 4)
		for i := range uploads {
			upload, err := leat.PublishStream(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := upload.Send(&leatv1.PublishStreamRequest{Publish: shipped("or_3")}); err != nil {
				t.Fatal(err)
			}
			uploads[i] = upload
			arrived.next(t) // so that the call has begun
		}
		leat.node.server.SetDraining()
		if err := leat.node.hub.Drain(within(t), 0); err != nil {
			t.Fatal(err)
		}
		var ends [2]event.End
		for i := range ends {
			if got := talk.hear(t); got.Type != "leat.end" || json.Unmarshal(got.Data, &ends[i]) != nil {
				t.Fatalf("got %+v, want leat.end", got)
			}
		}
		if ends[0].ReconnectAfterMs != ends[1].ReconnectAfterMs {
			t.Errorf("one connection is told to come back after %d ms and after %d ms", ends[0].ReconnectAfterMs, ends[1].ReconnectAfterMs)
		}
		_, err := talk.Recv()
		wait := detail[*errdetails.RetryInfo](t, err).RetryDelay.AsDuration()
		if want := time.Duration(ends[0].ReconnectAfterMs) * time.Millisecond; wait != want {
			t.Errorf("RetryInfo says %v, leat.end %v", wait, want)
		}
		waits := map[time.Duration]bool{}
		for _, upload := range uploads {
			_, err := upload.CloseAndRecv()
			waits[detail[*errdetails.RetryInfo](t, err).RetryDelay.AsDuration()] = true
		}
		if len(waits) == 1 {
			t.Errorf("all uploads are told to come back after %v", waits)
		}
	})
}

func wantComeBack(t *testing.T, err error) {
	t.Helper()
	if told := wantProblem(t, err, codes.Unavailable); !told.Retryable || told.Status != 503 {
		t.Errorf("problem %v, want a retryable 503", told)
	}
	detail[*errdetails.RetryInfo](t, err)
}

func TestHealthChecksSeeTheDrain(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		checks := healthv1.NewHealthClient(leat.conn)
		for _, service := range []string{"", "leat.v1.StreamService"} {
			watch, err := checks.Watch(within(t), &healthv1.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { // Stop, in the cleanup of start, ends it: goleak and the time limit there see to it
				if got, err := watch.Recv(); err != nil || got.Status != healthv1.HealthCheckResponse_NOT_SERVING {
					t.Errorf("watching %q: %v, %v; want NOT_SERVING", service, got, err)
				}
			}()
			if got, err := watch.Recv(); err != nil || got.Status != healthv1.HealthCheckResponse_SERVING {
				t.Errorf("health of %q: %v, %v; want SERVING", service, got, err)
			}
		}
		leat.node.server.SetDraining()
	})
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		events := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders"}) // nobody drains the hub
		now, cancel := context.WithCancel(t.Context())
		cancel()
		leat.node.server.Stop(now)
		if err := events.end(t); status.Code(err) == codes.OK {
			t.Errorf("got %v, want an error", err)
		}
	})
}

func TestAPanicEndsItsCallAlone(t *testing.T) {
	var log bytes.Buffer
	c := &contract.Contract{}
	server := grpc.New(nil, nil, nil, c, new(typed.API), slog.New(slog.NewTextHandler(&log, nil))) // no hub: every use of it panics
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	leat := dial(t, nil, l.Addr().String())
	for range 2 {
		stream, err := leat.Subscribe(within(t), &leatv1.SubscribeRequest{Stream: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		wantProblem(t, err, codes.Internal)
		_, err = leat.Publish(within(t), shipped("or_1"))
		wantProblem(t, err, codes.Internal)
	}
	server.Stop(within(t))
	if err := <-served; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "Subscribe") || !strings.Contains(log.String(), "nil pointer") {
		t.Errorf("the log does not tell of the panic: %s", log.String())
	}
}
