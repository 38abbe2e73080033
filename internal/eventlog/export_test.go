package eventlog

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// EscapeKey and UnescapeKey are for tests.
var (
	EscapeKey   = escapeKey
	UnescapeKey = unescapeKey
)

// Lose removes all that the stream holds, so that its sequence goes back to 0 while the log runs.
func (s *Stream) Lose(ctx context.Context) error {
	if err := s.log.api.DeleteStream(ctx, s.stream); err != nil {
		return err
	}
	_, err := s.log.api.CreateStream(ctx, s.config)
	return err
}

// Bare gives what stores an event with nothing of ours around JetStream's own asynchronous publishing.
func (s *Stream) Bare(t testing.TB, r Record) func() error {
	js, err := jetstream.New(s.log.publish)
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		f, err := js.PublishMsgAsync(s.message(&r))
		if err != nil {
			return err
		}
		select {
		case <-f.Ok():
			return nil
		case err := <-f.Err():
			return err
		}
	}
}

// Consumers counts the consumers of the stream.
func (s *Stream) Consumers(ctx context.Context) (int, error) {
	stream, err := s.log.api.Stream(ctx, s.stream)
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.Consumers, nil
}

// Remove makes a hole.
func (s *Stream) Remove(ctx context.Context, sequence uint64) error {
	stream, err := s.log.api.Stream(ctx, s.stream)
	if err != nil {
		return err
	}
	return stream.DeleteMsg(ctx, sequence)
}
