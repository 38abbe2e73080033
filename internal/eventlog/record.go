package eventlog

import (
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
)

// A Record is an event to store.
type Record struct {
	Type event.Type
	Key  event.Key
	Time time.Time // kept in milliseconds, as the wire has it; zero: when the log stores it
	Data []byte    // compact JSON
	// Dedupe names the event for idempotent publishing; a repeat within DedupeWindow gets the first one's
	// position. Empty: no two are the same. A batch whose records have RequestDedupe's names is one request: a
	// repeat of it gets what the first one got.
	Dedupe string
}

// DedupeWindow is how long a repeat is recognised, also across a restart.
const DedupeWindow = 2 * time.Minute

// RequestDedupe names the event at an index of a request that has one Idempotency-Key for all of it.
func RequestDedupe(key string, index int) string { return key + "#" + strconv.Itoa(index) }

// IsRequest tells whether the records, of which there is one at least, have the names that RequestDedupe gives to one
// request.
func IsRequest(records []Record) bool {
	key, ok := strings.CutSuffix(records[0].Dedupe, "#0")
	if !ok {
		return false
	}
	for i := range records {
		if records[i].Dedupe != RequestDedupe(key, i) {
			return false
		}
	}
	return true
}

// MaxBatch is the most events that one batch can have: JetStream's own limit.
const MaxBatch = 1000

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
	Holes []Hole // what is missing between the two, in order; one event that cannot be read may not be told
	Lineage
}

// A ReadRequest asks for the events after a sequence.
type ReadRequest struct {
	After  uint64
	Key    event.Key // zero: of every key
	Events int       // at most so many
	Bytes  int       // at most about so many bytes of data, but always one event
}
