package event

import (
	"encoding/json"
	"time"
)

// The types of control events, which tell about the subscription itself.
var (
	TypeGap       = Type{"leat.gap"}
	TypeLive      = Type{"leat.live"}
	TypeHeartbeat = Type{"leat.heartbeat"}
	TypeEnd       = Type{"leat.end"}
)

// A GapReason says why events are missing.
type GapReason string

// Why events are missing.
const (
	GapExpired  GapReason = "expired"  // retention removed them
	GapReset    GapReason = "reset"    // the position is of a life of the stream that is over or never was
	GapUnknown  GapReason = "unknown"  // the log has not reached the position, or it is none
	GapOverflow GapReason = "overflow" // the reader was too slow, and the contract says skip
)

// An EndReason says why the server ends a subscription.
type EndReason string

// Why the server ends a subscription.
const (
	EndDrain       EndReason = "drain"       // the node is shutting down
	EndSlow        EndReason = "slow"        // a write made no progress for 10 s
	EndUnavailable EndReason = "unavailable" // the event log does not answer
	// EndDisconnected: an operator or a backend has ended the connection.
	EndDisconnected EndReason = "disconnected"
)

// Gap is the data of a leat.gap: the events after After up to and including ResumedAfter will not come.
type Gap struct {
	After        string    `json:"after,omitempty"` // as asked, or the last sent
	ResumedAfter string    `json:"resumedAfter,omitempty"`
	Reason       GapReason `json:"reason"`
}

// Live is the data of a leat.live: everything stored before has been sent.
type Live struct {
	Position string `json:"position,omitempty"`
}

// Heartbeat is the data of a leat.heartbeat: nothing matched up to Position.
type Heartbeat struct {
	Position string `json:"position,omitempty"`
}

// End is the data of a leat.end, the last event of a subscription that the server ends.
type End struct {
	Reason           EndReason `json:"reason"`
	Position         string    `json:"position,omitempty"`
	ReconnectAfterMs int64     `json:"reconnectAfterMs"`
}

// NewGap makes the leat.gap that leads from after, as asked or last sent, to resumedAfter, which is also its id.
func NewGap(stream, after string, resumedAfter Position, reason GapReason, now time.Time) *Event {
	return control(stream, TypeGap, resumedAfter, now, Gap{after, resumedAfter.String(), reason})
}

// NewLive makes the leat.live of a subscription that has met the newest event.
func NewLive(stream string, at Position, now time.Time) *Event {
	return control(stream, TypeLive, at, now, Live{at.String()})
}

// NewHeartbeat makes a leat.heartbeat.
func NewHeartbeat(stream string, at Position, now time.Time) *Event {
	return control(stream, TypeHeartbeat, at, now, Heartbeat{at.String()})
}

// NewEnd makes the leat.end of a subscription; at is the last position sent, or where delivery would have started.
func NewEnd(stream string, at Position, reason EndReason, reconnectAfter time.Duration, now time.Time) *Event {
	return control(stream, TypeEnd, at, now, End{reason, at.String(), reconnectAfter.Milliseconds()})
}

func control(stream string, t Type, at Position, now time.Time, data any) *Event {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return &Event{Stream: stream, Position: at, Type: t, Time: now, Data: text}
}
