package ingest_test

import (
	"errors"
	"testing"

	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

func TestTheAdviceToRetryNamesTheKeyAsItsWireDoes(t *testing.T) {
	unsure := problem.New(problem.Unavailable, "it may have been stored: retry with the same Idempotency-Key: %w", errors.New("no answer"))
	for _, c := range []struct {
		names ingest.Names
		want  string
	}{
		{ingest.Names{}, "it may have been stored: retry with the same Idempotency-Key: no answer"},
		{ingest.Names{IdempotencyKey: "idempotencyKey"}, "it may have been stored: retry with the same idempotencyKey: no answer"},
	} {
		got := problem.From(ingest.Reword(c.names, unsure))
		if got.Detail != c.want || got.Kind != problem.Unavailable || errors.Unwrap(got) == nil {
			t.Errorf("got %v, want %q with its kind and cause", got, c.want)
		}
	}
	other := errors.New("ours")
	if got := ingest.Reword(ingest.Names{IdempotencyKey: "k"}, other); !errors.Is(got, other) {
		t.Errorf("got %v, want %v as it is", got, other)
	}
}
