package hub

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/problem"
)

// A sink takes everything at once, and keeps it, and where the last frames are in memory.
type sink struct {
	last []byte
	all  []byte // nil: not kept
	made func(Batch)
}

func (s *sink) Write(b Batch) error { _, err := s.TryWrite(b); return err }

func (s *sink) TryWrite(b Batch) (int, error) {
	s.last = b.Frames[len(b.Frames)-1]
	if s.made != nil {
		s.made(b)
	}
	if s.all != nil {
		for _, frame := range b.Frames {
			s.all = append(s.all, frame...)
		}
	}
	return b.Bytes, nil
}

// pumped gives a hub's stream with subscribers that rest with one pump, which the test runs by itself.
func pumped(t testing.TB, n int, f filter) (*stream, *pump, []*sink) {
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
	st, p := h.streams.Load().byName["ticks"], h.pumps[0]
	st.tail.begin(0)
	sinks := make([]*sink, n)
	for i := range n {
		connection, err := h.Connect(contract.SSE)
		if err != nil {
			t.Fatal(err)
		}
		sinks[i] = &sink{}
		s := &Subscriber{
			cursor: cursor{filter: f}, stream: st, format: &plain, connection: connection,
			counters: h.metrics.of("ticks", "sse"), pump: p, try: sinks[i],
		}
		st.join(s)
		p.park(s, time.Now(), false)
	}
	return st, p, sinks
}

var filters = map[string]filter{
	"everything": {}, "by type": {types: map[string]bool{"x": true, "z": true}}, "by key": {key: event.MustKey("k")},
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
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			const subscribers = 200
			st, p, _ := pumped(t, subscribers, f)
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
	st, p, sinks := pumped(t, 3, filter{})
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

func TestWhatAWriterMakesOfABatchIsForThoseWhoAreGivenTheSame(t *testing.T) {
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			st, p, sinks := pumped(t, 3, f)
			found := 0
			for _, s := range sinks {
				s.made = func(b Batch) {
					if *b.Made == nil {
						*b.Made = b.Frames[0]
					} else if made := (*b.Made).([]byte); &made[0] != &b.Frames[0][0] || len(made) != len(b.Frames[0]) {
						t.Error("it finds what was made of another batch")
					} else {
						found++
					}
				}
			}
			for _, k := range []int{3, 1, 1, 1, 5, 3, 3} {
				st.append(entries(st, k))
				p.pass()
				if p.last.made != nil {
					t.Error("what was made is held when nobody needs it any more")
				}
			}
			if f.all() && found != 2*7 {
				t.Errorf("found %d times; want by all but the first, each time", found)
			}
		})
	}
}

func TestWhatIsLeftOfABatchSharesNothingWithThePump(t *testing.T) {
	b := Batch{Frames: [][]byte{{1, 2}, {3}}, Bytes: 3, Made: new(any)}
	rest := b.after(2)
	if rest.Made != nil || len(rest.Frames) != 1 || &rest.Frames[0] == &b.Frames[1] {
		t.Errorf("got %+v; want a copy of the second frame alone", rest)
	}
}

// Whoever is woken for an event has its cursor moved to just before it, and not a step further.
func TestWhoeverRestsGetsEachEventThatMatches(t *testing.T) {
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			st, p, sinks := pumped(t, 1, f)
			sinks[0].all = []byte{}
			c := cursor{filter: f}
			var want []byte
			for _, k := range []int{1, 1, 1, 2, 5, 1, 1, 300, 1, 1, 1, 1} {
				list := entries(st, k)
				for i := range list {
					if c.match(&list[i].Event) {
						want = plain.Event(want, &list[i].Event)
					}
				}
				st.append(list)
				p.pass()
			}
			if got := string(sinks[0].all); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAHeartbeatWithinThePauseOfCoalesceSkipsNothing(t *testing.T) {
	st, p, sinks := pumped(t, 1, filter{})
	st.contract.Load().Coalesce = time.Hour
	s := st.all[0]
	st.append(entries(st, 1))
	if !p.claim(s, time.Now().Add(time.Hour)) {
		t.Fatal("its heartbeat is not due")
	}
	p.park(s, time.Now(), true)
	st.pauseOver()
	p.pass()
	if len(sinks[0].last) == 0 {
		t.Error("the event of the pause has not come")
	}
}

// What is lost may have been of any key and type.
func TestAHoleWakesWhoeverRests(t *testing.T) {
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			st, p, _ := pumped(t, 1, f)
			list := entries(st, 6)
			var other eventlog.Entry // the event behind the hole is none that the filter takes
			for _, e := range list[1:] {
				if other = e; !f.match(&e.Event) {
					break
				}
			}
			st.append([]eventlog.Entry{other})
			if len(p.queue) != 1 {
				t.Error("it rests, and does not hear of the hole")
			}
		})
	}
}

