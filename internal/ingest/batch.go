package ingest

import (
	"context"
	"fmt"
	"strconv"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// publish stores what one request has, which is one event unless it has several. It gives what to answer: the results,
// and whether they are those of several. A repeat of an idempotent request gets what the first one got, however many events
// each has.
func (in *Ingest) publish(ctx context.Context, stream string, events []Event, several bool, o Options) (_ []Result, many bool, err error) {
	var results []Result
	if several {
		results, err = in.PublishAll(ctx, stream, events, o)
	} else {
		results = make([]Result, 1)
		results[0], err = in.Publish(ctx, stream, events[0], o)
	}
	if err != nil || o.IdempotencyKey == "" || !results[0].Duplicate {
		return results, several, err
	}
	s := in.stream(stream)
	first, many, err := s.log.FirstAnswer(ctx, results[0].ID)
	if err != nil || first == nil {
		return results, several, err
	}
	results = make([]Result, len(first))
	for i, a := range first {
		results[i] = s.result(a)
	}
	return results, many, nil
}

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
	records, err := s.CheckAll(events, pathKey)
	if err != nil {
		return nil, err
	}
	if o.IdempotencyKey != "" {
		for i := range records {
			records[i].Dedupe = requestName(o.IdempotencyKey, i)
		}
	}
	appended, err := s.log.AppendBatch(ctx, records)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(appended))
	for i, a := range appended {
		results[i] = s.result(a)
	}
	return results, nil
}

// CheckAll checks each event, and tells what is wrong with as many as possible at once.
func (c *Checker) CheckAll(events []Event, pathKey event.Key) ([]eventlog.Record, error) {
	switch {
	case len(events) == 0:
		return nil, problem.New(problem.Malformed, "the array is empty: it has 1 to %d events", MaxEvents)
	case len(events) > MaxEvents:
		return nil, tooMany()
	}
	records := make([]eventlog.Record, len(events))
	var size, wrong int
	var all *problem.Error
	for i, e := range events {
		record, err := c.Check(e, pathKey)
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
	return problem.New(problem.TooLarge, "at most %d events are stored at once: send them in several arrays, or as application/x-ndjson", MaxEvents)
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
