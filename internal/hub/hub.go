// Package hub brings stored events to subscribers: a shared tail per stream, and every subscriber a cursor on it.
package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/prometheus/client_golang/prometheus"
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
}

// A Hub serves the subscribers of all streams.
type Hub struct{}

// New makes a hub of no streams yet.
func New(o Options) *Hub { panic("hub") }

// Add gives the hub a stream; all are added before Run.
func (h *Hub) Add(s *contract.Stream, log Log) {}

// Run follows the log of each stream that has subscribers, until ctx ends.
func (h *Hub) Run(ctx context.Context) error { return nil }

// Contract gives a stream's declaration, or the problem (404, near names) that there is none.
func (h *Hub) Contract(stream string) (*contract.Stream, error) { return nil, nil }

// State asks the stream's log what it holds; requests that wait together share one answer.
func (h *Hub) State(ctx context.Context, stream string) (eventlog.State, error) {
	return eventlog.State{}, nil
}

// Drain ends every connection, spread evenly over a time, and returns when the last one is gone, or ctx ends.
// From now on Connect refuses.
func (h *Hub) Drain(ctx context.Context, over time.Duration) error { return nil }

// Connect registers a connection: an SSE response, a WebSocket, a gRPC stream. It refuses (problem.Draining) while
// the hub drains. The caller must Close it.
func (h *Hub) Connect(transport contract.Transport) (*Connection, error) { return nil, nil }

// A Connection is one client's connection, with any number of subscribers on it.
type Connection struct{}

// ID names the connection in logs.
func (c *Connection) ID() string { return "" }

// Ended is closed when the server ends the connection (drain): each subscriber's Run then writes its leat.end and
// returns, and the transport closes.
func (c *Connection) Ended() <-chan struct{} { return nil }

// End asks for the connection's end; the first reason stays.
func (c *Connection) End(reason event.EndReason) {}

// Reason is why the server ended the connection, empty while it has not.
func (c *Connection) Reason() event.EndReason { return "" }

// Close forgets the connection; how tells the metrics why it is gone: "client", "drain", "slow", "error".
func (c *Connection) Close(how string) {}

// Subscribe finds where the subscription starts, and gives the subscriber that Run will move forward from there.
func (c *Connection) Subscribe(ctx context.Context, s Subscription, f Format) (*Subscriber, error) {
	return nil, nil
}

// A Format encodes events for one wire. Subscribers of a stream with formats of the same Name share the frames of
// events; control frames are each subscriber's own.
type Format struct {
	Name string
	// Apart wants the frames one by one; otherwise neighbours come as one slice.
	Apart bool
	// Event appends the frame of an event that was published.
	Event func(dst []byte, e *event.Event) []byte
	// Control appends the frame of a control event; dst unchanged leaves it out on this wire.
	Control func(dst []byte, e *event.Event) []byte
}

// A Batch is frames that go out in this order, whole. The bytes are shared: they may not be changed, nor kept
// after Write has returned.
type Batch struct {
	Frames [][]byte
	Events int // how many published events are in them
	Bytes  int // the sum of the frames' lengths
}

// A Writer writes to one client. Write blocks until the batch is with the kernel; ErrSlow says that the client took
// nothing for SlowAfter. Any error ends the subscriber.
type Writer interface {
	Write(b Batch) error
}

// SlowAfter is how long a write may make no progress before the connection is ended for slowness.
const SlowAfter = 10 * time.Second

// A Subscriber is a cursor on a stream's tail, with a filter, a format and a connection.
type Subscriber struct{}

// StartID is what the wire shows as the start (SSE's first block, subscribed): the newest position for a live
// subscriber, the one just before the first event for earliest, since and last, the asked one for a client that
// resumes; empty where it asked with something that is no position, and on streams of durability none.
func (s *Subscriber) StartID() string { return "" }

// Run writes what the subscriber gets, until ctx ends, the connection is ended (nil, after leat.end), or a write
// fails.
func (s *Subscriber) Run(ctx context.Context, w Writer) error { return nil }

// Close forgets a subscriber; Run's caller calls it when Run has returned, or when Run will not be called.
func (s *Subscriber) Close() {}

// A Page is a stretch of history.
type Page struct {
	Events []*event.Event
	Next   event.Position // what to ask after for the next page
	Gap    *event.Gap     // nil where nothing is missing
}

// Page gives at most limit matching events, and waits up to wait for the first one when there is none.
func (h *Hub) Page(ctx context.Context, s Subscription, limit int, wait time.Duration) (*Page, error) {
	return nil, nil
}
