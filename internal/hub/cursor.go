package hub

import (
	"github.com/leatstream/leat/event"
)

// A filter is which events of a stream a subscriber gets; the zero filter is all.
type filter struct {
	key   event.Key       // zero: every key
	types map[string]bool // nil: every type
}

func (f *filter) all() bool { return f.key.IsZero() && f.types == nil }

func (f *filter) match(e *event.Event) bool {
	return (f.key.IsZero() || f.key == e.Key) && (f.types == nil || f.types[e.Type.String()])
}

// A cursor is how far a subscriber has got: a plain value, moved over blocks.
type cursor struct {
	filter
	at uint64 // the last sequence behind it
}

// maxBatch is about how many bytes one write takes: what a reader that has stopped holds on to is bounded by it.
const maxBatch = 128 << 10

// collect moves the cursor over a block that covers what comes next, and puts the frames that match into the
// batch: up to the block's end, a hole (missing is then the last sequence that is missing), or maxBatch bytes.
func (c *cursor) collect(b *block, f *Format, batch *Batch) (newest *item, missing uint64) {
	return c.collectUpTo(maxBatch, b, f, batch)
}

// collectUpTo is collect with so many bytes for maxBatch.
func (c *cursor) collectUpTo(limit int, b *block, f *Format, batch *Batch) (newest *item, missing uint64) {
	frames := b.segment(f)
	run := -1 // where the run of neighbours that match begins
	flush := func(end int) {
		if run >= 0 {
			batch.Frames = append(batch.Frames, frames.buf[frames.start(run):frames.start(end):frames.start(end)])
			run = -1
		}
	}
	for i := b.index(c.at); i < len(b.items); i++ {
		item := &b.items[i]
		if missing = b.hole(c.at, i); missing > 0 {
			flush(i)
			return newest, missing
		}
		if !c.match(&item.Event) {
			flush(i)
			c.at = item.sequence
			continue
		}
		size := frames.ends[i] - frames.start(i)
		if batch.Events > 0 && batch.Bytes+size > limit {
			flush(i)
			return newest, 0
		}
		if run < 0 {
			run = i
		}
		if f.Apart {
			flush(i + 1)
		}
		batch.Events++
		batch.Bytes += size
		newest, c.at = item, item.sequence
	}
	flush(len(b.items))
	c.at = max(c.at, b.last)
	return newest, 0
}

// take moves the cursor over a block like collect, and gives at most limit of the events that match.
func (c *cursor) take(b *block, limit int, events []*event.Event) (_ []*event.Event, missing uint64) {
	for i := b.index(c.at); i < len(b.items); i++ {
		item := &b.items[i]
		if missing = b.hole(c.at, i); missing > 0 {
			return events, missing
		}
		if c.match(&item.Event) {
			if len(events) == limit {
				return events, 0
			}
			e := item.Event
			events = append(events, &e)
		}
		c.at = item.sequence
	}
	c.at = max(c.at, b.last)
	return events, 0
}
