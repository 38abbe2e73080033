// Command grpcgo broadcasts over gRPC as one would write it by hand: grpc-go, a channel per client, a Send for each
// event. Events are published over HTTP, as to leat.
package main

import (
	"fmt"
	"net/http"

	"github.com/leatstream/leat/bench/baseline"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type service struct {
	leatv1.UnimplementedStreamServiceServer

	clients baseline.Broadcaster[*leatv1.SubscribeResponse]
}

func main() {
	s := new(service)
	http.HandleFunc("POST /events/bench", s.publish)
	l, err := baseline.Listen("grpc", "")
	if err != nil {
		baseline.Exit(err)
	}
	server := grpc.NewServer()
	leatv1.RegisterStreamServiceServer(server, s)
	go func() { baseline.Exit(server.Serve(l)) }()
	baseline.Exit(baseline.Serve(http.DefaultServeMux))
}

func (s *service) publish(w http.ResponseWriter, r *http.Request) {
	e, ok := baseline.Read(w, r)
	if !ok {
		return
	}
	baseline.Answer(w, s.clients.Publish(func(id int) *leatv1.SubscribeResponse {
		return &leatv1.SubscribeResponse{Event: &leatv1.Event{
			Stream: "bench", Id: fmt.Sprintf("b-%d", id), Type: e.Type, Time: timestamppb.Now(), Data: e.Data,
		}}
	}))
}

func (s *service) Subscribe(_ *leatv1.SubscribeRequest, stream grpc.ServerStreamingServer[leatv1.SubscribeResponse]) error {
	messages, leave := s.clients.Subscribe()
	defer leave()
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	for {
		select {
		case <-stream.Context().Done():
			return nil
		case m := <-messages:
			if err := stream.Send(m); err != nil {
				return err
			}
		}
	}
}
