package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Log.
type Options struct {
	Dir      string // where `disk` streams are kept; empty: a temporary folder, gone with Close
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// A Log is the embedded JetStream server and its streams.
type Log struct{}

// Open starts the embedded server on a folder, which one process at a time can have.
func Open(ctx context.Context, o Options) (*Log, error) { return nil, nil }

// Stream opens a stream of the contract: it is made, or changed to the contract's retention.
func (l *Log) Stream(ctx context.Context, s *contract.Stream) (*Stream, error) { return nil, nil }

// Ping makes a round trip to the log.
func (l *Log) Ping(ctx context.Context) error { return nil }

// Close stops the server cleanly, and leaves the mark that says so.
func (l *Log) Close() error { return nil }

// A Stream is the stored events of one stream of the contract. Errors are problems where a client can be told.
type Stream struct{}

// Append stores one event and waits until it is as durable as the contract asks. ifLast, where not nil, is the
// sequence that the key's newest event must have, of any type (0: none); else problem.PreconditionFailed, with
// the position of the newest.
func (s *Stream) Append(ctx context.Context, r Record, ifLast *uint64) (Appended, error) {
	return Appended{}, nil
}

// AppendAsync begins to store one event, in order with those begun before it by the same caller, and gives what
// waits for its end. It blocks while too many are under way.
func (s *Stream) AppendAsync(ctx context.Context, r Record) (func(context.Context) (Appended, error), error) {
	return nil, nil
}

// AppendBatch stores at most 1,000 events whole or not at all. Records that are duplicates keep the first one's
// position; the others are stored together.
func (s *Stream) AppendBatch(ctx context.Context, records []Record) ([]Appended, error) {
	return nil, nil
}

// State, Read, Since and Follow are what hub.Log asks for.
func (s *Stream) State(ctx context.Context) (State, error) { return State{}, nil }

// Read gives the events after a sequence, in order.
func (s *Stream) Read(ctx context.Context, r ReadRequest) ([]Entry, error) { return nil, nil }

// Since gives the sequence of the first event stored at t or later, Last+1 where there is none.
func (s *Stream) Since(ctx context.Context, t time.Time) (uint64, error) { return 0, nil }

// Follow delivers the events after a sequence as they are stored.
func (s *Stream) Follow(ctx context.Context, after uint64, deliver func([]Entry)) error { return nil }

// LastOf gives the position of a key's newest event, the zero Position where it has none.
func (s *Stream) LastOf(ctx context.Context, k event.Key) (event.Position, error) {
	return event.Position{}, nil
}
