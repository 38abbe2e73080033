package typed

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// An Operation is what a client asks for on Connect: one of its pointers is set.
type Operation struct {
	Ref         string
	Subscribe   *leatv1.SubscribeRequest
	Unsubscribe *Unsubscription
	Publish     *Publication
	Command     *Publication
}

// An Unsubscription names the subscription to end.
type Unsubscription struct {
	Key     *string
	AllKeys bool
}

// DecodeConnect reads a ConnectRequest. Where it is wrong the Operation has what could be read: the ref, and the type of
// what was to be published or commanded.
func (s *Service) DecodeConnect(b []byte) (Operation, error) {
	m := dynamicpb.NewMessage(s.connect.descriptor)
	if err := proto.Unmarshal(b, m); err != nil {
		return Operation{}, malformed(err)
	}
	o := Operation{Ref: fieldOf(m, connectRef).String()}
	if len(m.GetUnknown()) > 0 {
		return o, problem.New(problem.Malformed, "the message has fields that ConnectRequest does not: %s", unknownFields(m))
	}
	chosen := m.WhichOneof(s.connect.descriptor.Oneofs().ByName("operation"))
	if chosen == nil {
		return o, problem.New(problem.Malformed, "no operation is set: it must be one of subscribe, unsubscribe, publish, command")
	}
	inner := m.Get(chosen).Message()
	var err error
	switch chosen.Number() {
	case connectSubscribe:
		wire, failed := proto.Marshal(inner.Interface())
		if failed != nil {
			return o, malformed(failed)
		}
		o.Subscribe, err = s.DecodeSubscribe(wire)
	case connectUnsubscribe:
		o.Unsubscribe = &Unsubscription{textOf(inner, 1), fieldOf(inner, 2).Bool()}
	case connectPublish:
		var p Publication
		p, err = s.publication(inner)
		o.Publish = &p
	case connectCommand:
		o.Command = &Publication{Key: textOf(inner, commandKey)}
		err = s.connect.data(o.Command, inner, commandExact, "command")
	}
	return o, err
}

// AppendConnectEvent appends the ConnectResponse of an event, which is the same for every subscriber.
func (s *Service) AppendConnectEvent(dst []byte, e *event.Event) ([]byte, error) {
	inner, err := s.AppendEvent(nil, e)
	if err != nil {
		return dst, err
	}
	dst = protowire.AppendTag(dst, answerEvent, protowire.BytesType)
	return protowire.AppendBytes(dst, inner), nil
}

// AppendSubscribed appends the ConnectResponse to a subscribe; id is empty where there is no position.
func (s *Service) AppendSubscribed(dst []byte, ref string, key *string, id string) []byte {
	return appendSubscription(dst, answerSubscribed, ref, key, id)
}

// AppendUnsubscribed appends the ConnectResponse to an unsubscribe.
func (s *Service) AppendUnsubscribed(dst []byte, ref string, key *string, id string) []byte {
	return appendSubscription(dst, answerUnsubscribed, ref, key, id)
}

func appendSubscription(dst []byte, number protowire.Number, ref string, key *string, id string) []byte {
	var inner []byte
	if key != nil {
		inner = protowire.AppendString(protowire.AppendTag(inner, 1, protowire.BytesType), *key)
	}
	return appendAnswer(dst, ref, number, appendText(inner, 2, id))
}

// AppendReply appends the ConnectResponse of a backend's reply, or of what it pushes: an event of this stream that only
// this caller gets. The key is empty where there is none.
func (s *Service) AppendReply(dst []byte, ref, key, typeName string, data []byte) []byte {
	return appendAnswer(dst, ref, answerReply, s.appendData(appendText(nil, responseKey, key), typeName, data))
}

// AppendAck appends the ConnectResponse to what is done; id is that of what was published, else empty.
func (s *Service) AppendAck(dst []byte, ref, id string, duplicate bool) []byte {
	inner := appendText(nil, 1, id)
	if duplicate {
		inner = protowire.AppendVarint(protowire.AppendTag(inner, 2, protowire.VarintType), 1)
	}
	return appendAnswer(dst, ref, answerAck, inner)
}

// AppendError appends the ConnectResponse to what is refused; typeName is the event's or the command's, if any.
func (s *Service) AppendError(dst []byte, ref, typeName string, p *problem.Error) []byte {
	return s.appendError(dst, ref, "event", typeName, p)
}

// AppendCommandError appends the ConnectResponse to a command that is refused.
func (s *Service) AppendCommandError(dst []byte, ref, typeName string, p *problem.Error) []byte {
	return s.appendError(dst, ref, "command", typeName, p)
}

func (s *Service) appendError(dst []byte, ref, oneof, typeName string, p *problem.Error) []byte {
	inner := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), p.JSON())
	return appendAnswer(dst, ref, answerError, s.appendViolations(inner, 2, oneof, typeName, p))
}

func appendAnswer(dst []byte, ref string, number protowire.Number, inner []byte) []byte {
	dst = appendText(dst, answerRef, ref)
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	return protowire.AppendBytes(dst, inner)
}

// appendViolations appends what is wrong; oneof is the one that says the type.
func (s *Service) appendViolations(dst []byte, number protowire.Number, oneof, typeName string, p *problem.Error) []byte {
	for _, v := range p.Violations {
		field := s.FieldPath(typeName, v.Pointer)
		if v.Pointer == "/type" {
			field = oneof
		}
		inner := appendText(nil, violationField, field)
		inner = appendText(inner, violationDescription, v.Detail)
		dst = protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), inner)
	}
	return dst
}

// An Upload tells what became of a Publish call.
type Upload struct {
	Stored, Refused uint64
	LastID          string // empty where nothing was stored, or on a stream of durability none
	Errors          []Refusal
}

// A Refusal is one event of an upload that was refused.
type Refusal struct {
	Index   uint64 // which message of the upload, from 0
	Type    string // of the event, if it could be read
	Problem *problem.Error
}

// AppendPublishResponse appends the PublishResponse of an upload.
func (s *Service) AppendPublishResponse(dst []byte, u Upload) []byte {
	dst = appendCount(dst, 1, u.Stored)
	dst = appendCount(dst, 2, u.Refused)
	dst = appendText(dst, 3, u.LastID)
	for _, r := range u.Errors {
		inner := appendCount(nil, errorIndex, r.Index)
		inner = protowire.AppendBytes(protowire.AppendTag(inner, errorProblem, protowire.BytesType), r.Problem.JSON())
		told := r.Problem
		if len(told.Violations) == 0 { // for who shows messages as they are: the problem is bytes there
			told = &problem.Error{Violations: []problem.Violation{{Detail: told.Detail}}}
		}
		inner = s.appendViolations(inner, errorViolations, "event", r.Type, told)
		dst = protowire.AppendBytes(protowire.AppendTag(dst, 4, protowire.BytesType), inner)
	}
	return dst
}

func appendCount(dst []byte, number protowire.Number, count uint64) []byte {
	if count == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), count)
}
