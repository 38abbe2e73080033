package ingest

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// PublishAll stores the events whole or not at all. It gives one result an event, but for a repeat of an idempotent
// request: then those of the first one, however many it had.
func (in *Ingest) PublishAll(ctx context.Context, stream string, events []Event, o Options) ([]Result, error) {
	if o.IfMatch != nil {
		return nil, problem.New(problem.Malformed, "If-Match and If-None-Match are for single events, not for arrays and batches")
	}
	s, pathKey, err := in.begin(stream, o)
	if err != nil {
		return nil, err
	}
	records, err := s.checkAll(events, pathKey)
	if err != nil {
		return nil, err
	}
	if o.IdempotencyKey != "" {
		return s.appendOnce(ctx, records, o.IdempotencyKey)
	}
	return s.appendAll(ctx, records)
}

// checkAll checks each event, and tells what is wrong with as many as possible at once.
func (c *checker) checkAll(events []Event, pathKey event.Key) ([]eventlog.Record, error) {
	switch {
	case len(events) == 0:
		return nil, problem.New(problem.Malformed, "the array is empty: it has 1 to %d events", maxEvents)
	case len(events) > maxEvents:
		return nil, tooMany()
	}
	records := make([]eventlog.Record, len(events))
	var size, wrong int
	var all *problem.Error
	for i, e := range events {
		record, err := c.check(e, pathKey)
		if err != nil {
			p := at(i, err)
			if p.Kind != problem.Invalid {
				return nil, p
			}
			if wrong++; all == nil {
				all = p
			} else if len(all.Violations) < maxErrors {
				all.Violations = append(all.Violations, p.Violations...)
			}
			continue
		}
		records[i] = record
		size += len(record.Data)
	}
	if wrong > 1 {
		all.Detail = fmt.Sprintf("%d of the %d events are not what the contract says; nothing was stored", wrong, len(events))
	}
	if all != nil {
		return nil, all
	}
	if size > maxRequestBytes {
		return nil, problem.New(problem.TooLarge, "the events have %d bytes of data together, and at most %d are taken at once: "+
			"send them in several arrays, or as application/x-ndjson", size, maxRequestBytes)
	}
	return records, nil
}

// maxErrors bounds what one answer lists.
const maxErrors = 100

func tooMany() error {
	return problem.New(problem.TooLarge, "at most %d events are stored at once: send them in several arrays, or as application/x-ndjson", maxEvents)
}

// at says in a problem which event of an array it is about.
func at(i int, err error) *problem.Error {
	p := *problem.From(err)
	p.Detail = "event " + strconv.Itoa(i) + " (from 0): " + p.Detail
	violations := make([]problem.Violation, len(p.Violations))
	for j, v := range p.Violations {
		violations[j] = problem.Violation{Pointer: "/" + strconv.Itoa(i) + v.Pointer, Detail: v.Detail}
	}
	p.Violations = violations
	return &p
}

// appendAll stores records; those of the same name within the request are one event.
func (s *stream) appendAll(ctx context.Context, records []eventlog.Record) ([]Result, error) {
	distinct := make([]eventlog.Record, 0, len(records))
	place := make([]int, len(records)) // of each record in distinct
	first := map[string]int{}
	for i, r := range records {
		if j, ok := first[r.Dedupe]; ok && r.Dedupe != "" {
			place[i] = j
			continue
		}
		place[i], first[r.Dedupe] = len(distinct), len(distinct)
		distinct = append(distinct, r)
	}
	appended, err := s.log.AppendBatch(ctx, distinct)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(records))
	seen := make([]bool, len(distinct))
	for i, j := range place {
		if seen[j] {
			results[i] = Result{ID: appended[j].Position, Duplicate: true}
			continue
		}
		seen[j] = true
		results[i] = s.result(appended[j])
	}
	return results, nil
}

// appendOnce stores the records of an idempotent request. A repeat has to be seen before anything is stored, because
// it need not have as many events as the first: the log then finds the first one's first and last event by name, and
// what was stored at once lies between them.
func (s *stream) appendOnce(ctx context.Context, records []eventlog.Record, key string) ([]Result, error) {
	begin, repeated, err := s.stored(ctx, records[0], requestName(key, 0))
	if err != nil {
		return nil, err
	}
	if !repeated {
		for i := range records {
			records[i].Dedupe = requestName(key, i)
		}
		if last := len(records) - 1; last > 0 {
			records[last].Dedupe = requestEnd(key)
		}
		return s.appendAll(ctx, records)
	}
	end, several, err := s.stored(ctx, records[0], requestEnd(key))
	if err != nil {
		return nil, err
	}
	results := []Result{{ID: begin, Duplicate: true}}
	if several && end.Incarnation() == begin.Incarnation() {
		for n := begin.Sequence() + 1; n <= end.Sequence() && len(results) < maxEvents; n++ {
			results = append(results, Result{ID: event.NewPosition(begin.Incarnation(), n), Duplicate: true})
		}
	}
	return results, nil
}

// stored looks for the event of a name. It asks the log to store a record of that name on a condition that cannot
// hold: a duplicate is answered as such, anything else fails.
func (s *stream) stored(ctx context.Context, record eventlog.Record, name string) (event.Position, bool, error) {
	record.Dedupe = name
	never := uint64(math.MaxInt64)
	appended, err := s.log.Append(ctx, record, &never)
	if err != nil {
		if problem.From(err).Kind == problem.PreconditionFailed {
			return event.Position{}, false, nil
		}
		return event.Position{}, false, err
	}
	return appended.Position, true, nil
}
