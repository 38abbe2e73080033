package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leatstream/leat/internal/problem"
	"github.com/nats-io/nats.go/jetstream"
)

// streamInfo is what we need of JetStream's answer.
type streamInfo struct {
	Config storedConfig `json:"config"`
	State  struct {
		Messages uint64    `json:"messages"`
		Bytes    uint64    `json:"bytes"`
		First    uint64    `json:"first_seq"`
		Last     uint64    `json:"last_seq"`
		Newest   time.Time `json:"last_ts"`
		Missing  uint64    `json:"num_deleted"`       // how many are missing between First and Last
		Deleted  []uint64  `json:"deleted,omitempty"` // which ones, in order, where they were asked for
	} `json:"state"`
}

type storedConfig struct {
	Storage    string            `json:"storage"`
	MaxAge     time.Duration     `json:"max_age"`
	MaxBytes   int64             `json:"max_bytes"`
	MaxMsgs    int64             `json:"max_msgs"`
	Duplicates time.Duration     `json:"duplicate_window"`
	Metadata   map[string]string `json:"metadata"`
}

// bounds is what of a stored stream follows the contract.
type bounds struct {
	age, duplicates time.Duration
	bytes, messages int64
}

func (c *storedConfig) bounds() bounds { return bounds{c.MaxAge, c.Duplicates, c.MaxBytes, c.MaxMsgs} }

func boundsOf(c *jetstream.StreamConfig) bounds {
	return bounds{c.MaxAge, c.Duplicates, c.MaxBytes, c.MaxMsgs}
}

// first is the sequence of the oldest event, Last+1 where there is none.
func (i *streamInfo) first() uint64 {
	if i.State.Messages == 0 {
		return i.State.Last + 1
	}
	return i.State.First
}

// info asks the stream's leader.
func (s *Stream) info(ctx context.Context) (*streamInfo, error) { return s.ask(ctx, nil) }

func (s *Stream) ask(ctx context.Context, request []byte) (*streamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.log.asking.RLock()
	m, err := s.log.ask.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+s.stream, request)
	s.log.asking.RUnlock()
	if err != nil {
		return nil, err
	}
	var answer struct {
		streamInfo
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, fmt.Errorf("answer of the event log: %w", err)
	}
	if answer.Error != nil {
		return new(streamInfo), answer.Error
	}
	return &answer.streamInfo, nil
}

func isAPIError(err error, codes ...jetstream.ErrorCode) bool {
	var e *jetstream.APIError
	if !errors.As(err, &e) {
		return false
	}
	return slices.Contains(codes, e.ErrorCode)
}

// unanswered is for questions: nothing was to be stored.
func unanswered(err error) error {
	return problem.New(problem.Unavailable, "the event log does not answer: %w", err)
}
