package ingest

import (
	"context"
	"sync"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"golang.org/x/sync/semaphore"
)

// An Upload is a long upload; one goroutine uses it, and another, which Close waits for, asks what became of each event.
type Upload struct {
	ingest  *Ingest
	name    string // the stream's
	pathKey event.Key
	pending chan upload         // in order; refusals too, so that the first 100 errors are those of the first lines
	room    *semaphore.Weighted // for the bytes of data in pending
	settled chan struct{}       // closed when nothing is pending any more
	summary Summary             // complete when settled is closed

	mu     sync.Mutex // guards the fields below
	failed error      // the log's: more events would fare no better
	first  uint64     // the number of the event that failed first
}

// upload is one event of which the end is not known, or not told yet.
type upload struct {
	number uint64
	bytes  int64
	wait   func(context.Context) (eventlog.Appended, error) // nil where refuse is set
	refuse *problem.Error
	typ    string // the event's, if it could be read
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
	Type    string // of the event, if it could be read
	Problem *problem.Error
}

// An upload is at most so far ahead of the log's acknowledgements.
const (
	maxPending      = 256
	maxPendingBytes = 4 << 20
)

// Upload begins a long upload of single events, each stored or refused as it comes, in bounded memory. Where it gives
// no error, the caller must Close it.
func (in *Ingest) Upload(ctx context.Context, stream string, o Options) (*Upload, error) {
	_, pathKey, err := in.begin(stream, o)
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
	u := &Upload{
		ingest:  in,
		name:    stream,
		pathKey: pathKey,
		pending: make(chan upload, maxPending),
		room:    semaphore.NewWeighted(maxPendingBytes),
		settled: make(chan struct{}),
	}
	go u.settle(context.WithoutCancel(ctx))
	return u, nil
}

// stream is what it uploads to, which may change meanwhile.
func (u *Upload) stream() *stream { return u.ingest.stream(u.name) }

// Add stores or refuses the next event; number is its line (from 1) or index (from 0) in Summary's errors. It blocks
// while too many appends are under way. An error means that the upload cannot go on; a refused event is none.
func (u *Upload) Add(ctx context.Context, number uint64, e Event) error {
	if _, failed := u.failure(); failed != nil {
		return failed
	}
	s := u.stream()
	record, err := s.Check(e, u.pathKey)
	if err != nil {
		u.Refuse(number, e.Type, problem.From(err))
		return nil
	}
	next := upload{number: number, typ: e.Type, bytes: int64(len(record.Data))}
	if err := u.room.Acquire(ctx, next.bytes); err != nil {
		return err
	}
	if next.wait, err = s.log.AppendAsync(ctx, record); err != nil {
		next.wait = func(context.Context) (eventlog.Appended, error) { return eventlog.Appended{}, err }
	}
	u.pending <- next
	if err != nil && isFinal(err) {
		return err
	}
	return nil
}

// Refuse counts an event that could not even be decoded; its type is empty where that could not be either.
func (u *Upload) Refuse(number uint64, eventType string, why *problem.Error) {
	u.pending <- upload{number: number, typ: eventType, refuse: why}
}

// Close waits for the appends under way, and tells what became of the upload.
func (u *Upload) Close() Summary {
	close(u.pending)
	<-u.settled
	return u.summary
}

// settle finds out what became of each event until Close. Nothing makes it give up: the log bounds each wait.
func (u *Upload) settle(ctx context.Context) {
	defer close(u.settled)
	for next := range u.pending {
		if next.wait != nil {
			appended, err := next.wait(ctx)
			u.room.Release(next.bytes)
			if err == nil {
				result := u.stream().result(appended)
				u.summary.Stored++
				if result.ID.Sequence() > u.summary.Last.Sequence() { // a repeat has an old one
					u.summary.Last = result.ID
				}
				continue
			}
			next.refuse = u.fail(next.number, err)
		}
		u.summary.Refused++
		if len(u.summary.Errors) < maxErrors {
			u.summary.Errors = append(u.summary.Errors, UploadError{next.number, next.typ, next.refuse})
		}
	}
}

// fail takes an error of the log.
func (u *Upload) fail(number uint64, err error) *problem.Error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed == nil && isFinal(err) {
		u.failed, u.first = err, number
	}
	return problem.From(err)
}

// failure is the log's error that ended the upload, and the number of the event that met it first.
func (u *Upload) failure() (first uint64, failed error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.first, u.failed
}

// isFinal tells whether an error of the log ends the upload: what passes by itself, or is our bug.
func isFinal(err error) bool {
	p := problem.From(err)
	return p.Retryable() || p.Kind == problem.Internal
}
