package websocket

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A cloudEvents is the framing of CloudEvents 1.0, WebSockets protocol binding: an event in the JSON format a message.
type cloudEvents struct {
	stream   string
	names    *names
	encoding *hub.Format
}

// Names are ids for what has no position, unlike any that an event of any process has had. None is a position.
type names struct {
	process string
	count   atomic.Uint64
}

func newNames() *names { return &names{process: strconv.FormatUint(rand.Uint64(), 36)} }

func (n *names) next() string { return n.process + "." + strconv.FormatUint(n.count.Add(1), 10) }

func newCloudEvents(stream string, n *names) *cloudEvents {
	c := &cloudEvents{stream: stream, names: n}
	encode := func(dst []byte, e *event.Event) []byte {
		return appendText(dst, c.appendEvent(nil, e, e.Type.String()))
	}
	c.encoding = &hub.Format{Name: "websocket cloudevents.json", Event: encode, Control: encode}
	return c
}

func (c *cloudEvents) format() *hub.Format { return c.encoding }

// decode reads an event to publish, as a body of POST /events/{stream} would be, or a command.
func (*cloudEvents) decode(message []byte) (ingest.Event, error) {
	return ingest.DecodeCloudEvent(message)
}

// refusal names the message as far as it can be read.
func (c *cloudEvents) refusal(message []byte, p *problem.Error) []byte {
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
	return c.appendEvent(nil, &event.Event{Stream: c.stream, Time: time.Now(), Data: data}, "leat.error")
}

// appendEvent appends an event in the JSON format. CloudEvents has no event without an id, so what has no position gets
// one of its own.
func (c *cloudEvents) appendEvent(dst []byte, e *event.Event, eventType string) []byte {
	id := e.Position.String()
	if id == "" {
		id = c.names.next()
	}
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","source":"/events/`...)
	dst = append(dst, e.Stream...)
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
