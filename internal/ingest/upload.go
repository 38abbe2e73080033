package ingest

import (
	"context"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// An Upload is a long upload; one goroutine uses it.
type Upload struct {
	stream  *stream
	pathKey event.Key
	pending []upload // in order; what became of the oldest is asked first
	bytes   int      // of data in pending
	summary Summary
	failed  error  // the log's: more events would fare no better
	first   uint64 // the number of the event that failed first
}

// upload is one event of which the end is not known, or not told yet.
type upload struct {
	number uint64
	bytes  int
	wait   func(context.Context) (eventlog.Appended, error) // nil where refused is set
	refuse *problem.Error
}

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

// An upload is at most so far ahead of the log's acknowledgements.
const (
	maxPending      = 256
	maxPendingBytes = 4 << 20
)

// Upload begins a long upload of single events, each stored or refused as it comes, in bounded memory.
func (in *Ingest) Upload(ctx context.Context, stream string, o Options) (*Upload, error) {
	s, pathKey, err := in.begin(stream, o)
	if err != nil {
		return nil, err
	}
	if o.IdempotencyKey != "" {
		return nil, problem.New(problem.Malformed, "Idempotency-Key covers a whole request, and an upload is none: "+
			"send an array, or CloudEvents with their own source and id")
	}
	if o.IfMatch != nil {
		return nil, problem.New(problem.Malformed, "If-Match and If-None-Match are for single events, not for uploads")
	}
	return &Upload{stream: s, pathKey: pathKey}, nil
}

// Add stores or refuses the next event; number is its line (from 1) or index (from 0) in Summary's errors. It blocks
// while too many appends are under way. An error means that the upload cannot go on; a refused event is none.
func (u *Upload) Add(ctx context.Context, number uint64, e Event) error {
	if u.failed != nil {
		return u.failed
	}
	record, err := u.stream.check(e, u.pathKey)
	if err != nil {
		u.Refuse(number, problem.From(err))
		return u.failed
	}
	for len(u.pending) > 0 && u.bytes+len(record.Data) > maxPendingBytes {
		u.settle(ctx)
	}
	wait, err := u.stream.log.AppendAsync(ctx, record)
	if err != nil {
		u.push(ctx, upload{number: number, refuse: u.fail(number, err)})
		return u.failed
	}
	u.push(ctx, upload{number: number, bytes: len(record.Data), wait: wait})
	return u.failed
}

// Refuse counts an event that could not even be decoded.
func (u *Upload) Refuse(number uint64, why *problem.Error) {
	u.push(context.Background(), upload{number: number, refuse: why})
}

// Close waits for the appends under way, and tells what became of the upload.
func (u *Upload) Close() Summary {
	for len(u.pending) > 0 {
		u.settle(context.Background())
	}
	return u.summary
}

// push queues refusals too, so that the first 100 errors are those of the first lines.
func (u *Upload) push(ctx context.Context, next upload) {
	for len(u.pending) >= maxPending {
		u.settle(ctx)
	}
	u.pending = append(u.pending, next)
	u.bytes += next.bytes
}

// settle tells what became of the oldest event.
func (u *Upload) settle(ctx context.Context) {
	oldest := u.pending[0]
	u.pending = u.pending[1:]
	u.bytes -= oldest.bytes
	if oldest.wait != nil {
		appended, err := oldest.wait(ctx)
		if err == nil {
			result := u.stream.result(appended)
			u.summary.Stored++
			if result.ID.Sequence() > u.summary.Last.Sequence() { // a repeat has an old one
				u.summary.Last = result.ID
			}
			return
		}
		oldest.refuse = u.fail(oldest.number, err)
	}
	u.summary.Refused++
	if len(u.summary.Errors) < maxErrors {
		u.summary.Errors = append(u.summary.Errors, UploadError{oldest.number, oldest.refuse})
	}
}

// fail takes an error of the log: what passes by itself, or is our bug, ends the upload.
func (u *Upload) fail(number uint64, err error) *problem.Error {
	p := problem.From(err)
	if u.failed == nil && (p.Retryable() || p.Kind == problem.Internal) {
		u.failed, u.first = err, number
	}
	return p
}
