package document

import (
	"fmt"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A Diagram shows who says what to whom, in order, when a stream is used over one transport.
type Diagram struct {
	Transport contract.Transport
	Title     string
	Actors    []Actor
	Steps     []Step
}

// An Actor takes part in a diagram.
type Actor struct{ ID, Name string }

// A Step is a message from one actor to another, with each line of its text; or a note over both, where Note is set; or
// the beginning or the end of what repeats.
type Step struct {
	From, To  string // IDs
	Lines     []string
	Answer    bool // drawn with a broken line
	Note      bool
	Loop, End bool // Loop has one line, what it waits for
}

const (
	aClient    = "C"
	aServer    = "L"
	aPublisher = "P"
	aBackend   = "B"
)

// Diagrams gives one for each transport of a stream.
func Diagrams(c *contract.Contract, s *contract.Stream) []Diagram {
	var all []Diagram
	for _, transport := range s.Transports {
		d := &drawing{stream: s, Diagram: Diagram{Transport: transport, Actors: []Actor{{aClient, "Client"}, {aServer, c.Info.Title}}}}
		d.example()
		switch transport {
		case contract.SSE:
			d.sse()
		case contract.WebSocket:
			d.webSocket()
		case contract.GRPC:
			d.grpc()
		}
		all = append(all, d.Diagram)
	}
	return all
}

// A drawing is a diagram being made, of one example event of the stream.
type drawing struct {
	Diagram
	stream    *contract.Stream
	typ, data string
	key       string // as a segment of a path, with "/" before it; empty without
}

const mostData = 60 // characters of an example that fit in a picture

func (d *drawing) example() {
	t := d.stream.Events[0]
	for _, other := range d.stream.Events {
		if len(other.Examples) > 0 {
			t = other
			break
		}
	}
	d.typ, d.data = t.Name, sampleData(t)
	if d.stream.Key.Path {
		d.key = "/" + exampleRoom
	}
}

func sampleData(t *contract.EventType) string {
	data := "{…}"
	if len(t.Examples) > 0 {
		data = string(t.Examples[0])
	}
	if runes := []rune(data); len(runes) > mostData {
		data = string(runes[:mostData]) + "…"
	}
	return data
}

func (d *drawing) stored() bool { return d.stream.Durability != contract.None }

func (d *drawing) say(from, to string, lines ...string) {
	d.Steps = append(d.Steps, Step{From: from, To: to, Lines: lines, Answer: from == aServer && to != aBackend || from == aBackend})
}

func (d *drawing) note(text string) {
	d.Steps = append(d.Steps, Step{From: aClient, To: aServer, Lines: []string{text}, Note: true})
}

// loop has the server repeat something.
func (d *drawing) heartbeat(lines ...string) {
	d.Steps = append(d.Steps, Step{Lines: []string{"nothing to tell for " + duration(d.stream.Heartbeat)}, Loop: true})
	d.say(aServer, aClient, lines...)
	d.Steps = append(d.Steps, Step{End: true})
}

// publish shows where events come from.
func (d *drawing) publish() {
	d.Actors = append(d.Actors, Actor{aPublisher, "Publisher"})
	d.say(aPublisher, aServer, "POST /events/"+d.stream.Name+d.key, fmt.Sprintf(`{"type":%q,"data":%s}`, d.typ, d.data))
	if d.stored() {
		d.say(aServer, aPublisher, "201", `{"id":"`+examplePosition+`"}`)
		return
	}
	d.say(aServer, aPublisher, "202")
}

func (d *drawing) sse() {
	d.Title = "Server-Sent Events"
	path := "GET /events/" + d.stream.Name + d.key
	d.say(aClient, aServer, path, "Accept: text/event-stream")
	d.say(aServer, aClient, "200 text/event-stream")
	d.publish()
	if !d.stored() {
		d.say(aServer, aClient, "event: "+d.typ, "data: "+d.data)
		d.heartbeat(": heartbeat")
		return
	}
	d.say(aServer, aClient, "event: "+d.typ, "data: "+d.data, "id: "+examplePosition)
	d.heartbeat(": heartbeat", "id: "+examplePosition)
	d.note("The connection drops")
	d.say(aClient, aServer, path, "Last-Event-ID: "+examplePosition)
	d.say(aServer, aClient, "each event after it, once, in order", "event: leat.live")
}

func (d *drawing) webSocket() {
	d.Title = "WebSocket"
	path := "GET /ws/" + d.stream.Name + d.key
	d.say(aClient, aServer, path, "Sec-WebSocket-Protocol: leat.v1")
	d.say(aServer, aClient, "101 Switching Protocols")
	d.say(aServer, aClient, `{"op":"subscribed","stream":"`+d.stream.Name+`"`+d.position()+`}`)
	if len(d.stream.Commands) > 0 {
		d.command()
	} else {
		d.publish()
	}
	d.say(aServer, aClient, `{"op":"event","type":"`+d.typ+`"`+d.position()+`,"data":`+d.data+`}`)
	if d.stored() {
		d.note("The connection drops")
		d.say(aClient, aServer, path+"?after="+examplePosition)
		d.say(aServer, aClient, "each event after it, once, in order", `{"op":"event","type":"leat.live",…}`)
	}
}

func (d *drawing) position() string {
	if !d.stored() {
		return ""
	}
	return `,"id":"` + examplePosition + `"`
}

// command shows the way of a command to the backend, and back.
func (d *drawing) command() {
	d.Actors = append(d.Actors, Actor{aBackend, "Backend"})
	t := d.stream.Commands[0]
	data := sampleData(t)
	d.say(aClient, aServer, `{"op":"command","ref":"1","type":"`+t.Name+`","data":`+data+`}`)
	d.say(aServer, aBackend, "POST", "ce-type: "+t.Name, data)
	d.say(aBackend, aServer, "200", `{"publish":[{"type":"`+d.typ+`","data":`+d.data+`}]}`)
	d.say(aServer, aClient, `{"op":"ack","ref":"1"}`)
}

func (d *drawing) grpc() {
	d.Title = "gRPC"
	snake := strings.ReplaceAll(d.stream.Name, "-", "_")
	service := snake + ".v1." + pascal(d.stream.Name) + "Service/"
	d.say(aClient, aServer, service+"Subscribe")
	d.say(aServer, aClient, "headers: the subscription stands")
	d.Actors = append(d.Actors, Actor{aPublisher, "Publisher"})
	d.say(aPublisher, aServer, service+"Publish", "PublishRequest, one after another")
	d.say(aServer, aPublisher, "PublishResponse: stored, refused, last_id")
	d.say(aServer, aClient, "SubscribeResponse: "+d.typ)
	d.heartbeat("SubscribeResponse: leat_heartbeat")
	if d.stored() {
		d.note("The connection drops")
		d.say(aClient, aServer, service+"Subscribe", `after: "`+examplePosition+`"`)
		d.say(aServer, aClient, "each event after it, once, in order", "SubscribeResponse: leat_live")
	}
}
