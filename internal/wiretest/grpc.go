package wiretest

import (
	"context"
	"net"
	"strings"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func dialGRPC(address string, dial Dial) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return dial(ctx, "tcp", address) }))
}

// grpcWire speaks generic gRPC, to the grpc listener or to the public one.
func grpcWire(name string, public bool) Wire {
	address := func(s *Server) string {
		if public {
			return strings.TrimPrefix(s.URL, "http://")
		}
		return s.GRPC
	}
	return Wire{name, func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		conn, err := dialGRPC(address(s), dial)
		if err != nil {
			return nil, err
		}
		stream, err := leatv1.NewStreamServiceClient(conn).Subscribe(ctx, sub.request())
		var header metadata.MD
		if err == nil {
			header, err = stream.Header() // sent as soon as the subscription stands
		}
		if err == nil && header == nil { // the call has failed
			_, err = stream.Recv()
		}
		if err != nil {
			conn.Close()
			return nil, grpcProblem(err)
		}
		return &grpcReader{stream, conn, sub.resumeID(), sub.Heartbeats}, nil
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		return publishGRPC(ctx, address(s), Event{Stream: stream, Key: key, Type: eventType, Data: data})
	}}
}

func publishGRPC(ctx context.Context, address string, e Event) (string, error) {
	conn, err := dialGRPC(address, Plain)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := leatv1.NewStreamServiceClient(conn).Publish(ctx, e.request())
	return answer.GetId(), grpcProblem(err)
}

func (s Subscription) request() *leatv1.SubscribeRequest {
	r := &leatv1.SubscribeRequest{Stream: s.Stream, EventTypes: s.EventTypes, AllKeys: s.AllKeys}
	if s.Key != "" {
		r.Key = &s.Key
	}
	switch {
	case s.After != "":
		r.Start = &leatv1.SubscribeRequest_After{After: s.After}
	case !s.Since.IsZero():
		r.Start = &leatv1.SubscribeRequest_Since{Since: timestamppb.New(s.Since)}
	case s.Last > 0:
		r.Start = &leatv1.SubscribeRequest_Last{Last: uint32(s.Last)}
	}
	return r
}

type grpcReader struct {
	stream     grpc.ServerStreamingClient[leatv1.SubscribeResponse]
	conn       *grpc.ClientConn
	lastID     string
	heartbeats bool
}

func (r *grpcReader) Next(context.Context) (Event, error) {
	for {
		answer, err := r.stream.Recv()
		if err != nil {
			return Event{}, grpcProblem(err)
		}
		e := answer.GetEvent()
		if e.GetId() != "" {
			r.lastID = e.GetId()
		}
		if e.GetType() != "leat.heartbeat" || r.heartbeats {
			return Event{e.GetStream(), e.GetId(), e.GetType(), e.GetKey(), e.GetTime().AsTime().Format("2006-01-02T15:04:05.000Z"), string(e.GetData())}, nil
		}
	}
}

func (*grpcReader) Start() string    { return "" }
func (*grpcReader) ShowsStart() bool { return false }
func (r *grpcReader) LastID() string { return r.lastID }
func (r *grpcReader) Close()         { r.conn.Close() }
