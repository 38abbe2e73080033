package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/typed"
)

// A stream is what the page shows of one.
type stream struct {
	*contract.Stream
	Paragraphs       []string
	Promises         []promise
	EventTypes, Asks []eventType // events, and commands
	Diagrams         []diagram
	Service          string // of typed gRPC; empty without
	// Tried are the transports on which a page can subscribe.
	Tried []choice
}

// A choice is an option of a form.
type choice struct{ Value, Text string }

// An eventType is what the page shows of an event type or a command.
type eventType struct {
	*contract.EventType
	Stream     string
	Paragraphs []string
	Data       field
	Shown      []string // examples
}

// A diagram is a picture, and its source.
type diagram struct {
	Title, Source string
	Picture       template.HTML
}

func newStream(c *contract.Contract, s *contract.Stream, api *typed.API, number int) (stream, error) {
	shown := stream{Stream: s, Paragraphs: paragraphs(s.Description), Promises: promises(s), Tried: tried(s)}
	if service := api.Service(s.Name); service != nil {
		shown.Service = string(service.Descriptor.FullName())
	}
	var err error
	if shown.EventTypes, err = newTypes(s.Name, s.Events); err != nil {
		return stream{}, err
	}
	if shown.Asks, err = newTypes(s.Name, s.Commands); err != nil {
		return stream{}, err
	}
	for i, d := range document.Diagrams(c, s) {
		shown.Diagrams = append(shown.Diagrams, diagram{d.Title, d.Mermaid(), picture(d, fmt.Sprintf("_tip-%d-%d", number, i))})
	}
	return shown, nil
}

func tried(s *contract.Stream) []choice {
	var all []choice
	if s.Offers(contract.SSE) {
		all = append(all, choice{"sse", "Server-Sent Events"})
	}
	if s.Offers(contract.WebSocket) {
		all = append(all, choice{"websocket", "WebSocket, leat.v1"})
	}
	if s.Offers(contract.SSE) && s.Durability != contract.None {
		all = append(all, choice{"pages", "Pages, long polling"})
	}
	return all
}

func newTypes(stream string, types []*contract.EventType) ([]eventType, error) {
	var all []eventType
	for _, t := range types {
		shown := eventType{EventType: t, Stream: stream, Paragraphs: paragraphs(t.Description), Data: describe(document.Schema(t, t.Name))}
		if t.Schema.Root.Description == "" && t.Summary+t.Description != "" { // a document has that of the type
			shown.Data.Text = ""
		}
		for _, example := range t.Examples {
			text, err := indented(example)
			if err != nil {
				return nil, err
			}
			shown.Shown = append(shown.Shown, text)
		}
		all = append(all, shown)
	}
	return all, nil
}

func indented(text json.RawMessage) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, text, "", "  ")
	return b.String(), err
}

// picture draws a diagram for a page that holds many: the heads of the arrows have an id in each, which is of one element
// alone. In the texts of the picture a quote is escaped, so that none of them can be meant.
func picture(d document.Diagram, id string) template.HTML {
	return template.HTML(strings.NewReplacer(`id="tip"`, `id="`+id+`"`, `"url(#tip)"`, `"url(#`+id+`)"`).Replace(d.SVG())) //nolint:gosec // SVG escapes what the contract says
}

// paragraphs are what empty lines divide.
func paragraphs(text string) []string {
	var all []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
