// Package eventlog stores the events of a contract's streams in NATS JetStream, and reads them back from any position.
package eventlog

import (
	"time"

	"github.com/leatstream/leat/event"
)

// A Record is an event to store.
type Record struct {
	Type event.Type
	Key  event.Key
	Time time.Time // zero: when the log stores it
	Data []byte    // compact JSON
	// Dedupe names the event for idempotent publishing; a repeat within DedupeWindow gets the first one's
	// position. Empty: no two are the same.
	Dedupe string
}

// DedupeWindow is how long a repeat is recognised, also across a restart.
const DedupeWindow = 2 * time.Minute

// Appended is where a record went.
type Appended struct {
	Position  event.Position // zero on a stream of durability none
	Duplicate bool           // it was there already; Position is the first one's
}

// An Entry is an event as the log has it. On a stream of durability none its Position is zero.
type Entry struct {
	event.Event
	StoredAt time.Time
}

// Sequence is the entry's place in the stream.
func (e *Entry) Sequence() uint64 { return e.Position.Sequence() }

// State is what a stream holds at one moment, as its leader says.
type State struct {
	First uint64 // sequence of the oldest event; Last+1 when there is none
	Last  uint64 // sequence of the newest event ever stored, 0 before the first
	Lineage
}

// A ReadRequest asks for the events after a sequence.
type ReadRequest struct {
	After  uint64
	Key    event.Key // zero: of every key
	Events int       // at most so many
	Bytes  int       // at most about so many bytes of data, but always one event
}
