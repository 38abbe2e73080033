package hub

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

const (
	logRetry    = 250 * time.Millisecond // the pause before the log is asked again
	logPatience = 10 * time.Second       // how long a reader waits for it
	// emptyReads is how often a read may give nothing where the log's leader has events, before they count as
	// lost (a torn disk); the first time it can have been a replica that lags.
	emptyReads = 4
)

var errUnreadable = errors.New("the event log cannot be read")

// readPast gives take a block of history; last is where the tail ended before. It waits where the log gives nothing
// and has something; an error says that it has waited long enough.
func (s *Subscriber) readPast(ctx context.Context, last uint64, take func(*block) uint64) error {
	st := s.stream
	began, warned := time.Now(), false
	for reads := 1; ; reads++ {
		v, err := st.history.read(ctx, s.key, s.at, !s.read)
		done := false
		if err == nil && !s.over(ctx) {
			done, err = s.takePast(ctx, v, last, reads >= emptyReads, take)
		}
		switch {
		case done, s.over(ctx):
			return nil // the caller sees which
		case err != nil && !warned:
			warned = true
			st.logger.Warn("the event log does not answer a reader; trying again", "after", s.at, "error", err)
		case time.Since(began) > logPatience:
			return errUnreadable
		}
		pause(ctx, logRetry)
	}
}

// over tells whether nobody waits any more for what is read: the client has left, or the server ends the connection.
func (s *Subscriber) over(ctx context.Context) bool {
	return ctx.Err() != nil || s.connection != nil && s.connection.Reason() != ""
}

// takePast moves the cursor over what was read, nil where the log gave nothing; it returns false where that proves
// nothing yet. sure tells that the log has been asked often enough.
func (s *Subscriber) takePast(ctx context.Context, v *volume, last uint64, sure bool, take func(*block) uint64) (bool, error) {
	st := s.stream
	var holes []eventlog.Hole
	if v == nil || v.sparse { // such blocks do not show what is missing before them
		state, err := st.asker.state(ctx)
		if err != nil {
			return false, err
		}
		if state.First > s.at+1 {
			s.skip(state.First-1, event.GapExpired)
			return true, nil
		}
		holes = state.Holes
	}
	switch {
	case v != nil:
		missing := s.takeVolume(v, holes, take)
		if missing > 0 {
			s.skip(missing, event.GapExpired)
		}
	case !s.key.IsZero(): // nothing of this key
		if missing := firstHole(holes, s.at, last); missing > 0 {
			s.skip(missing, event.GapExpired)
		} else {
			s.at = max(s.at, last)
		}
	case !sure:
		return false, nil
	default:
		st.logger.Warn("the event log has lost events; who reads is told of a gap", "after", s.at, "to", last)
		s.skip(last, event.GapExpired)
	}
	s.read = true
	return true, nil
}

func (s *Subscriber) takeVolume(v *volume, holes []eventlog.Hole, take func(*block) uint64) (missing uint64) {
	v.mu.Lock()
	defer v.mu.Unlock() // also if the format has a bug
	v.holes = holes
	missing = take(&v.block)
	s.stream.history.weigh(v)
	s.volume = v
	return missing
}

// heldBytes is about how much of the past a reader holds while its socket is full.
const heldBytes = 4 << 10

// writePast sends a batch of history; before is where the cursor was. What the socket does not take at once is read
// again when there is room, but for a little: of 1,000 clients that had stopped, each somewhere else, every one held a
// volume, 128 MiB together.
func (s *Subscriber) writePast(w Writer, batch Batch, newest *item, before uint64) error {
	v := s.volume
	s.volume = nil
	try, ok := w.(TryWriter)
	if !ok {
		return s.write(w, batch, newest, false)
	}
	written, err := try.TryWrite(batch)
	switch {
	case err == nil:
		s.wrote(batch.Events, batch.Bytes, newest.Position)
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		return s.write(w, batch, newest, false)
	case !errors.Is(err, ErrFull):
		return err
	}
	batch, told := s.cut(v, written, before)
	events, size, rest := batch.Events, batch.Bytes, batch.after(written)
	for i := range rest.Frames {
		rest.Frames[i] = bytes.Clone(rest.Frames[i]) // the volume's memory can go
	}
	if err := w.Write(rest); err != nil {
		return err
	}
	s.wrote(events, size, told)
	return nil
}

// cut moves the cursor anew from before, over what is written of a batch, wholly or in part, and a little more.
func (s *Subscriber) cut(v *volume, written int, before uint64) (batch Batch, told event.Position) {
	s.at, s.gap = before, nil // a hole is met again
	v.mu.Lock()
	defer v.mu.Unlock()
	newest, _ := s.collectUpTo(written+heldBytes, &v.block, s.format, &batch)
	for batch.Bytes < written { // the frame that is written in part is a large one
		next := Batch{Frames: batch.Frames}
		newest, _ = s.collectUpTo(0, &v.block, s.format, &next)
		batch = Batch{Frames: next.Frames, Events: batch.Events + next.Events, Bytes: batch.Bytes + next.Bytes}
	}
	return batch, newest.Position
}
