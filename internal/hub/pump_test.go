package hub

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
)

// A sink takes everything at once, and keeps where the last frames are in memory.
type sink struct{ last []byte }

func (s *sink) Write(b Batch) error { _, err := s.TryWrite(b); return err }

func (s *sink) TryWrite(b Batch) (int, error) {
	s.last = b.Frames[len(b.Frames)-1]
	return b.Bytes, nil
}

// pumped gives a hub's stream with subscribers that rest with one pump, which the test runs by itself.
func pumped(t testing.TB, n int, types map[string]bool) (*stream, *pump, []*sink) {
	c, err := contract.Parse("leat.yaml", []byte(`
leat: 1
info: { title: Pump tests, version: 1.0.0 }
streams:
  ticks: { events: { x: { schema: {} }, y: { schema: {} }, z: { schema: {} } } }
`))
	if err != nil {
		t.Fatal(err)
	}
	h := New(Options{Logger: slog.New(slog.DiscardHandler)})
	h.Add(c.Stream("ticks"), memlog.New(c.Stream("ticks")))
	st, p := h.streams["ticks"], h.pumps[0]
	st.tail.begin(0)
	sinks := make([]*sink, n)
	for i := range n {
		connection, err := h.Connect(contract.SSE)
		if err != nil {
			t.Fatal(err)
		}
		sinks[i] = &sink{}
		s := &Subscriber{
			cursor: cursor{filter: filter{types: types}}, stream: st, format: &plain, connection: connection,
			counters: h.metrics.of("ticks", "sse"), pump: p, try: sinks[i],
		}
		st.join(s)
		p.park(s, time.Now(), false)
	}
	return st, p, sinks
}

// entries are k events that come next in a stream.
func entries(st *stream, k int) []eventlog.Entry {
	list := make([]eventlog.Entry, k)
	for i := range list {
		item := testItem(st.tail.last + uint64(i) + 1)
		list[i] = eventlog.Entry{Event: item.Event, StoredAt: time.Now()}
	}
	return list
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	for name, types := range map[string]map[string]bool{"everything": nil, "by type": {"x": true, "z": true}} {
		t.Run(name, func(t *testing.T) {
			const subscribers = 200
			st, p, _ := pumped(t, subscribers, types)
			deliver := func() {
				st.append(entries(st, 3))
				p.pass()
			}
			perEvent := testing.AllocsPerRun(50, func() { st.append(entries(st, 3)) })
			for range 5 {
				deliver() // buffers grow to their size
			}
			if n := testing.AllocsPerRun(100, deliver) - perEvent; n > subscribers/10 {
				t.Errorf("%v allocations for %d deliveries beside those of the events themselves; want none per delivery", n, subscribers)
			}
		})
	}
}

func TestOneWriteOfSharedMemoryBringsAllThatAReaderIsBehind(t *testing.T) {
	st, p, sinks := pumped(t, 3, nil)
	for range 40 {
		st.append(entries(st, 1))
	}
	p.pass()
	for i, s := range sinks {
		if len(s.last) == 0 || &s.last[0] != &sinks[0].last[0] {
			t.Fatalf("subscriber %d wrote other memory than the first", i)
		}
		if n := len(sequences(t, Batch{Frames: [][]byte{s.last}, Events: 40, Bytes: len(s.last)})); n != 40 {
			t.Errorf("subscriber %d got %d events in its last write; want all 40", i, n)
		}
	}
}

func TestWhoHasLeftIsForgottenAtOnce(t *testing.T) {
	st, p, _ := pumped(t, 3, nil)
	for len(st.all) > 0 {
		st.all[0].Close()
	}
	for tick, slot := range p.wheel.slots {
		t.Errorf("the wheel keeps %d subscribers until tick %d", len(slot), tick)
	}
}

// The tail arrives at the newest event in the moment after a subscriber has looked, and before it rests.
func TestLiveIsToldThoughTheTailArrivesWhileASubscriberGoesToRest(t *testing.T) {
	st, p, _ := pumped(t, 1, nil)
	s := st.all[0]
	s.at, s.liveAt, s.liveDue, s.waiting = 1, 1, true, false
	st.append(entries(st, 1))
	p.park(s, time.Now(), false)
	if s.waiting || len(p.queue) != 1 {
		t.Error("it rests, and leat.live is due")
	}
}

func BenchmarkPump(b *testing.B) {
	for _, k := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d events to 1,000 subscribers", k), func(b *testing.B) {
			st, p, _ := pumped(b, 1000, nil)
			b.ReportAllocs()
			for b.Loop() {
				st.append(entries(st, k))
				p.pass()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/write")
		})
	}
}
