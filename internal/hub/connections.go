package hub

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/problem"
)

// Connection finds an open connection by its id; the error is a problem (404). One that the server ends counts as gone.
func (h *Hub) Connection(id string) (*Connection, error) {
	number, ok := h.number(id)
	if !ok {
		return nil, h.noConnection(id)
	}
	h.mu.Lock()
	c := h.connections[number]
	h.mu.Unlock()
	if c == nil || c.over.Load() {
		return nil, h.noConnection(id)
	}
	return c, nil
}

func (h *Hub) noConnection(id string) error {
	return problem.New(problem.NotFound, "no connection %.100q is open on this node: it has gone, or never was here", id)
}

// number gives which connection of this process an id names, if it is of this process.
func (h *Hub) number(id string) (uint64, bool) {
	digits, ours := strings.CutPrefix(id, h.process)
	number, err := strconv.ParseUint(digits, 36, 64)
	return number, ours && err == nil && strconv.FormatUint(number, 36) == digits
}

// Connections gives the connections that are open, and not about to end, in the order in which they came, behind the one with an id (which may have
// gone meanwhile); empty: all of them.
func (h *Hub) Connections(after string) ([]*Connection, error) {
	var from uint64
	if after != "" {
		var ok bool
		if from, ok = h.number(after); !ok {
			return nil, problem.New(problem.Malformed, "after=%.100s is no connection's id of this process: begin again without it", after)
		}
	}
	h.mu.Lock() // for no longer than copying takes
	all := make([]*Connection, 0, len(h.connections))
	for number, c := range h.connections {
		if number > from && !c.over.Load() {
			all = append(all, c)
		}
	}
	h.mu.Unlock()
	slices.SortFunc(all, func(a, b *Connection) int { return cmp.Compare(a.number, b.number) })
	return all, nil
}

// A Glimpse is how a connection stands at one moment.
type Glimpse struct {
	ID            string
	Transport     contract.Transport
	Remote        netip.AddrPort // zero where it is not known
	Since         time.Time
	Subscriptions []SubscriptionGlimpse // in the order in which they were made
}

// A SubscriptionGlimpse is how a subscription stands at one moment.
type SubscriptionGlimpse struct {
	Stream   string
	Key      string   // empty: every key
	Types    []string // in order; empty: every type
	Position string   // all up to it has been sent; empty on a stream of durability none
	Lag      uint64   // how many events of the stream are behind it, of any key and type
}

// Transport is the wire that the client speaks.
func (c *Connection) Transport() contract.Transport { return c.transport }

// Subscribes tells whether the connection has a subscription of a stream.
func (c *Connection) Subscribes(stream string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.subscribers, func(s *Subscriber) bool { return s.stream.name == stream })
}

// Look tells how the connection stands.
func (c *Connection) Look() Glimpse {
	c.mu.Lock()
	remote, subscribers := c.remote, slices.Clone(c.subscribers)
	c.mu.Unlock()
	g := Glimpse{
		ID:            c.ID(),
		Transport:     c.transport,
		Remote:        remote,
		Since:         time.Unix(0, c.since),
		Subscriptions: make([]SubscriptionGlimpse, len(subscribers)),
	}
	for i, s := range subscribers {
		g.Subscriptions[i] = s.look()
	}
	return g
}

func (s *Subscriber) look() SubscriptionGlimpse {
	st := s.stream
	st.mu.Lock()
	at, last := s.sent, st.tail.last
	if s.waiting {
		at = max(s.at, st.woken)
	}
	st.mu.Unlock()
	return SubscriptionGlimpse{
		Stream:   st.name,
		Key:      s.key.String(),
		Types:    slices.Sorted(maps.Keys(s.types)),
		Position: st.position(at).String(),
		Lag:      last - min(at, last),
	}
}
