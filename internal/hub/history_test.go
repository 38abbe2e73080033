package hub

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"pgregory.net/rapid"
)

// A made log makes up what is read of it.
type made struct {
	Log
	last uint64
	size func(sequence uint64) int  // of an event's data
	lost func(sequence uint64) bool // nil: none are
}

func (m *made) State(context.Context) (eventlog.State, error) {
	s := eventlog.State{First: 1, Last: m.last}
	for sequence := uint64(1); m.lost != nil && sequence <= m.last; sequence++ {
		if m.lost(sequence) {
			s.Holes = append(s.Holes, eventlog.Hole{First: sequence, Last: sequence})
		}
	}
	return s, nil
}

func (m *made) Read(_ context.Context, r eventlog.ReadRequest) (entries []eventlog.Entry, _ error) {
	bytes := 0
	for sequence := r.After + 1; sequence <= m.last && len(entries) < r.Events && bytes < r.Bytes; sequence++ {
		i := testItem(sequence)
		if m.lost != nil && m.lost(sequence) || !r.Key.IsZero() && r.Key != i.Key {
			continue
		}
		i.Data = fmt.Appendf(nil, `"%s"`, strings.Repeat("x", m.size(sequence)))
		bytes += len(i.Data)
		entries = append(entries, eventlog.Entry{Event: i.Event, StoredAt: time.Now()})
	}
	return entries, nil
}

func kilobyte(uint64) int { return 1000 }

func TestWhatHistoryHasForgottenIsHeldByNobody(t *testing.T) {
	h := newHistory(&made{last: 1 << 20, size: kilobyte})
	var all []weak.Pointer[volume]
	for i := range uint64(400) {
		v, err := h.read(context.Background(), event.Key{}, i*chunkEvents, false)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, weak.Make(v))
	}
	runtime.GC()
	held := 0
	for _, v := range all {
		if v.Value() != nil {
			held++
		}
	}
	if kept := len(h.volumes); held != kept || kept == len(all) {
		t.Errorf("%d of %d volumes are held; history keeps %d", held, len(all), kept)
	}
	if shelves, kept := len(h.shelf), len(h.volumes); shelves > kept {
		t.Errorf("%d shelves for %d volumes", shelves, kept)
	}
	runtime.KeepAlive(h)
}

