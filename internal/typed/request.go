package typed

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/problem"
)

// A Publication is an event as a client publishes it, or a command as it sends it.
type Publication struct {
	Type           string
	Key            *string
	Time           *time.Time
	IdempotencyKey string
	IfMatch        *string
	Data           []byte // JSON, not checked against the schema
}

// A shell is a message whose oneof holds an event or a command.
type shell struct {
	descriptor protoreflect.MessageDescriptor
	types      map[protoreflect.FieldNumber]*field
}

// DecodeSubscribe reads a SubscribeRequest: it is leat.v1's, with the stream that this service is of.
func (s *Service) DecodeSubscribe(b []byte) (*leatv1.SubscribeRequest, error) {
	request := &leatv1.SubscribeRequest{}
	if err := proto.Unmarshal(b, request); err != nil {
		return nil, malformed(err)
	}
	if request.Stream != "" {
		return nil, problem.New(problem.Malformed, "field 1 is not in SubscribeRequest: this service is of stream %s alone", s.stream.Name)
	}
	request.Stream = s.stream.Name
	return request, nil
}

func malformed(err error) error {
	return problem.New(problem.Malformed, "the message is no valid protobuf: %s", strings.TrimPrefix(err.Error(), "proto:\u00a0"))
}

// DecodePublish reads a PublishRequest. Where its fields are no JSON (a number that is not finite, an enum's value that is
// none) the error is a problem whose violations have pointers as all others, for FieldPath; the Publication then has the
// Type, if any.
func (s *Service) DecodePublish(b []byte) (Publication, error) {
	m := dynamicpb.NewMessage(s.publish.descriptor)
	if err := proto.Unmarshal(b, m); err != nil {
		return Publication{}, malformed(err)
	}
	return s.publication(m)
}

func (s *Service) publication(m protoreflect.Message) (Publication, error) {
	p := Publication{Key: textOf(m, publishKey), IfMatch: textOf(m, publishIfMatch), IdempotencyKey: fieldOf(m, publishIdempotency).String()}
	if at := m.Descriptor().Fields().ByNumber(publishTime); m.Has(at) {
		text, err := timeOf(m.Get(at).Message())
		if err != nil {
			return p, &problem.Error{Kind: problem.Invalid, Detail: "time " + err.Error(),
				Violations: []problem.Violation{{Pointer: "/time", Detail: err.Error()}}}
		}
		p.Time = &text
	}
	err := s.publish.data(&p, m, publishExact, "event")
	return p, err
}

func timeOf(m protoreflect.Message) (time.Time, error) {
	seconds, nanos := fieldOf(m, 1).Int(), fieldOf(m, 2).Int()
	if _, err := formatTime(seconds, int32(nanos)); err != nil {
		return time.Time{}, err
	}
	return time.Unix(seconds, nanos).UTC(), nil
}

// textOf gives an optional string.
func textOf(m protoreflect.Message, number protoreflect.FieldNumber) *string {
	f := m.Descriptor().Fields().ByNumber(number)
	if !m.Has(f) {
		return nil
	}
	text := m.Get(f).String()
	return &text
}

// data reads the type, and the data as JSON.
func (s *shell) data(p *Publication, m protoreflect.Message, exact protoreflect.FieldNumber, what string) error {
	if len(m.GetUnknown()) > 0 {
		return problem.New(problem.Invalid, "the message has fields that are not in the service that this server makes of its contract: %s",
			unknownFields(m))
	}
	var f *field
	m.Range(func(d protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if known := s.types[d.Number()]; known != nil {
			f = known
		}
		return f == nil
	})
	if f == nil {
		e := problem.New(problem.Invalid, "no %s is set: it must be one of %s", what, s.names())
		e.Violations = []problem.Violation{{Pointer: "/type", Detail: "is required"}}
		return e
	}
	p.Type = f.json
	d := &decoder{exact: map[string]string{}}
	fieldOf(m, exact).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		d.exact[key.String()] = value.String()
		return true
	})
	for pointer, text := range d.exact {
		if !jsontext.Value(text).IsValid() {
			return problem.New(problem.Invalid, "exact_values has no valid JSON for %q", shorten(pointer))
		}
		d.exact[pointer] = strings.TrimSpace(text)
	}
	d.message(f.typ.message, m.Get(m.Descriptor().Fields().ByNumber(f.number)).Message())
	for _, pointer := range slices.Sorted(maps.Keys(d.exact)) {
		d.wrong = append(d.wrong, problem.Violation{Pointer: "/data" + pointer, Detail: "is in exact_values, but is no number, time or duration"})
	}
	if len(d.wrong) > 0 {
		return &problem.Error{Kind: problem.Invalid, Violations: d.wrong,
			Detail: fmt.Sprintf("%s is not what the contract says: %s %s", f.name, d.wrong[0].Pointer, d.wrong[0].Detail)}
	}
	p.Data = d.out
	return nil
}

// names lists some of the fields for types.
func (s *shell) names() string {
	var names []string
	for _, f := range s.types {
		names = append(names, f.name)
	}
	slices.Sort(names)
	const most = 10
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// unknownFields lists the numbers of the message's fields that are not known, and the names of those that once were.
func unknownFields(m protoreflect.Message) string {
	var numbers []string
	for wire := m.GetUnknown(); len(wire) > 0; {
		number, _, n := protowire.ConsumeField(wire)
		if n < 0 {
			break
		}
		text := fmt.Sprintf("number %d", number)
		if name := formerName(m.Descriptor(), number); name != "" {
			text = fmt.Sprintf("number %d (%s, which the contract has no more)", number, name)
		}
		if !slices.Contains(numbers, text) && len(numbers) < 10 {
			numbers = append(numbers, text)
		}
		wire = wire[n:]
	}
	return strings.Join(numbers, ", ")
}

// formerName gives the name of a field that was removed: as many names are reserved as numbers, in the same order.
func formerName(d protoreflect.MessageDescriptor, number protowire.Number) protoreflect.Name {
	for i := range min(d.ReservedRanges().Len(), d.ReservedNames().Len()) {
		if d.ReservedRanges().Get(i)[0] == number {
			return d.ReservedNames().Get(i)
		}
	}
	return ""
}
