// Package ingest takes events from publishers: it decodes them, checks them against the contract, appends them to the
// event log, and answers when they are as durable as the contract asks.
package ingest

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
)

// A Log is what ingest needs of a stream's event log: *eventlog.Stream.
type Log = *eventlog.Stream

// An Event is one event as a publisher gives it, nothing of it checked yet.
type Event struct {
	Type string
	Key  *string // in body or subject; nil: not given
	Time *string // RFC 3339; nil: not given
	Data []byte  // JSON as it came; nil: not given (422 at /data)
	// Dedupe names the event among all of its stream, for CloudEvents' source and id; empty: no two are the same.
	Dedupe string
}

// Options of one publish request.
type Options struct {
	PathKey        *string // the key in the route; nil: none
	IdempotencyKey string  // empty: none. Covers the whole request
	IfMatch        *string // a position; empty: only if the key has no event yet (If-None-Match: *)
}

// Result is the answer to one stored event.
type Result struct {
	ID        event.Position // zero on a stream of durability none
	Duplicate bool
}

// An Ingest publishes to the streams of one contract.
type Ingest struct{}

// New makes an Ingest of no streams yet.
func New(logger *slog.Logger, registry prometheus.Registerer) *Ingest { return &Ingest{} }

// Add gives it a stream; all are added before the first Publish.
func (in *Ingest) Add(s *contract.Stream, log Log) {}

// Publish stores one event. Errors are problems.
func (in *Ingest) Publish(ctx context.Context, stream string, e Event, o Options) (Result, error) {
	return Result{}, nil
}

// PublishAll stores the events whole or not at all.
func (in *Ingest) PublishAll(ctx context.Context, stream string, events []Event, o Options) ([]Result, error) {
	return nil, nil
}

// Upload begins a long upload of single events, each stored or refused as it comes, in bounded memory.
func (in *Ingest) Upload(ctx context.Context, stream string, o Options) (*Upload, error) {
	return nil, nil
}

// An Upload is a long upload; one goroutine uses it.
type Upload struct{}

// Add stores or refuses the next event; number is its line (from 1) or index (from 0) in Summary's errors. It blocks
// while too many appends are under way. An error means that the upload cannot go on; a refused event is none.
func (u *Upload) Add(ctx context.Context, number uint64, e Event) error { return nil }

// Refuse counts an event that could not even be decoded.
func (u *Upload) Refuse(number uint64, why *problem.Error) {}

// Close waits for the appends under way, and tells what became of the upload.
func (u *Upload) Close() Summary { return Summary{} }

// Summary is what became of an upload.
type Summary struct {
	Stored, Refused uint64
	Last            event.Position // of the newest event stored
	Errors          []UploadError  // the first 100
}

// UploadError is one event that was refused.
type UploadError struct {
	Number  uint64
	Problem *problem.Error
}

// ServeHTTP answers POST /events/{stream} and POST /events/{stream}/{key} (path values "stream" and "key").
func (in *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
