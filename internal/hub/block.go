package hub

import (
	"sort"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// An item is an event in the hub. Its sequence is the log's; on a stream of durability none the hub counts by itself.
type item struct {
	event.Event
	sequence uint64
	storedAt time.Time
}

// A block is a stretch of a stream, and the frames of its events, encoded once per format. It is a plain value:
// whoever owns it guards it.
type block struct {
	after, last uint64 // it covers the sequences behind after, up to and including last
	items       []item // in order
	bytes       int    // of data
	sparse      bool   // holds the events of one key: what is missing between them is no loss, unless it is in holes
	holes       []eventlog.Hole
	segments    map[string]*segment
}

// A segment holds the frames of a block in one format, one behind the other. What is written is never changed, so
// slices of it may be kept while it grows.
type segment struct {
	buf  []byte
	ends []int // where each item's frame ends
}

// itemOverhead is about what an item costs beside its data.
const itemOverhead = 200

func newBlock(after uint64) *block {
	return &block{after: after, last: after, segments: map[string]*segment{}}
}

func (b *block) append(i item) {
	b.items = append(b.items, i)
	b.last = i.sequence
	b.bytes += len(i.Data) + itemOverhead
}

// segment gives the frames of all items, and encodes those that are new.
func (b *block) segment(f *Format) *segment {
	s := b.segments[f.Name]
	if s == nil {
		s = &segment{
			buf:  make([]byte, 0, b.bytes+b.bytes/4),
			ends: make([]int, 0, cap(b.items)),
		}
		b.segments[f.Name] = s
	}
	for i := len(s.ends); i < len(b.items); i++ {
		s.buf = f.Event(s.buf, &b.items[i].Event)
		s.ends = append(s.ends, len(s.buf))
	}
	return s
}

// index gives the place of the first item behind a sequence.
func (b *block) index(at uint64) int {
	if at <= b.after || len(b.items) == 0 {
		return 0
	}
	if i := at - b.after; i < uint64(len(b.items)) && b.items[i-1].sequence == at {
		return int(i) // nothing is missing, as nearly always
	}
	return sort.Search(len(b.items), func(i int) bool { return b.items[i].sequence > at })
}

// hole gives the last of the events that are missing between at and the item at place i, which comes next; 0: none are.
func (b *block) hole(at uint64, i int) (missing uint64) {
	next := b.items[i].sequence
	switch {
	case b.sparse:
		return firstHole(b.holes, at, next)
	case next > at+1:
		return next - 1
	}
	return 0
}

// firstHole gives where the first of the holes behind at ends, of those that begin before next; 0: there is none.
func firstHole(holes []eventlog.Hole, at, next uint64) (last uint64) {
	for _, h := range holes {
		if h.Last > at && h.First < next {
			return h.Last
		}
	}
	return 0
}

func (s *segment) start(i int) int {
	if i == 0 {
		return 0
	}
	return s.ends[i-1]
}
