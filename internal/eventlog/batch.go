package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// AppendBatch stores at most 1,000 events whole or not at all. Records that are duplicates keep the first one's
// position; the others are stored together. A repeat of a request (RequestDedupe) stores nothing, and gets as many
// positions as the first one had events.
func (s *Stream) AppendBatch(ctx context.Context, records []Record) ([]Appended, error) {
	if len(records) > MaxBatch {
		return nil, problem.New(problem.TooLarge, "%d events are too many for one batch: at most %d are stored together", len(records), MaxBatch)
	}
	if len(records) == 0 {
		return nil, nil
	}
	if !s.stored() {
		return s.publishEach(ctx, records)
	}
	if _, why := s.gate.enter(); why != nil {
		return nil, notStored(why) // before any part of it is sent
	}
	select {
	case s.batches <- struct{}{}:
		defer func() { <-s.batches }()
	case <-ctx.Done():
		return nil, notStored(ctx.Err())
	}
	all := make([]Appended, len(records))
	rest, repeats := distinct(records)
	// Each round leaves fewer, or waits for the answer to somebody else's batch with the same names.
	for range len(records) + 2 {
		last, err := s.appendTogether(ctx, records, rest)
		if err == nil {
			for i, at := range rest {
				all[at] = Appended{s.position(last - uint64(len(rest)-1-i)), false}
			}
			return copyRepeats(all, repeats), nil
		}
		if !isAPIError(err, codeDuplicateInBatch) {
			return nil, stored(err)
		}
		if IsRequest(records) {
			if first, err := s.firstAnswer(ctx, &records[0]); first != nil || err != nil {
				return first, err
			}
		}
		if rest, err = s.takeFound(ctx, records, rest, all); err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			return copyRepeats(all, repeats), nil
		}
	}
	return nil, notStored(errors.New("its events come and go as duplicates"))
}

func (s *Stream) publishEach(ctx context.Context, records []Record) ([]Appended, error) {
	for i := range records {
		if _, err := s.AppendAsync(ctx, records[i]); err != nil {
			return nil, err
		}
	}
	return make([]Appended, len(records)), nil
}

// distinct gives the indexes of the records that differ in name, and for the others whose repeat they are.
func distinct(records []Record) (first []int, repeats map[int]int) {
	seen := make(map[string]int)
	repeats = make(map[int]int)
	for i := range records {
		name := records[i].Dedupe
		if at, ok := seen[name]; ok && name != "" {
			repeats[i] = at
			continue
		}
		seen[name] = i
		first = append(first, i)
	}
	return first, repeats
}

func copyRepeats(all []Appended, repeats map[int]int) []Appended {
	for at, of := range repeats {
		all[at] = Appended{all[of].Position, true}
	}
	return all
}

// appendTogether stores the records at the indexes as one atomic batch, and gives the last one's sequence: JetStream
// lets nothing between them. Its error is JetStream's own.
func (s *Stream) appendTogether(ctx context.Context, records []Record, indexes []int) (last uint64, err error) {
	id := nuid.Next()
	var commit *nats.Msg
	for i, at := range indexes {
		m := s.message(&records[at])
		m.Header.Set("Nats-Batch-Id", id)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if at == 0 {
			m.Header.Set(batchHeader, strconv.Itoa(len(records)))
		}
		if i == len(indexes)-1 {
			m.Header.Set("Nats-Batch-Commit", "1")
			commit = m
			break
		}
		if err := s.log.publish.PublishMsg(m); err != nil {
			return 0, notStored(err)
		}
	}
	p, err := s.begin(ctx, commit)
	if err != nil {
		return 0, err
	}
	p.events = uint64(len(indexes))
	a, err := p.wait(ctx)
	return a.Position.Sequence(), err
}

// takeFound fills in those of the records at the indexes that are in the log already, and gives the indexes of the others.
func (s *Stream) takeFound(ctx context.Context, records []Record, indexes []int, all []Appended) (rest []int, err error) {
	asked := make([]Record, len(indexes))
	for i, at := range indexes {
		asked[i] = records[at]
	}
	found, err := s.find(ctx, asked)
	if err != nil {
		return nil, err
	}
	for i, at := range indexes {
		if found[i].Duplicate {
			all[at] = found[i]
		} else {
			rest = append(rest, at)
		}
	}
	return rest, nil
}

// firstAnswer gives what a request got that began with the record; nil where the log does not have it (any more).
func (s *Stream) firstAnswer(ctx context.Context, r *Record) ([]Appended, error) {
	found, err := s.find(ctx, []Record{*r})
	if err != nil || !found[0].Duplicate {
		return nil, err
	}
	all, _, err := s.FirstAnswer(ctx, found[0].Position)
	return all, err
}

// FirstAnswer gives what a request got whose first event is at a position, and whether it was a batch; nil where the log
// does not have that event any more.
func (s *Stream) FirstAnswer(ctx context.Context, at event.Position) (all []Appended, batch bool, err error) {
	first := at.Sequence()
	m, err := s.next(ctx, first)
	if err != nil || m == nil {
		return nil, false, err
	}
	found, _, err := place(m)
	if err != nil || found != first {
		return nil, false, err
	}
	n, text := 1, m.Header.Get(batchHeader)
	if text != "" { // else it was stored alone
		if n, err = strconv.Atoi(text); err != nil {
			return nil, false, fmt.Errorf("event log: stream %s: batch of %q events: %w", s.name, text, err)
		}
	}
	all = make([]Appended, n)
	for i := range all {
		all[i] = Appended{s.position(first + uint64(i)), true}
	}
	return all, text != "", nil
}
