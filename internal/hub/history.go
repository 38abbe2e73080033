package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// A history reads a stream's past from the log, in blocks that all subscribers who need the same range share: what
// is read for one is encoded once and serves all.
type history struct {
	log Log // set once

	mu      sync.Mutex // guards the fields below, and the shelves' volumes; taken after a shelf's or a volume's lock
	shelf   map[place]*shelf
	volumes []*volume // loaded, oldest first
	bytes   int
}

// A place is where a read begins. Reads of every key begin at multiples of chunkEvents, so that readers at
// different positions nearby want the same; reads of one key begin at the reader's own position.
type place struct {
	key   event.Key
	start uint64
}

// A shelf holds what was read at one place; who has its lock reads for all.
type shelf struct {
	lock    chan struct{} // of size 1
	place   place
	volumes []*volume
}

// A volume is a block of history.
type volume struct {
	mu sync.Mutex // guards the block's segments; taken before history.mu
	block
	shelf  *shelf
	used   time.Time // guarded, like weight, by history.mu
	weight int       // the bytes of its events and their frames, as history.bytes counts them
}

const (
	chunkEvents   = 256
	chunkBytes    = 128 << 10 // what one read brings at most, but always one event
	historyBytes  = 16 << 20  // what a stream's history keeps at most, with the frames
	historyUnused = 10 * time.Second
)

func newHistory(log Log) *history {
	return &history{log: log, shelf: map[place]*shelf{}}
}

// read gives a volume that covers what comes behind at; nil where the log gave nothing. first tells that the reader
// has not read yet: only then does a read begin before its position, for the sake of others.
func (h *history) read(ctx context.Context, key event.Key, at uint64, first bool) (*volume, error) {
	p := place{key, at}
	if key.IsZero() {
		p.start = at / chunkEvents * chunkEvents
	}
	s := h.at(p)
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if v := h.find(s, at); v != nil {
		return v, nil
	}
	from := at
	if first && key.IsZero() {
		from = p.start
	}
	v, err := h.load(ctx, s, from)
	if err != nil || v == nil || v.last > at || from == at {
		return v, err
	}
	return h.load(ctx, s, at) // large events: the read ended before the reader's position
}

func (h *history) at(p place) *shelf {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.shelf[p]
	if s == nil {
		s = &shelf{lock: make(chan struct{}, 1), place: p}
		h.shelf[p] = s
	}
	return s
}

// find gives a volume that is there. The caller has the shelf's lock.
func (h *history) find(s *shelf, at uint64) *volume {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range s.volumes {
		if v.after <= at && at < v.last {
			v.used = time.Now()
			return v
		}
	}
	return nil
}

// load reads a volume from the log. The caller has the shelf's lock.
func (h *history) load(ctx context.Context, s *shelf, from uint64) (*volume, error) {
	request := eventlog.ReadRequest{After: from, Key: s.place.key, Events: chunkEvents, Bytes: chunkBytes}
	if s.place.key.IsZero() {
		request.Events = int(s.place.start + chunkEvents - from)
	}
	entries, err := h.log.Read(ctx, request)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	v := &volume{block: *newBlock(from), shelf: s, used: time.Now()}
	v.sparse = !s.place.key.IsZero()
	v.items = make([]item, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		v.append(item{e.Event, e.Sequence(), e.StoredAt})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.volumes = append(s.volumes, v)
	h.shelf[s.place] = s // it may have been swept meanwhile
	h.volumes = append(h.volumes, v)
	v.weight = v.bytes
	h.bytes += v.weight
	h.trim()
	return v, nil
}

// weigh takes note of frames that were encoded since. The caller has the volume's lock.
func (h *history) weigh(v *volume) {
	weight := v.bytes
	for _, s := range v.segments {
		weight += cap(s.buf)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if weight != v.weight && slices.Contains(v.shelf.volumes, v) {
		h.bytes += weight - v.weight
		v.weight = weight
		h.trim()
	}
}

// trim forgets the oldest volumes where there is too much. The caller has the lock.
func (h *history) trim() {
	for h.bytes > historyBytes && len(h.volumes) > 1 {
		h.drop(0)
	}
}

// drop forgets the volume at place i. The caller has the lock.
func (h *history) drop(i int) {
	v := h.volumes[i]
	h.volumes = slices.Delete(h.volumes, i, i+1)
	h.bytes -= v.weight
	s := v.shelf
	s.volumes = slices.DeleteFunc(s.volumes, func(w *volume) bool { return w == v })
	if len(s.volumes) == 0 && h.shelf[s.place] == s {
		delete(h.shelf, s.place) // who waits for its lock still has it, and load puts it back
	}
}

// sweep forgets what nobody has used lately.
func (h *history) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, v := range slices.Backward(h.volumes) {
		if now.Sub(v.used) >= historyUnused {
			h.drop(i)
		}
	}
	for p, s := range h.shelf {
		if len(s.volumes) == 0 && len(s.lock) == 0 {
			delete(h.shelf, p)
		}
	}
}
