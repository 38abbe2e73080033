// Package hub brings stored events to subscribers: a shared tail per stream, and every subscriber a cursor on it.
package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// A Log is what the hub needs of a stream's event log.
type Log interface {
	// State asks the leader what the stream holds.
	State(ctx context.Context) (eventlog.State, error)
	// Read gives the events after a sequence, in order, at most as many as asked; fewer, also none, is no proof
	// that there are no more.
	Read(ctx context.Context, r eventlog.ReadRequest) ([]eventlog.Entry, error)
	// Since gives the sequence of the first event that the log stored at t or later, Last+1 where there is none.
	Since(ctx context.Context, t time.Time) (uint64, error)
	// Follow delivers the events after a sequence as they are stored, in order, in batches of what is there, until
	// ctx ends or the connection to the log breaks. There may be holes: the caller reads what is missing.
	Follow(ctx context.Context, after uint64, deliver func([]eventlog.Entry)) error
}

// Options of a hub.
type Options struct {
	Logger     *slog.Logger
	Registry   prometheus.Registerer
	TailEvents int // how many events a stream's tail holds at most; 0: 4,096
	TailBytes  int // how many bytes of data; 0: 8 MiB
	// Joined is told of each subscription on a connection when its events begin to flow. What it gives is called once when
	// the subscription is over, which is not before the connection's last message was handled; nil where nobody wants to
	// know. Who subscribes waits for both. A nil Joined is told nothing.
	Joined func(c *Connection, stream string, key event.Key) (left func())
}

// A Hub serves the subscribers of all streams.
type Hub struct {
	options  Options
	metrics  *metrics
	streams  atomic.Pointer[streams]
	pumps    []*pump
	queuing  []*pump       // for subscribers whose Format is Queued
	draining chan struct{} // closed when Drain begins
	turn     atomic.Uint64 // whose pump's turn it is to get a subscriber
	empty    chan struct{} // closed when the last connection has gone, draining
	process  string        // what the ids of its connections begin with

	changing sync.Mutex    // held while streams are added; taken before no other lock
	begin    func(*stream) // runs a stream that is added; guarded by changing, nil before Run and after it

	mu          sync.Mutex             // guards the fields below; taken before no other lock
	connections map[uint64]*Connection // by number
	connected   uint64                 // how many there ever were
}

// streams are those of the contract; they never change, and others take their place.
type streams struct {
	byName map[string]*stream
	names  []string // in the order of the contract, and of what it has gained
}

// New makes a hub of no streams yet.
func New(o Options) *Hub {
	h := &Hub{
		options:     o,
		metrics:     newMetrics(o.Registry),
		draining:    make(chan struct{}),
		empty:       make(chan struct{}),
		process:     strings.ToLower(rand.Text()[:6]) + "-",
		connections: map[uint64]*Connection{},
	}
	h.streams.Store(&streams{})
	// Half the cores: a pump that takes longer for a pass carries more with each write. On two, with 400 events/s to 1,000
	// subscribers, one took 2.5 µs of CPU per delivery and two took 3.1, and its p99 was 26 ms against 41.
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		h.pumps = append(h.pumps, newPump(0))
		h.queuing = append(h.queuing, newPump(pace))
	}
	return h
}

// Add gives the hub a stream, also while it runs.
func (h *Hub) Add(s *contract.Stream, log Log) {
	h.changing.Lock()
	defer h.changing.Unlock()
	st, old := newStream(s, log, h.options), h.streams.Load()
	all := &streams{maps.Clone(old.byName), append(slices.Clone(old.names), s.Name)}
	if all.byName == nil {
		all.byName = map[string]*stream{}
	}
	all.byName[s.Name] = st
	if h.begin != nil {
		h.begin(st)
	}
	h.streams.Store(all)
}

// Change gives a stream that is there another declaration, with the same name, key and durability. Subscribers stay.
func (h *Hub) Change(s *contract.Stream) { h.streams.Load().byName[s.Name].contract.Store(s) }

// Streams lists the declarations as they are now.
func (h *Hub) Streams() []*contract.Stream {
	all := h.streams.Load()
	declared := make([]*contract.Stream, len(all.names))
	for i, name := range all.names {
		declared[i] = all.byName[name].contract.Load()
	}
	return declared
}

