package problem_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/problem"
	"google.golang.org/grpc/codes"
)

func TestAForeignProblemKeepsItsMembersAndHasTheRealStatus(t *testing.T) {
	for _, tt := range []struct {
		status     int
		body, want string
	}{
		{409, `{"type":"https://x.example/a","title":"T","detail":"d","status":200,"more":{"a":[1.0]},"retryable":true}`,
			`{"type":"https://x.example/a","title":"T","status":409,"detail":"d","more":{"a":[1.0]},"retryable":true}`},
		{404, ` { "detail" : "gone \u003c away" } `, `{"type":"about:blank","title":"Not Found","status":404,"detail":"gone \u003c away","retryable":false}`},
		{429, `{"detail":"slow down"}`, `{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"slow down","retryable":true}`},
		{429, `{"detail":"never","retryable":false}`, `{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"never","retryable":false}`},
		{400, `{"type":7,"title":[],"detail":{},"retryable":"yes"}`,
			`{"type":"about:blank","title":"Bad Request","status":400,"retryable":false,"detail":"the backend has refused the command with the status 400 Bad Request"}`},
		{400, `{"detail":"a","detail":"b"}`, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"the backend has refused the command with the status 400 Bad Request","retryable":false}`},
		{499, ``, `{"type":"about:blank","title":"","status":499,"detail":"the backend has refused the command with the status 499","retryable":false}`},
		{400, `{"detail":"` + strings.Repeat("x", problem.MaxForeign) + `"}`, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"the backend has refused the command with the status 400 Bad Request","retryable":false}`},
		{400, `{"errors":"many","detail":"d"}`, `{"type":"about:blank","title":"Bad Request","status":400,"errors":"many","detail":"d","retryable":false}`},
	} {
		e := problem.Foreign(tt.status, []byte(tt.body))
		if got := string(e.JSON()); got != tt.want || e.HTTP() != tt.status || e.Kind != problem.Refused {
			t.Errorf("%d %.100s:\ngot  %.300s\nwant %s", tt.status, tt.body, got, tt.want)
		}
	}
}

func TestAForeignProblemHasTheStatusOfItsKindOnEachWire(t *testing.T) {
	for status, want := range map[int]codes.Code{
		400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 404: codes.NotFound, 409: codes.AlreadyExists,
		412: codes.FailedPrecondition, 413: codes.ResourceExhausted, 418: codes.FailedPrecondition, 422: codes.InvalidArgument, 429: codes.ResourceExhausted,
	} {
		e := problem.Foreign(status, nil)
		if e.GRPC() != want || e.Retryable() != (status == 429) || e.Close() != 1008 {
			t.Errorf("%d: got %s, retryable %v, close %d", status, e.GRPC(), e.Retryable(), e.Close())
		}
	}
	busy := problem.Foreign(429, nil)
	busy.RetryAfter = 7 * time.Second
	w := httptest.NewRecorder()
	problem.Write(w, busy)
	if w.Code != 429 || w.Header().Get("Retry-After") != "7" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
}

func TestACauseIsForTheLogAlone(t *testing.T) {
	e := problem.New(problem.BackendFailed, "broken").Because(io.ErrUnexpectedEOF)
	if !errors.Is(e, io.ErrUnexpectedEOF) || e.Error() != "broken" || strings.Contains(string(e.JSON()), "EOF") {
		t.Errorf("got %q, %s", e.Error(), e.JSON())
	}
}