func TestHistoryCountsTheFramesToo(t *testing.T) {
	st, s := pastReader(t, &made{last: 1 << 20, size: kilobyte}, filter{})
	for range 400 {
		if _, _, err := s.step(context.Background(), &sink{}); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, v := range st.history.volumes {
		held += v.bytes
		for _, frames := range v.segments {
			held += cap(frames.buf)
		}
	}
	if held > historyBytes || held < historyBytes/2 {
		t.Errorf("history holds %d bytes; want at most %d, and not much less", held, historyBytes)
	}
}

// pastReader gives a subscriber at the beginning of a log whose tail is at its end.
func pastReader(t testing.TB, log *made, f filter) (*stream, *Subscriber) {
	st, _, _ := pumped(t, 1, f)
	s := st.subscriber()
	st.log, st.asker.ask, st.history = log, log.State, newHistory(log)
	lineage := eventlog.NewLineage()
	st.lineage.Store(&lineage)
	st.begin(log.last)
	return st, s
}

// subscriber gives the only one.
func (st *stream) subscriber() *Subscriber {
	for _, s := range st.all {
		return s
	}
	for _, set := range append(slices.Collect(maps.Values(st.byType)), slices.Collect(maps.Values(st.byKey))...) {
		for s := range set {
			return s
		}
	}
	return nil
}

// A narrow socket takes so much, and is full then. Write waits for room, and calls while before it has some.
type narrow struct {
	sink
	take  func() int // of what TryWrite is given
	frame bool       // what of a frame is missing then is kept for Write, as WebSocket does
	kept  []byte
	while func(rest Batch)
}

func (n *narrow) TryWrite(b Batch) (int, error) {
	room, written := n.take(), 0
	for _, frame := range b.Frames {
		part := frame[:min(room, len(frame))]
		n.all = append(n.all, part...)
		room -= len(part)
		written += len(part)
		if len(part) < len(frame) {
			if n.frame && len(part) > 0 {
				n.kept = bytes.Clone(frame[len(part):])
				written += len(n.kept)
			}
			return written, ErrFull
		}
	}
	return written, nil
}

func (n *narrow) Write(b Batch) error {
	if n.while != nil {
		n.while(b)
	}
	n.all = append(n.all, n.kept...)
	n.kept = nil
	for _, frame := range b.Frames {
		n.all = append(n.all, frame...)
	}
	return nil
}

func TestAReaderOfThePastWhoseSocketIsFullHoldsLittle(t *testing.T) {
	st, s := pastReader(t, &made{last: 10_000, size: kilobyte}, filter{})
	written := false
	socket := &narrow{take: func() int { return 1500 }}
	socket.while = func(rest Batch) {
		written = true
		if rest.Bytes > 2*heldBytes {
			t.Errorf("it holds %d bytes; want about %d", rest.Bytes, heldBytes)
		}
		v := weak.Make(st.history.volumes[0])
		st.history.sweep(time.Now().Add(time.Hour))
		runtime.GC()
		if v.Value() != nil {
			t.Error("it holds the volume that it has read from")
		}
	}
	if _, _, err := s.step(context.Background(), socket); err != nil || !written {
		t.Fatalf("it did not wait for its socket: %v", err)
	}
}

// However much a socket takes at once, and whatever the log has lost: who reads the past gets each event that is there
// once, in order, and hears of each hole.
func TestAReaderOfThePastGetsAllThatThereIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		large := uint64(rapid.IntRange(2, 50).Draw(rt, "large"))
		lost := uint64(rapid.IntRange(20, 400).Draw(rt, "lost"))
		last := uint64(rapid.IntRange(1, 700).Draw(rt, "last"))
		log := &made{
			last: last,
			size: func(sequence uint64) int {
				if sequence%large == 0 {
					return 9000
				}
				return 100
			},
			lost: func(sequence uint64) bool { return sequence%lost == lost-1 && sequence < last },
		}
		f := filters[rapid.SampledFrom([]string{"everything", "by type", "by key"}).Draw(rt, "filter")]
		room := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 10_000), rapid.Just(1<<20))
		socket := &narrow{frame: rapid.Bool().Draw(rt, "whole frames"), take: func() int { return room.Draw(rt, "room") }}
		_, s := pastReader(t, log, f)
		format := plain
		format.Control = func(dst []byte, _ *event.Event) []byte { return dst }
		if s.format = &format; socket.frame {
			format.Name, format.Apart = "apart", true
		}
		holes := uint64(0)
		for s.at < log.last {
			if s.gap != nil {
				holes++
			}
			if _, idle, err := s.step(context.Background(), socket); err != nil || idle {
				rt.Fatalf("at %d of %d: idle %v, error %v", s.at, log.last, idle, err)
			}
		}
		var want []byte
		lostOnes := uint64(0)
		for sequence := uint64(1); sequence <= log.last; sequence++ {
			if i := testItem(sequence); log.lost(sequence) {
				lostOnes++
			} else if f.match(&i.Event) {
				want = fmt.Appendf(want, "%d \"%s\"\n", sequence, strings.Repeat("x", log.size(sequence)))
			}
		}
		if !bytes.Equal(socket.all, want) {
			rt.Errorf("got %d bytes, want %d, and the first difference is elsewhere than at the end", len(socket.all), len(want))
		}
		if s.gap != nil {
			holes++
		}
		if holes != lostOnes && f.key.IsZero() {
			rt.Errorf("%d holes told of %d", holes, lostOnes)
		}
	})
}
