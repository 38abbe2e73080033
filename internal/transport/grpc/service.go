package grpc

import (
	"context"
	"time"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/contract"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A service is leat.v1.StreamService.
type service struct {
	leatv1.UnimplementedStreamServiceServer
	server   *Server
	hub      *hub.Hub
	ingest   *ingest.Ingest
	backends *backend.Backends
}

// connect registers the connection of a call.
func (s *service) connect(ctx context.Context) (*hub.Connection, error) {
	conn, err := s.hub.Connect(contract.GRPC)
	if err != nil {
		return nil, err
	}
	if client, ok := peer.FromContext(ctx); ok {
		conn.SetRemote(client.Addr.String())
	}
	if method, ok := grpcgo.Method(ctx); ok {
		conn.SetMethod(method)
	}
	given, _ := metadata.FromIncomingContext(ctx)
	conn.SetTrace(given.Get("traceparent"), given.Get("tracestate"))
	return conn, nil
}

// names are those of PublishRequest's fields.
var names = ingest.Names{IdempotencyKey: "idempotency_key", IfMatch: "if_match"}

// Publish stores one event.
func (s *service) Publish(ctx context.Context, request *leatv1.PublishRequest) (*leatv1.PublishResponse, error) {
	if closed(s.server.draining) {
		return nil, statusOf(draining())
	}
	stream, e, err := published(request)
	if err != nil {
		return nil, statusOf(err)
	}
	result, err := s.ingest.Publish(ctx, stream, e, ingest.Options{
		IdempotencyKey: request.IdempotencyKey, IfMatch: request.IfMatch, Names: names,
	})
	if err != nil {
		return nil, s.server.fail(ctx, err)
	}
	return &leatv1.PublishResponse{Id: result.ID.String(), Duplicate: result.Duplicate}, nil
}

// published gives the event to publish as ingest takes it, and its stream.
func published(request *leatv1.PublishRequest) (stream string, e ingest.Event, err error) {
	given := request.GetEvent()
	switch {
	case given == nil:
		return "", e, problem.New(problem.Malformed, "event is missing: it says what to publish")
	case given.Stream == "":
		return "", e, problem.New(problem.Malformed, "event.stream is missing: it says where to publish")
	case given.Id != "":
		return "", e, problem.New(problem.Malformed, "event.id is %q, but the server gives ids: leave it empty (to publish "+
			"once only use idempotency_key, to publish after a known event if_match)", given.Id)
	}
	e = ingest.Event{Type: given.Type, Key: given.Key}
	if len(given.Data) > 0 { // proto3 cannot tell empty from not given
		e.Data = given.Data
	}
	if given.Time != nil {
		if e.Time, err = timestamp("event.time", given.Time); err != nil {
			return "", e, err
		}
	}
	return given.Stream, e, nil
}

// timestamp gives the text of a time, as RFC 3339 has it.
func timestamp(field string, t *timestamppb.Timestamp) (*string, error) {
	if err := t.CheckValid(); err != nil {
		return nil, problem.New(problem.Malformed, "%s is not a time: seconds must be of the years 1 to 9999, nanos from 0 to 999999999", field)
	}
	text := t.AsTime().Format(time.RFC3339Nano)
	return &text, nil
}

// ListStreams lists the streams of the contract, and asks the log for the newest position of each.
func (s *service) ListStreams(ctx context.Context, _ *leatv1.ListStreamsRequest) (*leatv1.ListStreamsResponse, error) {
	response := new(leatv1.ListStreamsResponse)
	for _, declared := range s.server.served.Load().contract.Streams {
		listed := &leatv1.Stream{Name: declared.Name, EventTypes: declared.EventNames()}
		for _, command := range declared.Commands {
			listed.CommandTypes = append(listed.CommandTypes, command.Name)
		}
		if declared.Durability != contract.None {
			state, err := s.hub.State(ctx, declared.Name)
			if err != nil {
				return nil, s.server.fail(ctx, err)
			}
			listed.LastId = state.Position(state.Last).String()
		}
		response.Streams = append(response.Streams, listed)
	}
	return response, nil
}