// Run follows the log of each stream that has subscribers, and moves those forward, until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range slices.Concat(h.pumps, h.queuing) {
		g.Go(func() error { return p.run(ctx) })
	}
	h.changing.Lock()
	h.begin = func(st *stream) { g.Go(func() error { return st.run(ctx) }) }
	for _, st := range h.streams.Load().byName {
		h.begin(st)
	}
	h.changing.Unlock()
	<-ctx.Done() // until then streams may be added
	h.changing.Lock()
	h.begin = nil
	h.changing.Unlock()
	err := g.Wait()
	for _, st := range h.streams.Load().byName {
		st.asker.end()
	}
	return err
}

// Contract gives a stream's declaration, or the problem (404, near names) that there is none.
func (h *Hub) Contract(name string) (*contract.Stream, error) {
	st, err := h.stream(name)
	if err != nil {
		return nil, err
	}
	return st.contract.Load(), nil
}

func (h *Hub) stream(name string) (*stream, error) {
	all := h.streams.Load()
	if st := all.byName[name]; st != nil {
		return st, nil
	}
	return nil, problem.New(problem.NotFound, "no stream %.100q in the contract%s (streams: %s)",
		name, problem.DidYouMean(name, all.names), strings.Join(all.names, ", "))
}

// State asks the stream's log what it holds; requests that wait together share one answer. A stream of durability
// none holds nothing: the zero State.
func (h *Hub) State(ctx context.Context, name string) (eventlog.State, error) {
	st, err := h.stream(name)
	if err != nil || st.live {
		return eventlog.State{}, err
	}
	state, err := st.asker.state(ctx)
	if err != nil {
		return eventlog.State{}, unavailable(ctx, err)
	}
	return state, nil
}

// subscriber makes a subscriber that stands at its start, and joins its stream.
func (h *Hub) subscriber(ctx context.Context, sub Subscription, f *Format, t contract.Transport) (*Subscriber, error) {
	st, err := h.stream(sub.Stream.Name)
	if err != nil {
		return nil, err
	}
	s := &Subscriber{
		cursor:   cursor{filter: filter{sub.Key, sub.Types}},
		stream:   st,
		format:   f,
		counters: h.metrics.of(st.name, string(t)),
		pump:     h.pumpFor(f),
	}
	if st.live && sub.Start.Kind != StartLatest {
		return nil, errors.New("hub: a start on a stream of durability none; Parse refuses it")
	}
	if err := s.start(ctx, sub.Start); err != nil {
		return nil, fmt.Errorf("stream %s: %w", st.name, err)
	}
	st.join(s)
	if st.live {
		if err := st.awaitListening(ctx); err != nil {
			s.Close()
			return nil, err
		}
		st.standLive(s)
	}
	return s, nil
}

func (h *Hub) pumpFor(f *Format) *pump {
	pumps := h.pumps
	if f.Queued {
		pumps = h.queuing
	}
	return pumps[h.turn.Add(1)%uint64(len(pumps))]
}

// A Format encodes events for one wire. Subscribers of a stream with formats of the same Name share the frames of
// events; control frames are each subscriber's own.
type Format struct {
	Name string
	// Apart wants the frames one by one; otherwise neighbours come as one slice.
	Apart bool
	// Queued says that its writers only queue what they are given, and that a goroutine of each connection's own writes
	// it: see pace.
	Queued bool
	// Event appends the frame of an event that was published.
	Event func(dst []byte, e *event.Event) []byte
	// Control appends the frame of a control event; dst unchanged leaves it out on this wire.
	Control func(dst []byte, e *event.Event) []byte
}

// A Batch is frames that go out in this order, whole. The bytes are shared and never change; the slice of slices
// is the subscriber's, and may not be kept after Write has returned.
type Batch struct {
	Frames [][]byte
	Events int // how many published events are in them
	Bytes  int // the sum of the frames' lengths
	// Made is where a writer may keep what it has made of the frames, for the next one that is given the same; nil where
	// nobody else is.
	Made *any
}

// A Writer writes to one client. Write blocks until the batch is with the kernel; any error ends the subscriber.
type Writer interface {
	Write(b Batch) error
}

// SlowAfter is how long a write may make no progress before the connection is ended for slowness.
const SlowAfter = 10 * time.Second
