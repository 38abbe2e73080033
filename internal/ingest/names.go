package ingest

import (
	"strings"

	"github.com/leatstream/leat/internal/problem"
)

// Names are what a wire calls the options of a publish request, so that its clients are told about what they sent. The
// zero Names are HTTP's headers.
type Names struct {
	IdempotencyKey string
	IfMatch        string
}

const idempotencyHeader = "Idempotency-Key"

func (n Names) idempotencyKey() string {
	if n.IdempotencyKey == "" {
		return idempotencyHeader
	}
	return n.IdempotencyKey
}

func (n Names) ifMatch() string {
	if n.IfMatch == "" {
		return "If-Match"
	}
	return n.IfMatch
}

// conditions are what can ask for a state of the key.
func (n Names) conditions() string {
	if n.IfMatch == "" {
		return "If-Match and If-None-Match"
	}
	return n.IfMatch
}

// reword gives an error of the event log, which advises to send the same key again and knows no wire, in the words of
// this one.
func (n Names) reword(err error) error {
	p := problem.From(err)
	if p.Kind != problem.Unavailable || n.IdempotencyKey == "" {
		return err
	}
	told := *p
	told.Detail = strings.Replace(p.Detail, idempotencyHeader, n.IdempotencyKey, 1)
	return &told
}
