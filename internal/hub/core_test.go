package hub

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/leatstream/leat/event"
	"pgregory.net/rapid"
)

// plain is a format whose frames are easy to read back.
var plain = Format{
	Name: "plain",
	Event: func(dst []byte, e *event.Event) []byte {
		return fmt.Appendf(dst, "%d %s\n", e.Position.Sequence(), e.Data)
	},
}

func testItem(sequence uint64) item {
	return item{event.Event{
		Position: event.NewPosition("a", sequence),
		Type:     event.MustType([]string{"x", "y", "z"}[sequence%3]),
		Key:      event.MustKey([]string{"k", "l"}[sequence/3%2]),
		Data:     fmt.Appendf(nil, `{"n":%d}`, sequence),
	}, sequence, time.Time{}}
}

// A tail of any size, read by any cursor at any moment, gives each event that it holds and that matches, once and in
// order, and says exactly what is missing.
func TestCursorsGetAllThatTheTailHoldsAndHearOfEachHole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Blocks of one event up to full ones, and bursts that cross several.
		tail := newTail(rapid.OneOf(rapid.IntRange(1, 60), rapid.IntRange(600, 3000)).Draw(t, "events"), 1<<20)
		base := uint64(rapid.IntRange(0, 500).Draw(t, "base"))
		tail.begin(base)
		stored := map[uint64]bool{}
		c := cursor{at: base}
		if rapid.Bool().Draw(t, "by type") {
			c.types = map[string]bool{"x": true, "z": true}
		}
		if rapid.Bool().Draw(t, "by key") {
			c.key = event.MustKey("k")
		}
		page := rapid.Bool().Draw(t, "as pages")
		var got, want []uint64
		from := base // what the cursor has been told or has skipped ends here
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "read") > 0 {
				sequence := tail.last + 1
				if rapid.IntRange(0, 9).Draw(t, "hole") == 0 {
					sequence += uint64(rapid.IntRange(1, 5).Draw(t, "lost"))
				}
				for range rapid.OneOf(rapid.IntRange(1, 3), rapid.IntRange(100, 700)).Draw(t, "burst") {
					tail.append(testItem(sequence))
					stored[sequence] = true
					sequence++
				}
				continue
			}
			for c.at < tail.last {
				if c.at < tail.base { // the hub would read history now
					c.at, from = tail.base, tail.base
					continue
				}
				var missing uint64
				if page {
					var events []*event.Event
					events, missing = c.take(tail.block(c.at), rapid.IntRange(1, 400).Draw(t, "limit"), nil)
					for _, e := range events {
						got = append(got, e.Position.Sequence())
					}
				} else {
					var batch Batch
					_, missing = c.collect(tail.block(c.at), &plain, &batch)
					got = append(got, sequences(t, batch)...)
				}
				if c.at == from && missing == 0 {
					t.Fatalf("the cursor stands still at %d, and the tail ends at %d", from, tail.last)
				}
				for s := from + 1; s <= c.at; s++ {
					if i := testItem(s); stored[s] && c.match(&i.Event) {
						want = append(want, s)
					}
				}
				from = c.at
				if missing > 0 {
					for s := c.at + 1; s <= missing; s++ {
						if stored[s] {
							t.Fatalf("%d is told as missing, and is there", s)
						}
					}
					if !stored[missing+1] {
						t.Fatalf("the hole after %d ends at %d, but %d is missing too", c.at, missing, missing+1)
					}
					c.at, from = missing, missing
				}
			}
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%d events, want %d; from the %dth on:\ngot  %v\nwant %v", len(got), len(want), i+1, some(got, i), some(want, i))
			}
		}
	})
}

// some gives a few of the sequences from the ith on.
func some(sequences []uint64, i int) []uint64 {
	return sequences[min(i, len(sequences)):min(i+5, len(sequences))]
}

func sequences(t rapid.TB, b Batch) []uint64 {
	var got []uint64
	total := 0
	for _, frame := range b.Frames {
		total += len(frame)
		for line := range bytes.Lines(frame) {
			var s, n uint64
			if _, err := fmt.Sscanf(string(line), "%d {\"n\":%d}\n", &s, &n); err != nil || s != n {
				t.Fatalf("frame %q: %v", line, err)
			}
			got = append(got, s)
		}
	}
	if len(got) != b.Events || total != b.Bytes {
		t.Fatalf("a batch says %d events in %d bytes and has %d in %d", b.Events, b.Bytes, len(got), total)
	}
	return got
}

// What two unfiltered subscribers write is the same memory, and what a reader is behind within a block is one slice.
func TestFramesAreEncodedOnceAndShared(t *testing.T) {
	tail := newTail(0, 0)
	tail.begin(0)
	for s := range uint64(100) {
		tail.append(testItem(s + 1))
	}
	var one, two Batch
	a, b := cursor{}, cursor{}
	a.collect(tail.block(0), &plain, &one)
	b.collect(tail.block(0), &plain, &two)
	if len(one.Frames) != 1 || one.Events != 100 {
		t.Fatalf("100 events came in %d slices as %d events; want one slice", len(one.Frames), one.Events)
	}
	if &one.Frames[0][0] != &two.Frames[0][0] {
		t.Error("two subscribers' frames are different memory")
	}
}

func BenchmarkCollect(b *testing.B) {
	tail := newTail(0, 0)
	tail.begin(0)
	for s := range uint64(200) {
		tail.append(testItem(s + 1))
	}
	var batch Batch
	b.ReportAllocs()
	for b.Loop() {
		c := cursor{}
		batch.Frames, batch.Events, batch.Bytes = batch.Frames[:0], 0, 0
		c.collect(tail.block(0), &plain, &batch)
	}
}
