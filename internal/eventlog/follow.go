package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	idleHeartbeat = time.Second
	missedAfter   = 3 * idleHeartbeat
	// A follower of a stream that is not stored has no flow control: JetStream's own bound, 32 MiB, holds here too.
	maxFollowerBytes = 32 << 20
)

// What ends a Follow; the caller begins another.
var (
	errBroken     = errors.New("the connection to the event log broke")
	errMissed     = errors.New("the event log has gone silent")
	errOutOfOrder = errors.New("events were lost on the way from the event log")
	errTooSlow    = errors.New("events came faster than they were taken")
)

// Follow delivers the events after a sequence as they are stored, in order, in batches of what is there, until ctx
// ends (nil) or the connection to the log breaks. As soon as it follows it delivers an empty batch: on a stream of
// durability none what is published after that is delivered. There may be holes: the caller reads what is missing.
func (s *Stream) Follow(ctx context.Context, after uint64, deliver func([]Entry)) error {
	done, err := s.log.begun()
	if err != nil {
		return err
	}
	defer done()
	s.log.mu.Lock()
	f := &follower{stream: s, broken: s.log.broken, wake: make(chan struct{}, 1)}
	s.log.mu.Unlock()
	f.heard.Store(time.Now().UnixNano())

	inbox := s.prefix + "*"
	if s.stored() {
		inbox = nats.NewInbox()
	}
	sub, err := s.log.follow.Subscribe(inbox, f.put)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // an error means that the connection is closed
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return unanswered(err)
	}
	if s.stored() {
		end, err := s.consume(ctx, inbox, after)
		if err != nil {
			return f.unless(ctx, err)
		}
		defer end()
	} else if err := s.log.follow.FlushTimeout(patience); err != nil {
		return unanswered(err)
	}
	deliver(nil)
	return f.run(ctx, deliver)
}

// consume makes the consumer that pushes to inbox, and gives what removes it.
func (s *Stream) consume(ctx context.Context, inbox string, after uint64) (end func(), err error) {
	name := nuid.Next()
	s.log.asking.RLock()
	defer s.log.asking.RUnlock()
	_, err = s.log.api.CreatePushConsumer(ctx, s.stream, jetstream.ConsumerConfig{
		Name:              name,
		DeliverSubject:    inbox,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		FlowControl:       true,
		IdleHeartbeat:     idleHeartbeat,
		InactiveThreshold: 10 * time.Second, // it goes by itself where nobody is left to remove it
		MemoryStorage:     true,
		Replicas:          1,
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.log.asking.RLock()
		defer s.log.asking.RUnlock()
		if err := s.log.api.DeleteConsumer(ctx, s.stream, name); err != nil {
			s.log.logger.Debug("consumer not removed: it goes by itself", "stream", s.name, "error", err)
		}
	}, err
}

// A follower takes what the log pushes.
type follower struct {
	stream *Stream
	broken chan struct{} // closed when the connection breaks
	wake   chan struct{} // has a token while messages may be waiting
	heard  atomic.Int64  // when the log last gave a sign of life, in Unix nanoseconds

	expected uint64 // the next delivery's number, where the stream is stored; of run alone

	mu       sync.Mutex // guards the fields below
	messages []*nats.Msg
	bytes    int
	lost     bool
}

// put takes a message; it never blocks, because every follower shares the connection.
func (f *follower) put(m *nats.Msg) {
	f.heard.Store(time.Now().UnixNano())
	f.mu.Lock()
	if f.bytes += len(m.Data); f.bytes > maxFollowerBytes && !f.stream.stored() {
		f.lost = true
	} else {
		f.messages = append(f.messages, m)
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *follower) take() (messages []*nats.Msg, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	messages, f.messages, f.bytes = f.messages, nil, 0
	return messages, f.lost
}

func (f *follower) run(ctx context.Context, deliver func([]Entry)) error {
	silence := time.NewTicker(idleHeartbeat)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.broken:
			return f.unless(ctx, errBroken)
		case <-f.stream.log.closing:
			return f.unless(ctx, errClosed)
		case <-silence.C:
			if f.stream.stored() && time.Since(time.Unix(0, f.heard.Load())) > missedAfter {
				return f.unless(ctx, errMissed)
			}
		case <-f.wake:
			messages, lost := f.take()
			entries, ended := f.read(messages)
			if len(entries) > 0 {
				deliver(entries)
			}
			f.goOn(messages)
			if ended == nil && lost {
				ended = errTooSlow
			}
			if ended != nil {
				return f.unless(ctx, ended)
			}
		}
	}
}

// unless gives the error, but not where the caller has ended it all.
func (f *follower) unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("following stream %s: %w", f.stream.name, err)
}

// read gives the events in what was pushed, up to the first that is out of order.
func (f *follower) read(messages []*nats.Msg) ([]Entry, error) {
	entries := make([]Entry, 0, len(messages))
	for _, m := range messages {
		sequence, at := uint64(0), time.Now().UTC()
		if f.stream.stored() {
			if len(m.Data) == 0 && m.Header.Get(statusHeader) != "" {
				continue
			}
			meta, err := m.Metadata()
			if err != nil {
				return entries, err
			}
			f.expected++
			if meta.Sequence.Consumer != f.expected {
				return entries, errOutOfOrder
			}
			sequence, at = meta.Sequence.Stream, meta.Timestamp.UTC()
		}
		e, err := f.stream.entry(m.Subject, m, sequence, at)
		if err != nil {
			f.stream.log.logger.Error("an event cannot be read", "stream", f.stream.name, "sequence", sequence, "error", err)
			continue
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// goOn answers the questions of flow control among messages that have been delivered, so the log never sends much
// more than what is taken.
func (f *follower) goOn(messages []*nats.Msg) {
	if !f.stream.stored() {
		return
	}
	for _, m := range messages {
		if m.Header.Get(statusHeader) != "100" {
			continue
		}
		to := m.Reply // a request
		if to == "" {
			to = m.Header.Get("Nats-Consumer-Stalled") // a heartbeat that repeats one
		}
		if to != "" {
			_ = f.stream.log.follow.Publish(to, nil) // an error means that the connection broke, which ends Follow
		}
	}
}
