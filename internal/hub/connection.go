package hub

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// A Connection is one client's connection, with any number of subscribers on it: an SSE response, a WebSocket, a
// gRPC stream.
type Connection struct {
	hub       *Hub
	number    uint64 // among those of this process, from 1
	transport contract.Transport
	since     int64         // Unix nanoseconds
	wait      time.Duration // see ReconnectAfter
	over      atomic.Bool   // the server ends it
	pushed    atomic.Bool   // pushes has something for a subscriber to write

	pushing sync.Mutex // held while what was pushed is taken and written; taken before mu

	mu          sync.Mutex // guards the fields below
	reason      event.EndReason
	closed      bool
	left        bool // a subscriber has
	stopped     bool // pusher takes no more
	subscribers []*Subscriber
	whenEnded   func()
	ended       chan struct{}          // nil until somebody asks for it: most connections are idle, and it is half their size
	remote      netip.AddrPort         // zero where it is not known; the text would be larger
	pushes      *pushes                // nil while nothing waits
	pusher      Pusher                 // nil where a subscriber writes what is pushed
	held        bool                   // pusher writes nothing yet
	pushStream  string                 // see PushThrough
	method      string                 // see SetMethod
	trace       *trace                 // see SetTrace; nil: none, as most clients have
	leaves      map[*Subscriber]func() // to be told that it is over; nil where nobody wants to know of any
}

// Connect registers a connection. It refuses (problem.Draining) while the hub drains. The caller must Close it.
func (h *Hub) Connect(transport contract.Transport) (*Connection, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isDraining() {
		return nil, errDraining()
	}
	h.connected++
	c := &Connection{
		hub:       h,
		number:    h.connected,
		transport: transport,
		since:     time.Now().UnixNano(),
		wait:      reconnectAfter(),
	}
	h.connections[c.number] = c
	h.metrics.connections.WithLabelValues(string(transport)).Inc()
	return c, nil
}

func errDraining() error {
	p := problem.New(problem.Draining, "this node is shutting down: connect again, another one or the next one answers")
	p.RetryAfter = reconnectAfter()
	return p
}

// ID names the connection, in logs and to whoever looks after it or pushes to it. No other process gives the same one.
func (c *Connection) ID() string { return c.hub.process + strconv.FormatUint(c.number, 36) }

// SetRemote says who is on the other side: an IP address and a port, as http.Request.RemoteAddr has it. Anything else
// counts as unknown.
func (c *Connection) SetRemote(address string) {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return // a socket of another kind, or a middleware's own idea of it
	}
	c.mu.Lock()
	c.remote = remote
	c.mu.Unlock()
}

// SetMethod says by which gRPC method the client has come; the other transports have none. It is for before the
// connection has subscribers.
func (c *Connection) SetMethod(name string) { c.method = name }

// Method is what SetMethod was given.
func (c *Connection) Method() string { return c.method }

// Ended is closed when the server ends the connection: each subscriber's Run then writes its leat.end and returns,
// and the transport closes.
func (c *Connection) Ended() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = make(chan struct{})
		if c.reason != "" {
			close(c.ended)
		}
	}
	return c.ended
}

// End asks for the connection's end; the first reason stays.
func (c *Connection) End(reason event.EndReason) {
	c.mu.Lock()
	if c.reason != "" {
		c.mu.Unlock()
		return
	}
	c.reason = reason
	c.over.Store(true)
	if c.ended != nil {
		close(c.ended)
	}
	subscribers, whenEnded := slices.Clone(c.subscribers), c.whenEnded
	c.mu.Unlock()
	if whenEnded != nil {
		whenEnded()
	}
	for _, s := range subscribers {
		s.interrupt()
	}
}

// WhenEnded calls f once when the server ends the connection, also where it has done so already; Ended, without a
// goroutine that waits. f must not block.
func (c *Connection) WhenEnded(f func()) {
	c.mu.Lock()
	c.whenEnded = f
	ended := c.reason != ""
	c.mu.Unlock()
	if ended {
		f()
	}
}

// forget takes a subscriber off the connection; a page's has none.
func (c *Connection) forget(s *Subscriber) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if i := slices.Index(c.subscribers, s); i >= 0 {
		c.subscribers = slices.Delete(c.subscribers, i, i+1)
	}
}

// Reason is why the server ended the connection, empty while it has not.
func (c *Connection) Reason() event.EndReason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// ReconnectAfter is how long the client should wait before it comes back: what each leat.end on the connection says.
func (c *Connection) ReconnectAfter() time.Duration { return c.wait }

// how is what the metrics call the end of a page's connection.
func (c *Connection) how() string {
	if c.Reason() == event.EndDrain {
		return "drain"
	}
	return "client"
}

// Close forgets the connection; how tells the metrics why it is gone: "client", "drain", "slow", "error"; one that
// was disconnected is "disconnected", whatever its transport makes of that.
func (c *Connection) Close(how string) {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	if c.reason == event.EndDisconnected {
		how = string(c.reason)
	}
	c.mu.Unlock()
	if again {
		return
	}
	c.leaveAll() // before a drain sees that the connection is gone, and whoever is told has no time any more
	h := c.hub
	h.metrics.connections.WithLabelValues(string(c.transport)).Dec()
	h.metrics.ended.WithLabelValues(string(c.transport), how).Inc()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.connections, c.number)
	if h.isDraining() && len(h.connections) == 0 {
		h.gone()
	}
}

// Subscribe finds where the subscription starts, and gives the subscriber that Run will move forward from there.
func (c *Connection) Subscribe(ctx context.Context, s Subscription, f *Format) (*Subscriber, error) {
	sub, err := c.hub.subscriber(ctx, s, f, c.transport)
	if err != nil {
		return nil, err
	}
	sub.connection = c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, sub)
	return sub, nil
}

// Drain ends every connection, spread evenly over a time, and returns when the last one is gone, or ctx ends.
// From now on Connect refuses.
func (h *Hub) Drain(ctx context.Context, over time.Duration) error {
	h.mu.Lock()
	if !h.isDraining() {
		close(h.draining)
	}
	connections := make([]*Connection, 0, len(h.connections))
	for _, c := range h.connections {
		connections = append(connections, c)
	}
	if len(connections) == 0 {
		h.gone()
	}
	h.mu.Unlock()
	rand.Shuffle(len(connections), func(i, j int) { connections[i], connections[j] = connections[j], connections[i] })
	started := time.Now()
	for i, c := range connections {
		place := started.Add(over * time.Duration(i) / time.Duration(len(connections)))
		timer := time.NewTimer(time.Until(place))
		select {
		case <-timer.C:
		case <-h.empty:
		case <-ctx.Done():
		}
		timer.Stop()
		c.End(event.EndDrain)
	}
	select {
	case <-h.empty:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Draining is closed when the hub begins to drain.
func (h *Hub) Draining() <-chan struct{} { return h.draining }

func (h *Hub) isDraining() bool {
	select {
	case <-h.draining:
		return true
	default:
		return false
	}
}

// gone notes that no connection is left. The caller has the lock.
func (h *Hub) gone() {
	select {
	case <-h.empty:
	default:
		close(h.empty)
	}
}
