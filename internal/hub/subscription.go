package hub

import (
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
)

// A Subscription is what a client asks for.
type Subscription struct {
	Stream *contract.Stream
	Key    event.Key       // zero: every key
	Types  map[string]bool // nil: every type
	Start  Start
}

// A Start says where a subscription begins; the zero Start is latest.
type Start struct {
	Kind  StartKind
	After event.Position // StartAfter; zero where Asked is no position (Last-Event-ID alone may be none)
	Asked string         // StartAfter: as the client wrote it
	Since time.Time      // StartSince
	Last  int            // StartLast
}

// StartKind is a way to say where to begin.
type StartKind int

// The ways to say where to begin.
const (
	StartLatest StartKind = iota
	StartEarliest
	StartAfter
	StartSince
	StartLast
)

// Params are the subscribe parameters as they came, nil where not given. Values are decoded (percent-encoding undone).
type Params struct {
	Stream     string
	Key        *string
	EventTypes *[]string // each may hold several, comma-separated
	After      *string
	Since      *string
	Last       *string
	AllKeys    *string
	// Resume is Last-Event-ID, or lastEventId in the query: it wins over After, Since and Last, and may be no position.
	Resume *string
	// SnakeCase names the parameters as gRPC does in what Parse says of them.
	SnakeCase bool
}

// MaxLast is the most events that `last` can ask for.
const MaxLast = 10_000
