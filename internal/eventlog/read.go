package eventlog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// maxReadEvents bounds what one read asks for; the caller comes again for more.
const maxReadEvents = 4096

const (
	statusHeader   = "Status"
	statusEnd      = "204"
	statusNotFound = "404"
)

// getRequest asks JetStream for messages (ADR-31, direct get).
type getRequest struct {
	Sequence  uint64     `json:"seq,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	NextOf    string     `json:"next_by_subj,omitempty"`
	LastOf    string     `json:"last_by_subj,omitempty"`
	Batch     int        `json:"batch,omitempty"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
}

func (r getRequest) json() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // numbers, plain text, and times that Since keeps within JSON's years
	}
	return text
}

func lastRequest(subject string) []byte { return getRequest{LastOf: subject}.json() }

func (s *Stream) direct() string { return "$JS.API.DIRECT.GET." + s.stream }

// Read gives the events after a sequence, in order. Fewer than asked for, also none, is no proof that there are no
// more.
func (s *Stream) Read(ctx context.Context, r ReadRequest) ([]Entry, error) {
	if r.After == math.MaxUint64 {
		return nil, nil
	}
	request := getRequest{Sequence: r.After + 1, Batch: min(max(r.Events, 1), maxReadEvents), MaxBytes: max(r.Bytes, 1)}
	if !r.Key.IsZero() {
		request.NextOf = s.subject(r.Key)
	}
	s.reads.Inc()
	var entries []Entry
	err := s.get(ctx, request, func(m *nats.Msg) error {
		sequence, at, err := place(m)
		if err != nil {
			return err
		}
		e, err := s.entry(m.Header.Get("Nats-Subject"), m, sequence, at)
		if err != nil {
			// Nobody but leat writes here. One event less is a hole that readers are told of.
			s.log.logger.Error("a stored event cannot be read", "stream", s.name, "sequence", sequence, "error", err)
			return nil
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// Since gives the sequence of the first event stored at t or later, Last+1 where there is none.
func (s *Stream) Since(ctx context.Context, t time.Time) (uint64, error) {
	// Asked for first, so an event that comes in between is after it.
	before, err := s.State(ctx)
	if err != nil {
		return 0, err
	}
	// JetStream compares nanoseconds, which end in 2262.
	if t.Before(time.Unix(0, 0)) {
		t = time.Unix(0, 0)
	} else if forever := time.Unix(0, math.MaxInt64); t.After(forever) {
		t = forever
	}
	s.reads.Inc()
	sequence := before.Last + 1
	err = s.get(ctx, getRequest{StartTime: &t, Batch: 1}, func(m *nats.Msg) (err error) {
		sequence, _, err = place(m)
		return err
	})
	return sequence, err
}

// next gives the first message at a sequence or after it, nil where there is none.
func (s *Stream) next(ctx context.Context, sequence uint64) (found *nats.Msg, err error) {
	err = s.get(ctx, getRequest{Sequence: sequence, Batch: 1}, func(m *nats.Msg) error {
		found = m
		return nil
	})
	return found, err
}

// get asks for a batch, when it is its turn.
func (s *Stream) get(ctx context.Context, r getRequest, each func(*nats.Msg) error) error {
	done, err := s.log.begun()
	if err != nil {
		return err
	}
	defer done()
	var idle *reader
	select {
	case idle = <-s.log.readers:
		defer func() { s.log.readers <- idle }()
	case <-ctx.Done():
		return unanswered(ctx.Err())
	case <-s.log.closing:
		return unanswered(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return idle.get(ctx, s.direct(), r.json(), each)
}

// A reader asks one question at a time, on a connection of its own: the server loads what it is asked for on the
// connection's own goroutine.
type reader struct {
	nc      *nats.Conn
	answers *nats.Subscription
	inbox   string
	asked   uint64
}

func newReader(nc *nats.Conn) (*reader, error) {
	r := &reader{nc: nc, inbox: nats.NewInbox() + "."}
	var err error
	if r.answers, err = nc.SubscribeSync(r.inbox + "*"); err != nil {
		return nil, err
	}
	return r, r.answers.SetPendingLimits(2*maxReadEvents, -1)
}

func (r *reader) get(ctx context.Context, subject string, request []byte, each func(*nats.Msg) error) error {
	r.asked++
	inbox := r.inbox + strconv.FormatUint(r.asked, 10)
	if err := r.nc.PublishRequest(subject, inbox, request); err != nil {
		return unanswered(err)
	}
	for {
		m, err := r.answers.NextMsgWithContext(ctx)
		if err != nil {
			return unanswered(err)
		}
		if m.Subject != inbox {
			continue // of a question that was given up
		}
		switch status := m.Header.Get(statusHeader); status {
		case "":
			if err := each(m); err != nil {
				return err
			}
		case statusEnd, statusNotFound:
			return nil
		default:
			return unanswered(fmt.Errorf("%s %s", status, m.Header.Get("Description")))
		}
	}
}

// place is where and when the log stored a message that was got from it.
func place(m *nats.Msg) (sequence uint64, at time.Time, err error) {
	if sequence, err = strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64); err != nil {
		return 0, at, fmt.Errorf("answer of the event log: sequence: %w", err)
	}
	if at, err = time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp")); err != nil {
		return 0, at, fmt.Errorf("answer of the event log: time: %w", err)
	}
	return sequence, at, nil
}
