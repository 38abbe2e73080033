// Package contract reads the file that declares an API's streams, what flows through each, and the promises made to
// its clients, and says all that is wrong with it at once.
package contract

import (
	"encoding/json"
	"slices"
	"time"
)

// A Contract is one valid contract file.
type Contract struct {
	File    string // as given to Load or Parse
	Info    Info
	Streams []*Stream // in the order of declaration

	warnings, notBuilt, unhandled []Error
	root                          *value // the file
}

// Info is for the documents.
type Info struct {
	Title       string
	Version     string // semver of the API
	Description string
	Contact     Contact
	License     License
}

// Contact is whom to ask.
type Contact struct{ Name, URL, Email string }

// License is under what the API can be used: Identifier (SPDX) or URL.
type License struct{ Name, Identifier, URL string }

// Mode says what of a stream matters.
type Mode string

// Each step matters, or the last value per key does.
const (
	ModeEvents Mode = "events"
	ModeState  Mode = "state"
)

// Durability says what a stored event survives.
type Durability string

// What a stored event survives.
const (
	Disk     Durability = "disk"      // the process being killed
	DiskSync Durability = "disk-sync" // a power cut
	Memory   Durability = "memory"    // nothing: the stream begins anew with the process
	None     Durability = "none"      // live only: no replay, no ids
)

// Slow says what happens to a reader that falls off the tail.
type Slow string

// What happens to a slow reader.
const (
	SlowReplay   Slow = "replay"   // it reads the log at its own speed
	SlowSkip     Slow = "skip"     // it jumps to the newest event, with a leat.gap
	SlowConflate Slow = "conflate" // it gets the newest value per key
)

// Transport is a wire on which a stream can be subscribed.
type Transport string

// The transports.
const (
	SSE       Transport = "sse"
	WebSocket Transport = "websocket"
	GRPC      Transport = "grpc"
)

// A Stream is a named, ordered sequence of events, with the promises made about it. Defaults are filled in.
type Stream struct {
	Name                 string
	Summary, Description string
	Mode                 Mode
	Key                  KeySource
	Events               []*EventType // in the order of declaration
	Commands             []*EventType // client to server
	Backend              *Backend     // nil without
	Transports           []Transport
	Durability           Durability
	Replicas             int // 0 where the contract leaves it to the size of the cluster
	Retention            Retention
	Heartbeat            time.Duration
	Coalesce             time.Duration // how long events may wait for more; 0: not at all
	Slow                 Slow
	MaxEventBytes        int
	Access               Access
}

// KeySource says where an event's key comes from. The zero KeySource is of a stream without keys.
type KeySource struct {
	Path    bool   // given in the route, body or subject: the stream is a set of rooms
	Pointer string // a JSON Pointer (RFC 6901) into the data
}

// IsZero tells whether the stream has no keys.
func (k KeySource) IsZero() bool { return k == KeySource{} }

// DefaultRoom is the key that a request without one means on a stream whose key is the path.
const DefaultRoom = "default"

// Retention is what a returning client can still get: the first bound reached. Zero Events is no bound.
type Retention struct {
	Age    time.Duration
	Bytes  int64
	Events int64
}

// Backend is the service that handles commands.
type Backend struct {
	URL       string
	Timeout   time.Duration
	Headers   map[string]string
	Lifecycle bool
}

// Access says what a caller needs; empty where the contract does not say.
type Access struct {
	Subscribe, Publish, Command string
	Keys                        string
}

// An EventType declares one type of event or command.
type EventType struct {
	Name                 string
	Summary, Description string
	Schema               *Schema
	Examples             []json.RawMessage // compact
	Deprecated           bool
	// Flat tells that the flat WebSocket framing puts the members of the data beside type: the schema says
	// type: object and declares no member "type".
	Flat bool
}

// Stream gives the stream of that name, nil where there is none.
func (c *Contract) Stream(name string) *Stream {
	for _, s := range c.Streams {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// StreamNames lists the streams in the order of declaration.
func (c *Contract) StreamNames() []string {
	names := make([]string, len(c.Streams))
	for i, s := range c.Streams {
		names[i] = s.Name
	}
	return names
}

// Event gives the declaration of an event type, nil where there is none.
func (s *Stream) Event(name string) *EventType { return find(s.Events, name) }

// Command gives the declaration of a command, nil where there is none.
func (s *Stream) Command(name string) *EventType { return find(s.Commands, name) }

// EventNames lists the event types in the order of declaration.
func (s *Stream) EventNames() []string { return typeNames(s.Events) }

// CommandNames lists the commands in the order of declaration.
func (s *Stream) CommandNames() []string { return typeNames(s.Commands) }

// Offers tells whether the stream can be subscribed on a transport.
func (s *Stream) Offers(t Transport) bool {
	return slices.Contains(s.Transports, t)
}

func typeNames(types []*EventType) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return names
}

func find(types []*EventType, name string) *EventType {
	for _, t := range types {
		if t.Name == name {
			return t
		}
	}
	return nil
}
