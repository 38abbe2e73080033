package ingest

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// DecodePushed reads and checks what is to be pushed to one connection, past the event log: an event as it is published,
// with a member `stream`, or an array of them. home is the stream of those that name none; empty: each must. Either all
// are as the contract says, or the error, a problem, says what is not.
func (in *Ingest) DecodePushed(body []byte, home string) ([]*event.Event, error) {
	var streams []string
	d := newDecoder("the body", body)
	defer d.release()
	given, array, err := decodeEvents(d, func(d *decoder) (Event, error) {
		stream, e, err := decodePushed(d, home)
		streams = append(streams, stream)
		return e, err
	})
	switch {
	case err != nil && problem.From(err).Kind == problem.TooLarge:
		return nil, problem.New(problem.TooLarge, "at most %d events are pushed at once: send them in several arrays", MaxEvents)
	case err != nil:
		return nil, err
	case len(given) == 0:
		return nil, problem.New(problem.Malformed, "the array is empty: it has 1 to %d events", MaxEvents)
	}
	events := make([]*event.Event, len(given))
	for i, e := range given {
		if events[i], err = in.checkPushed(streams[i], e); err == nil {
			continue
		}
		if array {
			err = at(i, err)
		}
		return nil, err
	}
	return events, nil
}

// decodePushed reads an event of leat's own form that says which stream it is of.
func decodePushed(d *decoder, home string) (stream string, e Event, err error) {
	stream = home
	err = d.members(func(name string, value jsontext.Value) (err error) {
		var text *string
		switch name {
		case "stream", "type", "key", "time":
			if text, err = stringMember(name, value); err != nil {
				return err
			}
		}
		switch name {
		case "stream":
			stream = *text
		case "type":
			e.Type = *text
		case "key":
			e.Key = text
		case "time":
			e.Time = text
		case "data":
			e.Data = value
		default:
			known := []string{"stream", "type", "key", "time", "data"}
			err = problem.New(problem.Malformed, "%s: an event to push has no member %q%s (it has %s)",
				d.what, brief(name), problem.DidYouMean(name, known), strings.Join(known, ", "))
		}
		return err
	})
	return stream, e, err
}

func (in *Ingest) checkPushed(name string, e Event) (*event.Event, error) {
	all := in.streams.Load()
	s := all.byName[name]
	switch {
	case name == "":
		return nil, invalid(e.Type, problem.Violation{Pointer: "/stream", Detail: "is required where the connection has not " +
			"subscriptions of exactly one stream, one of: " + strings.Join(all.names, ", ")})
	case s == nil:
		return nil, invalid(e.Type, problem.Violation{Pointer: "/stream", Detail: `"` + brief(name) + `" is no stream of the contract` +
			problem.DidYouMean(name, all.names) + " (its streams: " + strings.Join(all.names, ", ") + ")"})
	}
	record, err := s.Check(e, event.Key{})
	if err != nil {
		return nil, err
	}
	pushed := &event.Event{Stream: name, Type: record.Type, Key: record.Key, Time: record.Time, Data: record.Data}
	if s.contract.Key.Path && e.Key == nil {
		pushed.Key = event.Key{} // the connection may be in another room than the default one
	}
	if pushed.Time.IsZero() {
		pushed.Time = time.Now()
	}
	return pushed, nil
}
