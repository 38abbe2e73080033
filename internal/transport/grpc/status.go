package grpc

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/problem"
)

const drainingText = "this node is shutting down: try again, and another one or its successor answers"

func draining() *problem.Error { return problem.New(problem.Draining, drainingText) }

// maxViolations bounds a status: it travels in headers, of which clients take 8 KiB (Netty's default, so grpc-java's).
const maxViolations = 20

// statusOf gives the status that tells err, with its details, and more details where there are.
func statusOf(err error, more ...protoadapt.MessageV1) error {
	p := problem.From(err)
	if len(p.Violations) > maxViolations {
		short := *p
		short.Violations = p.Violations[:maxViolations]
		p = &short
	}
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&leatv1.Problem{Json: p.JSON()})}
	if p.Kind == problem.Invalid {
		details = append(details, protoadapt.MessageV1Of(badRequest(p)))
	}
	if wait := p.Wait(); wait > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}))
	}
	told, err := status.New(p.GRPC(), p.Detail).WithDetails(append(details, more...)...)
	if err != nil {
		panic(err) // messages of ours, and no problem has the code OK
	}
	return told.Err()
}

func badRequest(p *problem.Error) *errdetails.BadRequest {
	bad := new(errdetails.BadRequest)
	for _, v := range p.Violations {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Pointer, Description: v.Detail})
	}
	if len(bad.FieldViolations) == 0 {
		bad.FieldViolations = []*errdetails.BadRequest_FieldViolation{{Description: p.Detail}}
	}
	return bad
}

// fail gives the status of a call that ends with err, and logs what the client is not told.
func (s *Server) fail(ctx context.Context, err error, more ...protoadapt.MessageV1) error {
	if _, ok := status.FromError(err); ok { // no error, or a status already
		return err
	}
	if ctx.Err() != nil { // the caller's own deadline or cancellation
		return status.FromContextError(ctx.Err()).Err()
	}
	if p := problem.From(err); p.Kind == problem.Internal {
		method, _ := grpcgo.Method(ctx)
		s.logger.Error("gRPC call failed", "method", method, "error", p)
	}
	return statusOf(err, more...)
}
