package bench

import (
	"bytes"
	"time"
)

// A subscriber is one subscription and what it has received, over as many connections as it takes. Its receiver's
// lock guards all but what is set once.
type subscriber struct {
	receiver  *receiver
	transport Transport
	key       string // empty: the whole stream
	lane      int    // of the key
	slow      bool   // it stops reading
	witness   bool   // a storm leaves it alone
	take      func(message []byte)

	conn    connection // nil while it is away
	stood   int        // how often it has come to stand
	hurtAt  time.Time  // when the server ended its last connection; zero: it did not
	framing framing
	chunks  *chunks
	rest    []byte        // the begin of a message that has not all arrived
	after   []byte        // the position that it goes on from
	since   time.Duration // when the subscription stood: what was published before has waited for it
	tallies []tally       // one per lane, or that of its key
	now     time.Duration // of the read under way
}

// A connection is what a receiver reads from.
type connection interface {
	write(data []byte) error
	close()
}

// feed takes what its connection has sent, which is rest and what came behind it.
func (s *subscriber) feed(data []byte, came int) error {
	if s.chunks != nil {
		begin := len(data) - came
		data = data[:begin+s.chunks.unwrap(data[begin:])]
	}
	used, err := s.framing.feed(data, s.take)
	if s.rest = append(s.rest[:0], data[used:]...); len(s.rest) > maxMessage {
		err = errTooLarge
	}
	if id := s.framing.position(); len(id) > 0 {
		s.after = append(s.after[:0], id...)
	}
	if owed := s.framing.owed(); len(owed) > 0 && err == nil {
		err = s.conn.write(owed)
	}
	return err
}

var gapType = []byte("leat.gap")

// receive counts one message.
func (s *subscriber) receive(message []byte) {
	r := s.receiver
	m, ok := r.marker.find(message)
	if !ok {
		if bytes.Contains(message, gapType) {
			r.counts.Gaps++
		}
		return
	}
	r.counts.Deliveries++
	r.counts.Bytes += int64(len(message))
	lane := m.lane
	if s.key != "" {
		if m.lane != s.lane {
			r.counts.Stray++
			return
		}
		lane = 0
	}
	if lane >= len(s.tallies) {
		r.counts.Stray++
		return
	}
	switch s.tallies[lane].see(m.sequence) {
	case duplicate:
		r.counts.Duplicate++
		return
	case outOfOrder:
		r.counts.OutOfOrder++
	case inOrder:
	}
	switch {
	case m.sent < s.since:
		r.counts.Replayed++
	case !r.storming:
		r.latency.record(s.now - m.sent)
	case s.witness: // those who come back have a time of their own to be judged by
		r.latency.record(s.now - m.sent)
		r.witnessed.record(s.now - m.sent)
	}
}

// untold is a subscriber that cannot resume: it has received nothing, and over gRPC nothing else tells a position.
func (s *subscriber) untold() bool {
	for _, t := range s.tallies {
		if t.next > 0 {
			return false
		}
	}
	return len(s.after) == 0
}

// behind says how many events of those sent in each lane it has not seen at all yet.
func (s *subscriber) behind(sent []int) int {
	if s.key != "" {
		return max(sent[s.lane]-s.tallies[0].next, 0)
	}
	n := 0
	for lane := range s.tallies {
		n += max(sent[lane]-s.tallies[lane].next, 0)
	}
	return n
}

func (s *subscriber) lost(sent []int, unanswered [][]int) int {
	if s.key != "" {
		return s.tallies[0].lost(sent[s.lane], unanswered[s.lane])
	}
	n := 0
	for lane := range s.tallies {
		n += s.tallies[lane].lost(sent[lane], unanswered[lane])
	}
	return n
}
