package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/problem"
	"google.golang.org/grpc/codes"
)

func TestEachKindHasTheStatusesOfTheWireReference(t *testing.T) {
	for _, want := range []struct {
		kind      problem.Kind
		http      int
		grpc      codes.Code
		close     uint16
		retryable bool
	}{
		{problem.Internal, 500, codes.Internal, 1011, false},
		{problem.Malformed, 400, codes.InvalidArgument, 1007, false},
		{problem.Forbidden, 403, codes.PermissionDenied, 1008, false},
		{problem.NotFound, 404, codes.NotFound, 1008, false},
		{problem.MethodNotAllowed, 405, codes.Unimplemented, 1003, false},
		{problem.NotAcceptable, 406, codes.InvalidArgument, 1003, false},
		{problem.UnsupportedMedia, 415, codes.InvalidArgument, 1003, false},
		{problem.Conflict, 409, codes.AlreadyExists, 1008, false},
		{problem.PreconditionFailed, 412, codes.FailedPrecondition, 1008, false},
		{problem.TooLarge, 413, codes.ResourceExhausted, 1009, false},
		{problem.HeadersTooLarge, 431, codes.ResourceExhausted, 1009, false},
		{problem.Invalid, 422, codes.InvalidArgument, 1008, false},
		{problem.TooMany, 429, codes.ResourceExhausted, 1013, true},
		{problem.Unavailable, 503, codes.Unavailable, 1013, true},
		{problem.Draining, 503, codes.Unavailable, 1012, true},
		{problem.BackendUnavailable, 502, codes.Unavailable, 1013, true},
		{problem.BackendFailed, 502, codes.Unavailable, 1011, false},
		{problem.BackendLate, 504, codes.DeadlineExceeded, 1013, false},
	} {
		e := problem.New(want.kind, "what and where")
		if e.HTTP() != want.http || e.GRPC() != want.grpc || e.Close() != want.close || e.Retryable() != want.retryable || (e.Wait() > 0) != want.retryable {
			t.Errorf("%+v: got %d, %s, %d, %v, %s", want, e.HTTP(), e.GRPC(), e.Close(), e.Retryable(), e.Wait())
		}
	}
}

func TestAPanicIsABugOfOurs(t *testing.T) {
	err := func() (err error) {
		defer problem.Caught(&err)
		panic("a bug")
	}()
	p := problem.From(err)
	if p.Kind != problem.Internal || !strings.Contains(p.Error(), "panic: a bug") || !strings.Contains(p.Error(), "problem_test.go") || strings.Contains(p.Detail, "bug") {
		t.Errorf("the client is told %q, the log %q", p.Detail, p.Error())
	}
	broken := errors.New("broken")
	if err := func() (err error) {
		defer problem.Caught(&err)
		return broken
	}(); !errors.Is(err, broken) {
		t.Errorf("without a panic: %v", err)
	}
}

func TestAProblemIsRFC9457sObject(t *testing.T) {
	invalid := problem.New(problem.Invalid, "no such thing")
	invalid.Violations = []problem.Violation{{Pointer: "/data/orderId", Detail: "is required"}}
	failed := problem.New(problem.PreconditionFailed, "moved on")
	failed.Position = "b7k2-7"
	for want, e := range map[string]*problem.Error{
		`{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"no such thing","retryable":false,"errors":[{"pointer":"/data/orderId","detail":"is required"}]}`: invalid,
		`{"type":"about:blank","title":"Precondition Failed","status":412,"detail":"moved on","retryable":false,"position":"b7k2-7"}`:                                                 failed,
		`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"later","retryable":true}`:                                                                         problem.New(problem.Draining, "later"),
	} {
		if got := string(e.JSON()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestWriteSetsTheHeadersThatTheKindAsksFor(t *testing.T) {
	busy := problem.New(problem.TooMany, "slow down")
	busy.RetryAfter = 1500 * time.Millisecond
	failed := problem.New(problem.PreconditionFailed, "moved on")
	failed.Position = "b7k2-7"
	method := problem.New(problem.MethodNotAllowed, "GET only")
	method.Allow = "GET, HEAD"
	for _, want := range []struct {
		err           error
		status        int
		header, value string
	}{
		{busy, 429, "Retry-After", "2"},
		{problem.New(problem.Unavailable, "later"), 503, "Retry-After", "1"},
		{problem.New(problem.NotFound, "none"), 404, "Retry-After", ""},
		{failed, 412, "ETag", `"b7k2-7"`},
		{method, 405, "Allow", "GET, HEAD"},
		{fmt.Errorf("around it: %w", failed), 412, "ETag", `"b7k2-7"`},
		{errors.New("a secret"), 500, "Cache-Control", "no-store"},
	} {
		w := httptest.NewRecorder()
		problem.Write(w, want.err)
		var body struct{ Status int }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Status != want.status || w.Code != want.status {
			t.Errorf("%v: %d, %s", want.err, w.Code, w.Body)
		}
		if got := w.Header().Get(want.header); got != want.value || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: %s is %q, want %q; %v", want.err, want.header, got, want.value, w.Header())
		}
	}
}

func TestWhatIsNoProblemIsOursAndClientsSeeNothingOfIt(t *testing.T) {
	secret := fmt.Errorf("open the log: %w", io.ErrUnexpectedEOF)
	e := problem.From(secret)
	if e.Kind != problem.Internal || !strings.HasSuffix(e.Error(), secret.Error()) || !errors.Is(e, io.ErrUnexpectedEOF) || json.Valid(e.JSON()) == false {
		t.Errorf("got %+v", e)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(e.Error(), "id "), ":")
	if strings.Contains(e.Detail, "EOF") || !strings.HasSuffix(e.Detail, id) {
		t.Errorf("clients are told %q, and the log %q", e.Detail, e.Error())
	}
	known := problem.New(problem.Unavailable, "the log does not answer: %w", io.ErrClosedPipe)
	if got := problem.From(fmt.Errorf("subscribe: %w", known)); got != known || !errors.Is(got, io.ErrClosedPipe) || got.Error() != "the log does not answer: io: read/write on closed pipe" {
		t.Errorf("got %+v", got)
	}
}

func TestDidYouMeanNamesWhatIsNear(t *testing.T) {
	known := []string{"orders", "prices", "telemetry"}
	for name, want := range map[string]bool{"order": true, "ordres": true, "Orders": true, "prices": true, "xyzzy": false, "": false} {
		if got := problem.DidYouMean(name, known); (got != "") != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}
