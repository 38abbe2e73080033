package websocket

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A flat is the flat framing: type first, then the members of the data. It is for people and simple clients.
type flat struct {
	stream   string
	hub      *hub.Hub // knows the contract as it is now
	encoding *hub.Format
}

// newFlat makes it. Heartbeats are left out: the server's pings do their work here.
func newFlat(stream string, h *hub.Hub) *flat {
	f := &flat{stream: stream, hub: h}
	f.encoding = &hub.Format{
		Name: "websocket leat.flat",
		Event: func(dst []byte, e *event.Event) []byte {
			declared := f.declared().Event(e.Type.String())
			return appendText(dst, appendFlat(nil, e, declared != nil && declared.Flat))
		},
		Control: func(dst []byte, e *event.Event) []byte {
			if e.Type == event.TypeHeartbeat {
				return dst
			}
			return appendText(dst, appendFlat(nil, e, true))
		},
	}
	return f
}

func (f *flat) declared() *contract.Stream { return declared(f.hub, f.stream) }

func (f *flat) format() *hub.Format { return f.encoding }

// appendFlat appends an event in the flat framing.
func appendFlat(dst []byte, e *event.Event, members bool) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Type.String()...)
	dst = append(dst, '"')
	// Data that the log has kept from an earlier contract may be no object, or have a member type of its own.
	if members = members && len(e.Data) > 0 && e.Data[0] == '{'; members && bytes.Contains(e.Data, []byte(`"type"`)) {
		found, err := findType(e.Data)
		members = err == nil && !found.is
	}
	if !members {
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Data...)
		return append(dst, '}')
	}
	if !bytes.Equal(e.Data, []byte("{}")) {
		dst = append(dst, ',')
	}
	return append(dst, e.Data[1:]...)
}

// decode reads an event to publish, or a command.
func (f *flat) decode(message []byte) (ingest.Event, error) {
	found, err := findType(message)
	if err != nil {
		return ingest.Event{}, err
	}
	if found.name == nil {
		names := slices.Concat(f.declared().CommandNames(), f.declared().EventNames())
		return ingest.Event{}, problem.New(problem.Malformed, `the member "type" is missing, or is no string: it is the type of the command, or of the event to publish (known are %s)`, strings.Join(names, ", "))
	}
	e := ingest.Event{Type: *found.name}
	stream := f.declared()
	declared := cmp.Or(stream.Event(e.Type), stream.Command(e.Type))
	if declared == nil || declared.Flat { // ingest says what is wrong with a type that is not declared
		e.Data = found.cut(message)
		return e, nil
	}
	for _, m := range found.others {
		if m.name != "data" {
			return ingest.Event{}, problem.New(problem.Malformed, "unknown member %.100q%s: messages of type %q have the members type and data in the flat framing",
				m.name, problem.DidYouMean(m.name, []string{"data"}), e.Type)
		}
		e.Data = message[m.begin:m.end]
	}
	return e, nil
}

func (*flat) refusal(_ []byte, p *problem.Error) []byte {
	answer := append([]byte(`{"type":"leat.error","error":`), p.JSON()...)
	return append(answer, '}')
}
