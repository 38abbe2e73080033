package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	expectedLast = "Nats-Expected-Last-Subject-Sequence"
	expectedID   = "Nats-Expected-Last-Msg-Id"
	noID         = "none" // no messageID

	codeWrongLast         jetstream.ErrorCode = 10071
	codeWrongLastConstant jetstream.ErrorCode = 10164
	codeWrongID           jetstream.ErrorCode = 10070
	codeDuplicateInBatch  jetstream.ErrorCode = 10201

	minWeight = 16 << 10 // so at most 4,096 appends are under way
)

// Append stores one event and waits until it is as durable as the contract asks. ifLast, where not nil, is the
// sequence that the key's newest event must have, of any type (0: none); else problem.PreconditionFailed, with
// the position of the newest.
func (s *Stream) Append(ctx context.Context, r Record, ifLast *uint64) (Appended, error) {
	if ifLast == nil || !s.stored() {
		wait, err := s.AppendAsync(ctx, r)
		if err != nil {
			return Appended{}, err
		}
		return wait(ctx)
	}
	m := s.message(&r)
	m.Header.Set(expectedLast, strconv.FormatUint(*ifLast, 10))
	p, err := s.begin(ctx, m)
	if err != nil {
		return Appended{}, err
	}
	a, err := p.wait(ctx)
	if !isAPIError(err, codeWrongLast, codeWrongLastConstant) {
		return a, stored(err)
	}
	// The condition is looked at before the name, so a repeat comes here too: its own event is the newest now.
	if found, err := s.find(ctx, []Record{r}); err != nil {
		return Appended{}, err
	} else if found[0].Duplicate {
		return found[0], nil
	}
	return Appended{}, s.preconditionFailed(ctx, r.Key)
}

func (s *Stream) preconditionFailed(ctx context.Context, k event.Key) error {
	newest, err := s.LastOf(ctx, k)
	if err != nil {
		return err
	}
	of := "stream"
	if !k.IsZero() {
		of = "key"
	}
	if newest.IsZero() {
		return problem.New(problem.PreconditionFailed, "the %s has no event: nothing was stored", of)
	}
	failed := problem.New(problem.PreconditionFailed, "the newest event of the %s is %s: nothing was stored", of, newest)
	failed.Position = newest.String()
	return failed
}

// AppendAsync begins to store one event, in order with those begun before it by the same caller, and gives what
// waits for its end. It blocks while too many are under way.
func (s *Stream) AppendAsync(ctx context.Context, r Record) (func(context.Context) (Appended, error), error) {
	m := s.message(&r)
	if !s.stored() {
		if err := s.log.publish.PublishMsg(m); err != nil {
			return nil, notStored(err)
		}
		return func(context.Context) (Appended, error) { return Appended{}, nil }, nil
	}
	p, err := s.begin(ctx, m)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (Appended, error) {
		a, err := p.wait(ctx)
		return a, stored(err)
	}, nil
}

// A pending append is under way.
type pending struct {
	stream *Stream
	future jetstream.PubAckFuture
	shut   <-chan struct{} // closed when there will be no answer
	events uint64          // how many the acknowledgement is for
	known  uint64          // the last sequence seen before it began
}

// weight is what a message counts for in Log.inFlight.
func weight(m *nats.Msg) int64 { return max(int64(len(m.Data)), minWeight) }

func (s *Stream) begin(ctx context.Context, m *nats.Msg) (pending, error) {
	select {
	case <-s.log.closing:
		return pending{}, notStored(errClosed)
	default:
	}
	if _, why := s.gate.enter(); why != nil {
		return pending{}, notStored(why)
	}
	if err := s.log.inFlight.Acquire(ctx, weight(m)); err != nil {
		return pending{}, notStored(err)
	}
	p := pending{stream: s, events: 1, known: s.highest.Load()}
	var err error
	if p.shut, err = s.gate.enter(); err == nil { // again: the streams may have been opened anew meanwhile
		p.future, err = s.log.appends.PublishMsgAsync(m)
	}
	if err != nil {
		s.log.inFlight.Release(weight(m))
		return pending{}, notStored(err)
	}
	return p, nil
}

// wait gives JetStream's own error where it refused.
func (p pending) wait(ctx context.Context) (Appended, error) {
	select {
	case ack := <-p.future.Ok():
		return p.acknowledged(ctx, ack)
	case err := <-p.future.Err():
		return Appended{}, err
	case <-ctx.Done():
		return Appended{}, ctx.Err()
	case <-p.shut:
	}
	select { // it may have been answered before the write that failed
	case ack := <-p.future.Ok():
		return p.acknowledged(ctx, ack)
	case err := <-p.future.Err():
		return Appended{}, err
	default:
		return Appended{}, errUnwritable
	}
}

func (p pending) acknowledged(ctx context.Context, ack *jetstream.PubAck) (Appended, error) {
	if !ack.Duplicate && ack.Sequence <= p.known {
		// The number was given out before: the log has lost what had it.
		if err := p.stream.see(ctx, p.stream.highest.Load(), ack.Sequence-p.events); err != nil {
			return Appended{}, err
		}
	}
	raise(&p.stream.highest, ack.Sequence)
	return Appended{p.stream.position(ack.Sequence), ack.Duplicate}, nil
}

var (
	errClosed     = errors.New("it is closed")
	errUnwritable = errors.New("writing failed")
)

// stored tells of an append that was sent whether it may have been stored: not where JetStream itself refused it.
func stored(err error) error {
	if err == nil {
		return nil
	}
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		return notStored(err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return notStored(err)
	}
	if _, ok := errors.AsType[*problem.Error](err); ok {
		return err
	}
	return problem.New(problem.Unavailable, "the event log did not answer: it may have been stored: retry with the same Idempotency-Key: %w", err)
}

func notStored(err error) error {
	return problem.New(problem.Unavailable, "the event log did not take it: it was not stored: %w", err)
}

// find gives, for each record that is in the log already, where; the others are zero. Nothing is stored: the name is
// looked at before the last name that is expected, and no event has the one that is expected here.
func (s *Stream) find(ctx context.Context, records []Record) ([]Appended, error) {
	found := make([]Appended, len(records))
	asked := make([]pending, len(records))
	for i := range records {
		if records[i].Dedupe == "" {
			continue
		}
		m := nats.NewMsg(s.subject(records[i].Key))
		m.Header.Set(nats.MsgIdHdr, messageID(records[i].Dedupe))
		m.Header.Set(expectedID, noID)
		var err error
		if asked[i], err = s.begin(ctx, m); err != nil {
			return nil, err
		}
	}
	for i, p := range asked {
		if p.future == nil {
			continue
		}
		a, err := p.wait(ctx)
		switch {
		case isAPIError(err, codeWrongID):
		case err != nil:
			return nil, notStored(err)
		case !a.Duplicate:
			return nil, fmt.Errorf("event log: stream %s stored a question as %s", s.name, a.Position)
		default:
			found[i] = a
		}
	}
	return found, nil
}

// LastOf gives the position of a key's newest event, the zero Position where it has none.
func (s *Stream) LastOf(ctx context.Context, k event.Key) (event.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := s.log.ask.RequestWithContext(ctx, s.direct(), lastRequest(s.subject(k)))
	if err != nil {
		return event.Position{}, unanswered(err)
	}
	switch m.Header.Get(statusHeader) {
	case "":
	case statusNotFound:
		return event.Position{}, nil
	default:
		return event.Position{}, unanswered(errors.New(m.Header.Get("Description")))
	}
	sequence, _, err := place(m)
	if err != nil {
		return event.Position{}, err
	}
	return s.position(sequence), nil
}
