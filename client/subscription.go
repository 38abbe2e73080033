package client

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
)

// A Transport is a wire on which a stream is followed.
type Transport string

// The transports. An event is the same on each, but for SSE, whose frames have no room for an event's key and time.
const (
	NDJSON    Transport = "ndjson" // over HTTP, one envelope a line; where nothing is said
	SSE       Transport = "sse"    // Server-Sent Events: Time is zero, Key is what was subscribed to
	WebSocket Transport = "websocket"
	GRPC      Transport = "grpc"

	// The stream's typed service, which the server describes. Data is JSON of what the message has: enum values are as
	// they are called there, and of an object the members stand in the order of the contract, without empty arrays and maps.
	GRPCTyped Transport = "grpc-typed"
)

// A Subscription is what to follow, and from where. At most one of After, Since and Last is given; without one it
// begins with what is published from now on.
type Subscription struct {
	Stream     string
	Key        string   // only this key
	AllKeys    bool     // every room of a stream whose contract says "key: path"
	EventTypes []string // only these types

	After string    // a position, "earliest" or "latest"
	Since time.Time // the first event that was stored at or after it
	Last  int       // the last events that match, at most MaxLast

	Transport Transport // NDJSON where empty

	// Connected, where given, is called each time the subscription stands.
	Connected func()

	// Lost, where given, is called each time a connection is lost or cannot be made, with the reason and how long
	// Subscribe waits before it tries again. An error that it returns ends the subscription.
	Lost func(reason error, wait time.Duration) error
}

// MaxLast is the most events of the past that Subscription.Last can ask for.
const MaxLast = 10_000

// start is where a connection begins: the position to go on from, once there is one.
type start struct {
	resume event.Position
	after  string
	since  time.Time
	last   int
}

func (s *Subscription) check() (event.Key, error) {
	starts := 0
	for _, given := range []bool{s.After != "", !s.Since.IsZero(), s.Last != 0} {
		if given {
			starts++
		}
	}
	switch {
	case s.Stream == "":
		return event.Key{}, errors.New("a subscription needs the name of a stream")
	case starts > 1:
		return event.Key{}, errors.New("a subscription begins in one place: give one of After, Since and Last")
	case s.Last < 0 || s.Last > MaxLast:
		return event.Key{}, fmt.Errorf("a subscription cannot begin with the last %d events, but with 1 to %d", s.Last, MaxLast)
	case s.Key == "":
		return event.Key{}, nil
	case s.AllKeys:
		return event.Key{}, errors.New("a subscription is to one key or to all keys, not both")
	}
	return event.ParseKey(s.Key)
}

// query is the subscription as the parameters of a URL.
func (s *Subscription) query(from start) url.Values {
	query := url.Values{}
	if len(s.EventTypes) > 0 {
		query.Set("eventTypes", strings.Join(s.EventTypes, ","))
	}
	if s.AllKeys {
		query.Set("allKeys", "true")
	}
	switch {
	case !from.resume.IsZero():
		query.Set("after", from.resume.String())
	case from.after != "":
		query.Set("after", from.after)
	case !from.since.IsZero():
		query.Set("since", from.since.UTC().Format(time.RFC3339Nano))
	case from.last != 0:
		query.Set("last", strconv.Itoa(from.last))
	}
	return query
}
