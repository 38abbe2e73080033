package ingest

import (
	"fmt"
	"strings"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

// A Checker tells whether events, or commands, are what the contract says of one stream. It is a plain value: no log, no
// clock.
type Checker struct {
	contract *contract.Stream
	of       messages
	types    map[string]checkedType
	pointer  []string // the tokens of the contract's key pointer
	fits     Fits     // nil where everything does
}

// Fits tells what of valid data has no place on a transport that the stream is offered over. Pointers begin with /data.
type Fits func(typeName string, data []byte) []problem.Violation

// Restrict refuses what does not fit, beside what the contract refuses; it comes before the first use.
func (c *Checker) Restrict(fits Fits) { c.fits = fits }

// messages are the words for what a Checker checks.
type messages struct {
	noun, plural string // in "is no event type of stream"
	route        string // in "stream has no keys:"
}

var (
	ofEvents   = messages{"event type", "types", "publish to /events"}
	ofCommands = messages{"command", "commands", "send commands to /commands"}
)

type checkedType struct {
	event.Type
	*contract.EventType
	flat bool // subscribers may see it in the flat framing
}

// NewChecker makes a Checker of the events of a stream.
func NewChecker(s *contract.Stream) *Checker {
	c := newChecker(s, ofEvents, s.Events)
	for name, t := range c.types {
		t.flat = t.Flat
		c.types[name] = t
	}
	return c
}

func newChecker(s *contract.Stream, of messages, types []*contract.EventType) *Checker {
	c := &Checker{contract: s, of: of, types: map[string]checkedType{}}
	for _, t := range types {
		c.types[t.Name] = checkedType{Type: event.MustType(t.Name), EventType: t}
	}
	if s.Key.Pointer != "" {
		c.pointer = pointerTokens(s.Key.Pointer)
	}
	return c
}

// Check turns an event as a publisher gave it into a record to store, or says all that is wrong with it.
// pathKey is the key in the route, zero where there is none.
func (c *Checker) Check(e Event, pathKey event.Key) (eventlog.Record, error) {
	t, read, err := c.begin(e)
	if err != nil {
		return eventlog.Record{}, err
	}

	record := eventlog.Record{Type: t.Type, Data: read.text}
	violations := read.violations
	if e.Time != nil {
		if record.Time, err = parseTime(*e.Time); err != nil {
			violations = append(violations, problem.Violation{Pointer: "/time", Detail: err.Error()})
		}
	}
	key, wrong := c.key(e, read, pathKey)
	if wrong != nil && !names(violations, wrong.Pointer) {
		violations = append(violations, *wrong)
	}
	if len(violations) > 0 {
		return eventlog.Record{}, invalid(e.Type, violations...)
	}
	record.Key = key
	if e.Dedupe != "" && c.contract.Durability != contract.None {
		record.Dedupe = eventName(e.Dedupe)
	}
	return record, nil
}

// begin finds the type of an event or command, and reads its data.
func (c *Checker) begin(e Event) (checkedType, reading, error) {
	t, err := c.messageType(e.Type)
	if err != nil {
		return t, reading{}, err
	}
	if e.Data == nil {
		return t, reading{}, invalid(e.Type, problem.Violation{Pointer: "/data", Detail: "is required"})
	}
	read, err := c.read(t, e.Data)
	return t, read, err
}

// reading is what the data of one event turned out to be.
type reading struct {
	text       []byte // compact, and nobody else's
	violations []problem.Violation

	// The key is at pointer in value, where the stream's key is in the data.
	value   any
	pointer []string
}

// read reads the data once where it is as the contract asks, and else as often as it takes to tell what is wrong.
func (c *Checker) read(t checkedType, data []byte) (reading, error) {
	if a, ok := t.Accept(data, c.pointer); ok && len(a.JSON) <= c.contract.MaxEventBytes {
		return reading{text: a.JSON, value: a.At, violations: c.misfits(t, a.JSON)}, nil
	}
	text, err := compact(data)
	if err != nil {
		return reading{}, NotJSON("data", err)
	}
	if len(text) > c.contract.MaxEventBytes {
		return reading{}, problem.New(problem.TooLarge, "the data has %d bytes as compact JSON, and stream %q takes at most %d: %s",
			len(text), c.contract.Name, c.contract.MaxEventBytes, claimCheck)
	}
	value, err := contract.DecodeJSON(data) // not text: the offset of an error is into what the publisher sent
	if err != nil {
		return reading{}, NotJSON("data", err)
	}
	violations := t.violations(value)
	if len(violations) == 0 {
		violations = c.misfits(t, text)
	}
	return reading{text, violations, value, c.pointer}, nil
}

func (c *Checker) misfits(t checkedType, text []byte) []problem.Violation {
	if c.fits == nil {
		return nil
	}
	return c.fits(t.Name, text)
}

// claimCheck is what to do with an event that is too large (the "claim check" of Hohpe and Woolf).
const claimCheck = "store the body elsewhere and publish a reference to it"

func (c *Checker) messageType(name string) (checkedType, error) {
	if t, ok := c.types[name]; ok {
		return t, nil
	}
	known := c.names()
	violation := problem.Violation{Pointer: "/type"}
	if _, err := event.ParseType(name); name == "" {
		violation.Detail = "is required, one of: " + strings.Join(known, ", ")
	} else if err != nil {
		violation.Detail = strings.TrimPrefix(err.Error(), "type ") // the pointer says it
	} else {
		violation.Detail = fmt.Sprintf("%q is no %s of stream %q%s (its %s: %s)",
			name, c.of.noun, c.contract.Name, c.meant(name, known), c.of.plural, strings.Join(known, ", "))
	}
	return checkedType{}, invalid("", violation)
}

// meant tells what a name that is unknown here may be instead.
func (c *Checker) meant(name string, known []string) string {
	switch {
	case c.contract.Event(name) != nil:
		return ", but an event type: publish it instead"
	case c.contract.Command(name) != nil:
		return ", but a command: send it as one"
	}
	return problem.DidYouMean(name, known)
}

// names lists the types in the order of declaration.
func (c *Checker) names() []string {
	if c.of == ofCommands {
		return c.contract.CommandNames()
	}
	return c.contract.EventNames()
}

// violations tells where data is not what the type's schema and the flat framing ask for.
func (t checkedType) violations(data any) []problem.Violation {
	var violations []problem.Violation
	for _, v := range t.Schema.Validate(data) {
		violations = append(violations, problem.Violation{Pointer: "/data" + v.Pointer, Detail: v.Detail})
	}
	if object, ok := data.(map[string]any); ok && t.flat {
		if _, ok := object["type"]; ok && !names(violations, "/data/type") {
			violations = append(violations, problem.Violation{Pointer: "/data/type", Detail: "hides the event's type, which the flat WebSocket " +
				"framing puts beside the members of the data: rename the member, or declare it in the contract's schema"})
		}
	}
	return violations
}

// invalid is the problem of an event that is well-formed but not what the contract says.
func invalid(eventType string, violations ...problem.Violation) error {
	p := problem.New(problem.Invalid, "%d places of it are not what the contract says", len(violations))
	if len(violations) == 1 {
		p.Detail = violations[0].Pointer + " " + violations[0].Detail
	}
	if eventType != "" {
		p.Detail = brief(eventType) + ": " + p.Detail
	}
	p.Violations = violations[:min(len(violations), maxErrors)]
	return p
}

func names(violations []problem.Violation, pointer string) bool {
	for _, v := range violations {
		if v.Pointer == pointer {
			return true
		}
	}
	return false
}

// parseTime reads the time of an event.
func parseTime(text string) (time.Time, error) {
	t, err := event.ParseTime(text)
	if err != nil {
		return time.Time{}, err
	}
	// Subscribers get it in UTC, in a form that has four digits for the year. The zero time is what some languages
	// have where none was set.
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%q does not lie between 0001-01-01T00:00:00Z and the year 10000", brief(text))
	}
	return t, nil
}
