package document

import (
	"strconv"
	"strings"

	"github.com/leatstream/leat/contract"
)

const (
	examplePosition = "b7k2m4xq-1042"
	exampleTime     = "2024-05-01T10:00:00.000Z"
	exampleRoom     = "room-1"
)

// A sample is an example of the contract, with its key.
type sample struct {
	typ       *contract.EventType
	name, key string
	data      any
	text      []byte // the data, compact
	made      bool   // from the schema: the contract has none
}

// samples lists the examples of types; those of a pointer's key have it from their data.
func (o *streamAPI) samples(types []*contract.EventType) []sample {
	var all []sample
	for _, t := range types {
		texts := t.Examples
		if len(texts) == 0 {
			if made := makeSample(t); made != nil {
				texts = append(texts, made)
			}
		}
		for i, text := range texts {
			s := sample{typ: t, name: t.Name, data: mustParse(text), text: text, made: len(t.Examples) == 0}
			if i > 0 {
				s.name += "-" + strconv.Itoa(i+1)
			}
			switch key := o.stream.Key; {
			case key.Path:
				s.key = exampleRoom
			case key.Pointer != "":
				s.key = at(s.data, key.Pointer)
			}
			all = append(all, s)
		}
	}
	return all
}

// at gives the string or integer at a JSON Pointer, as text.
func at(data any, pointer string) string {
	for token := range strings.SplitSeq(pointer[1:], "/") {
		o, _ := data.(Object)
		data, _ = o.Get(strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
	}
	if text, ok := data.(string); ok {
		return text
	}
	text, err := marshal(data)
	if err != nil {
		return ""
	}
	return string(text)
}

// forKey lists the samples that can be published to a path with the example's key, or to one without a key.
func (o *streamAPI) forKey(keyed bool) []sample {
	var all []sample
	for _, s := range o.samples(o.stream.Events) {
		if !keyed || s.key == o.exampleKey() {
			all = append(all, s)
		}
	}
	return all
}

// exampleKey is the first that an example has.
func (o *streamAPI) exampleKey() string {
	for _, s := range o.samples(o.stream.Events) {
		return s.key
	}
	return exampleRoom
}

// blocks shows the samples as Server-Sent Events.
func (o *streamAPI) blocks() string {
	var b strings.Builder
	for _, s := range o.samples(o.stream.Events) {
		b.WriteString("event: " + s.typ.Name + "\ndata: " + string(s.text) + "\n")
		if o.stored() {
			b.WriteString("id: " + examplePosition + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// envelopeOf shows a sample as it is where it is not alone.
func (o *streamAPI) envelopeOf(s sample) Object {
	e := object("stream", o.stream.Name)
	if o.stored() {
		e.Set("id", examplePosition)
	}
	e.Set("type", s.typ.Name)
	if s.key != "" {
		e.Set("key", s.key)
	}
	e.Set("time", exampleTime)
	e.Set("data", s.data)
	return e
}

func (o *streamAPI) envelopeLines() string {
	var all []Object
	for _, s := range o.samples(o.stream.Events) {
		all = append(all, o.envelopeOf(s))
	}
	return asLines(all)
}

func asLines(all []Object) string {
	var b strings.Builder
	for _, e := range all {
		line, err := marshal(e)
		if err != nil {
			panic(err) // of what was parsed
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func (o *streamAPI) pageExamples() Map[*example] {
	for _, s := range o.samples(o.stream.Events) {
		return Map[*example]{{"default", &example{Value: object("events", []any{o.envelopeOf(s)}, "next", examplePosition)}}}
	}
	return nil
}

// example shows a sample in some form, and whether it was made.
func (s sample) example(value Object) *example {
	e := &example{Summary: s.typ.Summary, Value: value}
	if s.made {
		e.Leat = object("made", true)
	}
	return e
}

// published shows a sample as a publisher sends it.
func published(s sample) Object { return object("type", s.typ.Name, "data", s.data) }

func (o *streamAPI) publishExamples(keyed bool) Map[*example] {
	var all Map[*example]
	for _, s := range o.forKey(keyed) {
		all.Set(s.name, s.example(published(s)))
	}
	return all
}

func (o *streamAPI) cloudEventExamples(keyed bool) Map[*example] {
	var all Map[*example]
	for i, s := range o.forKey(keyed) {
		e := object("specversion", "1.0", "id", "example-"+strconv.Itoa(i+1), "source", "/examples", "type", s.typ.Name,
			"datacontenttype", "application/json", "data", s.data)
		all.Set(s.name, s.example(e))
	}
	return all
}

func (o *streamAPI) publishLines(keyed bool) string {
	var all []Object
	for _, s := range o.forKey(keyed) {
		all = append(all, published(s))
	}
	return asLines(all)
}

func (o *streamAPI) commandExamples() Map[*example] {
	var all Map[*example]
	for _, s := range o.samples(o.stream.Commands) {
		all.Set(s.name, s.example(published(s)))
	}
	return all
}
