package grpc

import (
	"context"
	"time"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/typed"
)

// publishTyped stores or refuses events as they come.
func (t *typedService) publishTyped(stream grpcgo.ServerStream) error {
	ctx := stream.Context()
	conn, err := t.hub.Connect(contract.GRPC)
	if err != nil {
		return t.server.fail(ctx, err)
	}
	return t.converse(stream, conn, func(*sender) error {
		u, err := t.ingest.Upload(ctx, t.stream, ingest.Options{})
		if err != nil {
			return err
		}
		err = take(ctx, conn, receive[raw](t.server, stream), func(index uint64, err error) {
			u.Refuse(index, "", problem.From(err))
		}, func(index uint64, body *raw) error { return t.add(ctx, u, index, *body) })
		response := t.of().AppendPublishResponse(nil, uploaded(u.Close()))
		if err != nil {
			return t.server.fail(ctx, err, t.detail(response))
		}
		return stream.SendMsg(encode(response))
	})
}

// add stores or refuses an event; an error means that the upload cannot go on.
func (t *typedService) add(ctx context.Context, u *ingest.Upload, index uint64, body []byte) error {
	p, err := t.of().DecodePublish(body)
	if err == nil {
		err = unconditional(p)
	}
	if err != nil {
		u.Refuse(index, p.Type, problem.From(err))
		return nil
	}
	return u.Add(ctx, index, given(p))
}

// unconditional refuses what an upload's event cannot ask for.
func unconditional(p typed.Publication) error {
	var field string
	switch {
	case p.IdempotencyKey != "":
		field = "idempotency_key"
	case p.IfMatch != nil:
		field = "if_match"
	default:
		return nil
	}
	wrong := problem.New(problem.Malformed, "%s is for single events: an upload's events are stored as they come", field)
	wrong.Violations = []problem.Violation{{Pointer: "/" + field, Detail: "is for single events"}}
	return wrong
}

// given is the event as ingest takes it.
func given(p typed.Publication) ingest.Event {
	e := ingest.Event{Type: p.Type, Key: p.Key, Data: p.Data}
	if p.Time != nil {
		text := p.Time.Format(time.RFC3339Nano)
		e.Time = &text
	}
	return e
}

func uploaded(s ingest.Summary) typed.Upload {
	u := typed.Upload{Stored: s.Stored, Refused: s.Refused, LastID: s.Last.String()}
	for _, e := range s.Errors {
		u.Errors = append(u.Errors, typed.Refusal{Index: e.Number, Type: e.Type, Problem: e.Problem})
	}
	return u
}

// detail is what became of an upload that broke off, for its status.
func (t *typedService) detail(response []byte) protoadapt.MessageV1 {
	m := dynamicpb.NewMessage(t.of().Descriptor.Methods().ByName("Publish").Output())
	if err := proto.Unmarshal(response, m); err != nil {
		panic(err) // of our own making
	}
	return protoadapt.MessageV1Of(m)
}
