package wiretest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Problem is what a client is refused with (RFC 9457), wherever its wire has it. Each driver gives one as its error.
type Problem struct {
	Type, Title, Detail string
	Status              int
	Retryable           bool
	Errors              []Violation

	Code       codes.Code    `json:"-"` // gRPC's, OK on other wires
	RetryAfter time.Duration `json:"-"` // of the header, or of RetryInfo
}

// A Violation is a place where an event is not what the contract says.
type Violation struct{ Pointer, Detail string }

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// parseProblem gives a *Problem, or what is wrong with one.
func parseProblem(text []byte) (*Problem, error) {
	p := new(Problem)
	if err := json.Unmarshal(text, p); err != nil || p.Type == "" || p.Title != http.StatusText(p.Status) || p.Detail == "" {
		return nil, fmt.Errorf("this is not a problem: %s (%w)", text, err)
	}
	return p, nil
}

// HTTPProblem reads the refusal of an HTTP request.
func HTTPProblem(response *http.Response) error {
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "application/problem+json" {
		return fmt.Errorf("%s, a problem of type %q: %s", response.Status, kind, text)
	}
	p, err := parseProblem(text)
	if err != nil {
		return err
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	p.RetryAfter = time.Duration(seconds) * time.Second
	if p.Status != response.StatusCode || p.Retryable != (seconds > 0) {
		return fmt.Errorf("%s with Retry-After %d says %s", response.Status, seconds, text)
	}
	return p
}

// grpcProblem reads the problem in a status's details; an error without one stays as it is.
func grpcProblem(err error) error {
	told, ok := status.FromError(err)
	if !ok || err == nil {
		return err
	}
	var p *Problem
	var wait time.Duration
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *leatv1.Problem:
			parsed, wrong := parseProblem(detail.GetJson())
			if wrong != nil {
				return wrong
			}
			p = parsed
		case *errdetails.RetryInfo:
			wait = detail.GetRetryDelay().AsDuration()
		}
	}
	if p == nil {
		return err
	}
	p.Code, p.RetryAfter = told.Code(), wait
	if p.Retryable != (wait > 0) || told.Message() != p.Detail {
		return fmt.Errorf("the status %w with a wait of %s says %q, retryable: %v", err, wait, p.Detail, p.Retryable)
	}
	return p
}
