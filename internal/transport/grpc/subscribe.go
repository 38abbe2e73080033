package grpc

import (
	"strconv"
	"time"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// Subscribe delivers a stream's events.
func (s *service) Subscribe(request *leatv1.SubscribeRequest, stream grpcgo.ServerStreamingServer[leatv1.SubscribeResponse]) error {
	return s.subscribe(request, stream, responseFormat)
}

func (s *service) subscribe(request *leatv1.SubscribeRequest, stream grpcgo.ServerStream, format *hub.Format) error {
	ctx := stream.Context()
	format = inJSON(ctx, format)
	asked, err := params(request)
	if err != nil {
		return statusOf(err)
	}
	subscription, err := s.hub.Parse(contract.GRPC, asked)
	if err != nil {
		return s.server.fail(ctx, err)
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return s.turnAway(stream, subscription, format, err)
	}
	return s.deliver(stream, conn, subscription, format)
}

// deliver has the hub write to the stream until one of the two ends.
func (s *service) deliver(stream grpcgo.ServerStream, conn *hub.Connection, subscription hub.Subscription, format *hub.Format) error {
	ctx := stream.Context()
	to := newSender(stream)
	subscriber, err := s.begin(stream, conn, subscription, format)
	if err != nil {
		conn.Close(outcome(ctx, conn, to, err))
		return s.server.fail(ctx, err)
	}
	done := make(chan error, 1)
	s.server.work.Add(1)
	subscriber.Start(to, func(err error) {
		defer s.server.work.Done()
		subscriber.Close()
		conn.Close(outcome(ctx, conn, to, err))
		done <- err
	})
	e := ending{server: s.server, stream: stream, conn: conn, to: to}
	return e.await(done, subscriber.Stop)
}

// begin answers that the subscription stands.
func (s *service) begin(stream grpcgo.ServerStream, conn *hub.Connection, subscription hub.Subscription, format *hub.Format) (*hub.Subscriber, error) {
	subscriber, err := conn.Subscribe(stream.Context(), subscription, format)
	if err != nil {
		return nil, err
	}
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		subscriber.Close()
		return nil, err
	}
	return subscriber, nil
}

// turnAway tells a subscriber that comes during a drain where it would have started: if it asks for the newest again
// when it comes back, it skips what is stored meanwhile.
func (s *service) turnAway(stream grpcgo.ServerStream, subscription hub.Subscription, format *hub.Format, refused error) error {
	ctx := stream.Context()
	at, err := s.hub.StartPosition(ctx, subscription)
	if err != nil {
		return s.server.fail(ctx, err)
	}
	end := event.NewEnd(subscription.Stream.Name, at, event.EndDrain, problem.From(refused).Wait(), time.Now())
	if err := stream.SendMsg(encode(format.Control(nil, end))); err != nil {
		return err
	}
	return s.server.fail(ctx, refused)
}

// params are the request's parameters as the hub reads them.
func params(request *leatv1.SubscribeRequest) (hub.Params, error) {
	p := hub.Params{Stream: request.Stream, Key: request.Key, SnakeCase: true}
	if len(request.EventTypes) > 0 {
		p.EventTypes = &request.EventTypes
	}
	p.AllKeys = flag(request.AllKeys)
	switch start := request.Start.(type) {
	case *leatv1.SubscribeRequest_After:
		p.After = &start.After
	case *leatv1.SubscribeRequest_Since:
		text, err := timestamp("since", start.Since)
		if err != nil {
			return p, err
		}
		p.Since = text
	case *leatv1.SubscribeRequest_Last:
		text := strconv.FormatUint(uint64(start.Last), 10)
		p.Last = &text
	}
	return p, nil
}

// flag is a parameter that is true or not given.
func flag(set bool) *string {
	if !set {
		return nil
	}
	text := "true"
	return &text
}

// responseFormat encodes events as SubscribeResponse.
var responseFormat = &hub.Format{Name: "grpc", Apart: true, Queued: true, Event: appendResponse, Control: appendResponse}

func appendResponse(dst []byte, e *event.Event) []byte {
	told := &leatv1.Event{
		Stream: e.Stream,
		Id:     e.Position.String(),
		Type:   e.Type.String(),
		Time:   timestamppb.New(e.Time.Truncate(time.Millisecond)), // what every other wire shows
		Data:   e.Data,
	}
	if !e.Key.IsZero() {
		key := e.Key.String()
		told.Key = &key
	}
	dst, err := proto.MarshalOptions{}.MarshalAppend(dst, &leatv1.SubscribeResponse{Event: told})
	if err != nil {
		panic(err) // invalid UTF-8, which types, keys and positions cannot hold
	}
	return dst
}

// ended is the problem that a stream ends with when the server has ended it.
func ended(conn *hub.Connection) error {
	var p *problem.Error
	switch reason := conn.Reason(); reason {
	case "":
		return nil // the caller's context
	case event.EndDrain:
		p = draining()
	case event.EndSlow:
		p = slow()
	case event.EndDisconnected:
		return problem.New(problem.Forbidden, "an operator or a backend has disconnected this client (%s): do not come back by yourself", reason)
	default:
		p = problem.New(problem.Unavailable, "the server ended the stream (%s): subscribe again, after the last id received", reason)
	}
	p.RetryAfter = conn.ReconnectAfter()
	return p
}

func slow() *problem.Error {
	return problem.New(problem.Unavailable, "the stream was ended because nothing of it was taken for %s (slow): read faster, or subscribe "+
		"to less; subscribe again, after the last id received", hub.SlowAfter)
}
