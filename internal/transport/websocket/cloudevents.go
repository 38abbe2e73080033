package websocket

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A cloudEvents is the framing of CloudEvents 1.0, WebSockets protocol binding: an event in the JSON format a message.
//
// Consumers may take two events with the same source and id for one (CloudEvents, section "id"), and a control event
// has the position of some event as its id. So the source of each goes on with a name of its own: a gap told again or
// behind an event of the same id is still heard.
type cloudEvents struct {
	stream *contract.Stream
	names  *names
}

// Names are texts that no event of any process has had. None is a position.
type names struct {
	process string
	count   atomic.Uint64
}

func newProcess() string { return strconv.FormatUint(rand.Uint64(), 36) }

func (n *names) next() string { return n.process + "." + strconv.FormatUint(n.count.Add(1), 10) }

// format encodes events.
func (c cloudEvents) format() *hub.Format {
	return &hub.Format{
		Name: "websocket cloudevents.json",
		Event: func(dst []byte, e *event.Event) []byte {
			id := e.Position.String()
			if id == "" { // durability none, and CloudEvents cannot do without
				id = c.names.next()
			}
			return appendText(dst, appendCloudEvent(nil, e, e.Type.String(), id, ""))
		},
		Control: func(dst []byte, e *event.Event) []byte {
			name := c.names.next()
			id := e.Position.String()
			if id == "" {
				id = name
			}
			return appendText(dst, appendCloudEvent(nil, e, e.Type.String(), id, name))
		},
	}
}

// decode reads an event that a client publishes, as a body of POST /events/{stream} would be.
func (cloudEvents) decode(message []byte) (ingest.Event, error) {
	return ingest.DecodeCloudEvent(message)
}

// refusal names the message as far as it can be read.
func (c cloudEvents) refusal(message []byte, p *problem.Error) []byte {
	data := []byte{'{'}
	found, _ := findType(message) // what is wrong is in p
	for _, m := range found.others {
		if m.name == "id" || m.name == "source" {
			data = append(data, '"')
			data = append(data, m.name...)
			data = append(data, `":`...)
			data = append(data, message[m.begin:m.end]...)
			data = append(data, ',')
		}
	}
	data = append(data, `"error":`...)
	data = append(append(data, p.JSON()...), '}')
	name := c.names.next()
	return appendCloudEvent(nil, &event.Event{Stream: c.stream.Name, Time: time.Now(), Data: data}, "leat.error", name, name)
}

// appendCloudEvent appends an event in the JSON format; name is what the source goes on with, empty for nothing.
func appendCloudEvent(dst []byte, e *event.Event, eventType, id, name string) []byte {
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","source":"/events/`...)
	dst = append(dst, e.Stream...)
	if name != "" {
		dst = append(append(dst, '#'), name...)
	}
	dst = append(dst, `","type":"`...)
	dst = append(dst, eventType...)
	dst = append(dst, '"')
	if !e.Key.IsZero() {
		dst = append(dst, `,"subject":`...)
		dst = event.AppendString(dst, e.Key.String())
	}
	dst = append(dst, `,"time":"`...)
	dst = event.AppendTime(dst, e.Time)
	dst = append(dst, `","datacontenttype":"application/json","data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}
