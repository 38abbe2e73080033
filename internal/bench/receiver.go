package bench

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"
)

// A receiver reads for many subscribers. There is about one per core; a lock is taken once for all that a round of
// reading brings.
type receiver struct {
	marker *marker
	ended  func(*subscriber, error) // a connection broke off

	poller *poller // nil where sockets are read by a goroutine each
	reads  sync.WaitGroup

	mu        sync.Mutex // guards all below, and its subscribers
	counts    Counts
	latency   histogram
	storming  bool
	witnessed histogram // while storming
}

// Counts are of events that arrived.
type Counts struct {
	Deliveries int64 `json:"deliveries"`
	Bytes      int64 `json:"bytes"`    // of messages, without what frames them
	Replayed   int64 `json:"replayed"` // published while the subscriber was away; they count for no latency
	Duplicate  int64 `json:"duplicate"`
	OutOfOrder int64 `json:"outOfOrder"`
	Stray      int64 `json:"stray"` // of a key that was not asked for
	Gaps       int64 `json:"gaps"`  // leat.gap: the server says that something is missing
	Ended      int64 `json:"ended"` // connections that the server ended
}

func (c *Counts) add(o Counts) {
	c.Deliveries += o.Deliveries
	c.Bytes += o.Bytes
	c.Replayed += o.Replayed
	c.Duplicate += o.Duplicate
	c.OutOfOrder += o.OutOfOrder
	c.Stray += o.Stray
	c.Gaps += o.Gaps
	c.Ended += o.Ended
}

func newReceiver(m *marker, ended func(*subscriber, error)) (*receiver, error) {
	r := &receiver{marker: m, ended: ended, latency: newHistogram(), witnessed: newHistogram()}
	var err error
	r.poller, err = newPoller(r)
	return r, err
}

// attach begins to read a subscription that stands.
func (r *receiver) attach(s *subscriber, l *link, now time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.framing, s.chunks, s.rest, s.since = l.framing, l.chunks, s.rest[:0], now
	s.stood++
	s.now = r.marker.now()
	tcp, plain := l.conn.(*net.TCPConn)
	switch {
	case s.slow:
		if plain {
			_ = tcp.SetReadBuffer(4096) // what the kernel would still take for it only delays the test
		}
		s.conn = unread{l.conn}
		return nil
	case plain && r.poller != nil:
		socket, err := r.poller.own(tcp)
		if err != nil {
			return errors.Join(err, l.conn.Close())
		}
		s.conn = socket
		if err := s.feed(bytes.Clone(l.first), len(l.first)); err != nil {
			r.drop(s)
			return err
		}
		return r.poller.add(socket, s)
	default:
		s.conn = &streamed{l.conn}
		if err := s.feed(bytes.Clone(l.first), len(l.first)); err != nil {
			r.drop(s)
			return err
		}
		r.reads.Go(func() { r.read(s, l.conn) })
		return nil
	}
}

// drop closes a subscriber's connection, if it has one. The caller holds the lock.
func (r *receiver) drop(s *subscriber) bool {
	if s.conn == nil {
		return false
	}
	s.conn.close()
	s.conn = nil
	return true
}

// broken is for a connection that the server has ended. The caller holds the lock.
func (r *receiver) broken(s *subscriber, why error) {
	if r.drop(s) {
		s.hurtAt = time.Now()
		r.counts.Ended++
		r.ended(s, why)
	}
}

// read is for a connection that cannot be polled: one with TLS, or any where there is no epoll.
func (r *receiver) read(s *subscriber, conn net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := conn.Read(buffer)
		if !r.came(s, conn, buffer[:n], err) {
			return
		}
	}
}

func (r *receiver) came(s *subscriber, conn net.Conn, data []byte, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if current, ok := s.conn.(*streamed); !ok || current.Conn != conn {
		return false // dropped meanwhile
	}
	s.now = r.marker.now()
	if feedErr := s.feed(append(s.rest, data...), len(data)); feedErr != nil {
		err = feedErr
	}
	if err != nil {
		r.broken(s, err)
	}
	return err == nil
}

// counted gives what came since it was last asked.
func (r *receiver) counted(total histogram) Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	r.counts = Counts{}
	total.Merge(r.latency.Histogram)
	r.latency.Reset()
	return counts
}

// wait returns when everything that reads has ended; its subscribers were dropped before.
func (r *receiver) wait() {
	r.reads.Wait()
	if r.poller != nil {
		r.poller.stop()
	}
}

// streamed is a connection that a goroutine of its own reads.
type streamed struct{ net.Conn }

func (s *streamed) write(data []byte) error {
	_, err := s.Write(data)
	return err
}

func (s *streamed) close() { _ = s.Close() } // nobody is left to tell

// unread is the connection of a subscriber that has stopped reading.
type unread struct{ net.Conn }

func (u unread) write([]byte) error { return nil }
func (u unread) close()             { _ = u.Close() } // nobody is left to tell
