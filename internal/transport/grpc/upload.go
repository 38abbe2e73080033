package grpc

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/protobuf/protoadapt"

	"github.com/leatstream/leat/contract"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// PublishStream stores or refuses events as they come.
func (s *service) PublishStream(stream grpcgo.ClientStreamingServer[leatv1.PublishStreamRequest, leatv1.PublishStreamResponse]) error {
	ctx := stream.Context()
	conn, err := s.hub.Connect(contract.GRPC)
	if err != nil {
		return s.server.fail(ctx, err)
	}
	return s.converse(stream, conn, func(*sender) error {
		u := &upload{ingest: s.ingest, streams: make(map[string]*ingest.Upload)}
		messages := receive[leatv1.PublishStreamRequest](s.server, stream)
		err := take(ctx, conn, messages, u.refuse, func(index uint64, body *leatv1.PublishStreamRequest) error {
			return u.add(ctx, index, body.GetPublish())
		})
		response := u.close()
		if err != nil {
			return s.server.fail(ctx, err, protoadapt.MessageV1Of(response))
		}
		return stream.SendAndClose(response)
	})
}

// An upload is one PublishStream: an upload of ingest's for each stream that its events name.
type upload struct {
	ingest  *ingest.Ingest
	streams map[string]*ingest.Upload
	last    string // the stream named last
	refused []ingest.UploadError
	count   uint64 // of events refused here
}

// maxErrors is how many refusals the answer tells.
const maxErrors = 100

// take has an upload's messages added until the client has said all, or refused where they cannot be read; an error means
// that the upload ended before.
func take[M any](ctx context.Context, conn *hub.Connection, messages <-chan message[M], refuse func(uint64, error), add func(uint64, *M) error) error {
	for index := uint64(0); ; index++ {
		select {
		case m := <-messages:
			switch {
			case errors.Is(m.err, io.EOF):
				return nil
			case isProblem(m.err):
				refuse(index, m.err)
			case m.err != nil:
				return m.err
			default:
				if err := add(index, m.body); err != nil {
					return err
				}
			}
		case <-conn.Ended():
			return ended(conn)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add stores or refuses an event; an error means that the upload cannot go on.
func (u *upload) add(ctx context.Context, index uint64, request *leatv1.PublishRequest) error {
	stream, e, err := published(request)
	if err == nil && (request.IdempotencyKey != "" || request.IfMatch != nil) {
		err = problem.New(problem.Malformed, "idempotency_key and if_match are for Publish: an upload's events are stored as they come")
	}
	if err != nil {
		u.refuse(index, err)
		return nil
	}
	to, ok := u.streams[stream]
	if !ok {
		to, err = u.ingest.Upload(ctx, stream, ingest.Options{})
		if err != nil && problem.From(err).Kind == problem.NotFound {
			u.refuse(index, err)
			return nil
		}
		if err != nil {
			return err
		}
		u.streams[stream] = to
	}
	u.last = stream
	return to.Add(ctx, index, e)
}

func (u *upload) refuse(index uint64, err error) {
	u.count++
	if len(u.refused) < maxErrors {
		u.refused = append(u.refused, ingest.UploadError{Number: index, Problem: problem.From(err)})
	}
}

// close waits for the appends under way, and tells what became of the upload.
func (u *upload) close() *leatv1.PublishStreamResponse {
	response := &leatv1.PublishStreamResponse{Refused: u.count}
	for stream, part := range u.streams {
		summary := part.Close()
		response.Stored += summary.Stored
		response.Refused += summary.Refused
		if stream == u.last {
			response.LastId = summary.Last.String()
		}
		u.refused = append(u.refused, summary.Errors...)
	}
	slices.SortFunc(u.refused, func(a, b ingest.UploadError) int { return cmp.Compare(a.Number, b.Number) })
	for _, r := range u.refused[:min(maxErrors, len(u.refused))] {
		response.Errors = append(response.Errors, &leatv1.PublishError{Index: r.Number, Problem: r.Problem.JSON()})
	}
	return response
}
