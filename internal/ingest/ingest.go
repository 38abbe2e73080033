// Package ingest takes events from publishers: it decodes them, checks them against the contract, appends them to the
// event log, and answers when they are as durable as the contract asks.
package ingest

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
)

// An Ingest publishes to the streams of one contract.
type Ingest struct {
	logger    *slog.Logger
	published *prometheus.CounterVec
	streams   atomic.Pointer[streams]
	changing  sync.Mutex // held while streams are added or changed
}

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

	Traceparent, Tracestate string // a CloudEvent's, as they came, for backends; empty: not given

	// keyIsSubject tells that Key is a CloudEvents subject, which producers set for purposes of their own: on a stream
	// without keys it is ignored, like their extensions.
	keyIsSubject bool
}

// Options of one publish request.
type Options struct {
	PathKey        *string // the key in the route; nil: none
	IdempotencyKey string  // empty: none. Covers the whole request
	IfMatch        *string // a position; empty: only if the key has no event yet (If-None-Match: *)
	Names          Names   // what the client calls the two above
}

// Result is the answer to one stored event.
type Result struct {
	ID        event.Position // zero on a stream of durability none
	Duplicate bool
}

// stream is a stream of the contract with its log.
type stream struct {
	*Checker
	log       Log
	published prometheus.Counter
}

// streams are those of the contract; they never change, and others take their place.
type streams struct {
	byName map[string]*stream
	names  []string // in the order of Add
}

// New makes an Ingest of no streams yet.
func New(logger *slog.Logger, registry prometheus.Registerer) *Ingest {
	in := &Ingest{
		logger: logger,
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_events_published_total",
			Help: "Events stored, or passed on where the stream stores none; repeats do not count.",
		}, []string{"stream"}),
	}
	in.streams.Store(&streams{})
	registry.MustRegister(in.published)
	return in
}

// Add gives it a stream, of which nothing is published that does not fit; nil where everything does.
func (in *Ingest) Add(s *contract.Stream, log Log, fits Fits) {
	in.put(&stream{NewChecker(s), log, in.published.WithLabelValues(s.Name)}, fits)
}

// Change gives a stream that is there another declaration, with the same key and durability.
func (in *Ingest) Change(s *contract.Stream, fits Fits) {
	old := in.stream(s.Name)
	in.put(&stream{NewChecker(s), old.log, old.published}, fits)
}

func (in *Ingest) put(s *stream, fits Fits) {
	s.Restrict(fits)
	in.changing.Lock()
	defer in.changing.Unlock()
	old, name := in.streams.Load(), s.contract.Name
	all := &streams{maps.Clone(old.byName), old.names}
	if all.byName == nil {
		all.byName = map[string]*stream{}
	}
	if all.byName[name] == nil {
		all.names = append(slices.Clone(all.names), name)
	}
	all.byName[name] = s
	in.streams.Store(all)
}

// stream gives a stream as it is now, nil where there is none.
func (in *Ingest) stream(name string) *stream { return in.streams.Load().byName[name] }

// Publish stores one event. Errors are problems.
func (in *Ingest) Publish(ctx context.Context, stream string, e Event, o Options) (Result, error) {
	s, pathKey, err := in.begin(stream, o)
	if err != nil {
		return Result{}, err
	}
	record, err := s.Check(e, pathKey)
	if err != nil {
		return Result{}, err
	}
	if o.IdempotencyKey != "" {
		record.Dedupe = requestName(o.IdempotencyKey, 0)
	}
	ifLast, err := s.ifLast(ctx, record.Key, o)
	if err != nil {
		return Result{}, err
	}
	appended, err := s.log.Append(ctx, record, ifLast)
	if err != nil {
		return Result{}, o.Names.reword(err)
	}
	return s.result(appended), nil
}

// begin finds the stream of a request, and checks what concerns the request as a whole.
func (in *Ingest) begin(name string, o Options) (*stream, event.Key, error) {
	all := in.streams.Load()
	s, ok := all.byName[name]
	if !ok {
		return nil, event.Key{}, UnknownStream(name, all.names)
	}
	pathKey, err := s.PathKey(o.PathKey)
	if err != nil {
		return nil, event.Key{}, err
	}
	if len(o.IdempotencyKey) > maxIdempotencyKey {
		return nil, event.Key{}, problem.New(problem.Malformed, "%s is %d bytes long: at most %d are allowed",
			o.Names.idempotencyKey(), len(o.IdempotencyKey), maxIdempotencyKey)
	}
	if s.contract.Durability == contract.None {
		if o.IdempotencyKey != "" {
			return nil, event.Key{}, unstored(name, o.Names.idempotencyKey())
		}
		if o.IfMatch != nil {
			return nil, event.Key{}, unstored(name, o.Names.conditions())
		}
	}
	return s, pathKey, nil
}

// UnknownStream is the problem of a stream that the contract does not have.
func UnknownStream(name string, known []string) error {
	return problem.New(problem.NotFound, "no stream %q in the contract%s (its streams: %s)",
		brief(name), problem.DidYouMean(name, known), strings.Join(known, ", "))
}

func unstored(name, what string) error {
	return problem.New(problem.Malformed, "stream %q has durability none, so no event is stored that %s could refer to: leave it out",
		name, what)
}

// result counts a stored event.
func (s *stream) result(a eventlog.Appended) Result {
	if !a.Duplicate {
		s.published.Inc()
	}
	return Result{ID: a.Position, Duplicate: a.Duplicate}
}

// brief keeps a client's text short in an answer.
func brief(text string) string {
	if len(text) <= 100 {
		return text
	}
	return strings.ToValidUTF8(text[:100], "") + "…"
}