func TestABugEndsItsSubscriberAndNotThePump(t *testing.T) {
	bug := func([]byte, *event.Event) []byte { panic("a bug") }
	for name, provoke := range map[string]func(st *stream, p *pump){
		"in an event":    func(st *stream, p *pump) { st.append(entries(st, 1)); p.pass() },
		"in a heartbeat": func(_ *stream, p *pump) { p.beat(time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			st, p, _ := pumped(t, 1, filter{})
			ended := make(chan error)
			s := st.all[0]
			s.format = &Format{Name: "bug", Event: bug, Control: bug}
			s.done = func(err error) { ended <- err }
			provoke(st, p)
			if err := <-ended; err == nil || problem.From(err).Kind != problem.Internal {
				t.Errorf("it ended with %v; want a bug of ours", err)
			}
		})
	}
}

// The subscriber goes on by itself, on a goroutine: its bug must not keep the stream's lock.
func TestABugWhileTheStreamIsLockedLeavesItOpen(t *testing.T) {
	st, _, _ := pumped(t, 1, filter{})
	st.append(entries(st, 1))
	s := st.all[0]
	s.format = &Format{Name: "bug", Event: func([]byte, *event.Event) []byte { panic("a bug") }}
	err := func() (bug error) {
		defer problem.Caught(&bug)
		_, _, err := s.step(t.Context(), s.try)
		return err
	}()
	if problem.From(err).Kind != problem.Internal {
		t.Fatalf("%v, want a bug of ours", err)
	}
	if !st.mu.TryLock() {
		t.Fatal("the stream is locked for good")
	}
	st.mu.Unlock()
}

func TestWhoHasLeftIsForgottenAtOnce(t *testing.T) {
	st, p, _ := pumped(t, 3, filter{})
	for len(st.all) > 0 {
		st.all[0].Close()
	}
	if n := p.wheel.Slots(); n > 0 {
		t.Errorf("the wheel keeps subscribers under %d ticks", n)
	}
}

// The tail arrives at the newest event in the moment after a subscriber has looked, and before it rests.
func TestLiveIsToldThoughTheTailArrivesWhileASubscriberGoesToRest(t *testing.T) {
	st, p, _ := pumped(t, 1, filter{})
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
			st, p, _ := pumped(b, 1000, filter{})
			b.ReportAllocs()
			for b.Loop() {
				st.append(entries(st, k))
				p.pass()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/write")
		})
	}
}

// A written is a writer that hands on what it is given.
type written chan string

func (w written) Write(b Batch) error { _, err := w.TryWrite(b); return err }

func (w written) TryWrite(b Batch) (int, error) {
	for _, frame := range b.Frames {
		w <- string(frame)
	}
	return b.Bytes, nil
}

// What is pushed while a subscriber is on the move, or in the moment after it has looked, is written before it rests.
func TestWhatIsPushedWhileASubscriberGoesToRestIsWritten(t *testing.T) {
	e := testItem(7).Event
	e.Stream = "ticks"
	push := func(t *testing.T, s *Subscriber) {
		s.connection.subscribers = []*Subscriber{s}
		if err := s.connection.Push([]*event.Event{&e}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("pumped", func(t *testing.T) {
		st, p, _ := pumped(t, 1, filter{})
		s, out := st.all[0], make(written, 2)
		s.try = out
		st.append(entries(st, 1)) // queues it
		push(t, s)
		p.pass()
		for {
			select {
			case got := <-out:
				if got == string(plain.Event(nil, &e)) {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatal("what was pushed is not written")
			}
		}
	})
	t.Run("in a goroutine", func(t *testing.T) {
		st, _, _ := pumped(t, 1, filter{})
		s := st.all[0]
		s.wake, s.waiting = make(chan struct{}, 1), false
		push(t, s)
		over := make(chan time.Time, 1)
		over <- time.Now()
		if s.wait(t.Context(), over, nil) {
			t.Error("it rested until its time was over")
		}
	})
}
