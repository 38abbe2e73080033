package typed

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/leatstream/leat/contract"
)

// The numbers of the envelope's fields, which are the same for every stream. Those of SubscribeRequest and PublishResponse
// are those of leat.v1's messages.
const (
	responseID, responseTime, responseKey, responseExact             = 1, 2, 3, 4
	responseGap, responseLive, responseHeartbeat, responseEnd        = 5, 6, 7, 8
	responseUntyped                                                  = 9
	publishKey, publishTime, publishIdempotency, publishIfMatch      = 1, 2, 3, 4
	publishExact                                                     = 5
	connectRef, connectSubscribe, connectUnsubscribe, connectPublish = 1, 2, 3, 4
	connectCommand                                                   = 5
	commandKey, commandExact                                         = 1, 2
	answerRef, answerEvent, answerSubscribed, answerUnsubscribed     = 1, 2, 3, 4
	answerReply, answerAck, answerError                              = 5, 6, 7
	untypedType, untypedData, untypedReason                          = 1, 2, 3
	violationField, violationDescription                             = 1, 2
	errorIndex, errorProblem, errorViolations                        = 1, 2, 3
)

// A part is a field of a message of the envelope.
type part struct {
	name    string
	number  int32
	typ     string // of protobuf, or a message of the package; "map" is map<string, string>
	label   string // "", "optional", "repeated" or "oneof"
	comment string
}

const aboutExact = "By JSON Pointer into the data, the JSON of values that their field only comes near to: numbers that a double " +
	"cannot hold,\ntimes of more than nanoseconds, durations of days and months. Who needs no more than the field can pass over it."

// service describes the service and the messages of its methods.
func (d *describer) service(m *mapper) {
	name := serviceName(d.stream.Name)
	about := d.stream.Summary
	if about == "" {
		about = "Stream " + d.stream.Name + "."
	}
	if d.stream.Description != "" {
		about += "\n" + d.stream.Description
	}
	d.comments[d.pkg+"."+name] = about
	method := func(name, about string, clientStreams, serverStreams bool) *descriptorpb.MethodDescriptorProto {
		d.comments[d.pkg+"."+serviceName(d.stream.Name)+"."+name] = about
		p := &descriptorpb.MethodDescriptorProto{Name: &name, InputType: new("." + d.pkg + "." + name + "Request"),
			OutputType: new("." + d.pkg + "." + name + "Response")}
		if clientStreams {
			p.ClientStreaming = new(true)
		}
		if serverStreams {
			p.ServerStreaming = new(true)
		}
		return p
	}
	methods := []*descriptorpb.MethodDescriptorProto{
		method("Subscribe", "Delivers the stream's events, from where the request says, until the caller cancels.\n"+
			"The last message of a subscription that the server ends is leat_end: a new call with after = its id loses nothing.", false, true),
		method("Publish", "Stores or refuses each event as it comes, and answers when the caller has sent its last.", true, false)}
	if len(d.stream.Commands) > 0 {
		methods = append(methods, method("Connect", "Commands out, replies and events in, and any number of subscriptions, on one call.", true, true))
	}
	d.file.Service = []*descriptorpb.ServiceDescriptorProto{{Name: &name, Method: methods}}
	d.subscribeMessages(m)
	d.publishMessages(m)
	d.controlMessages()
	if len(d.stream.Commands) > 0 {
		d.connectMessages(m)
	}
}

func (d *describer) subscribeMessages(m *mapper) {
	d.envelope("SubscribeRequest", "SubscribeRequest says what to get.", "start",
		part{"key", 2, "string", "optional", "Only the events of this key. On a stream of rooms, no key means the room \"default\"."},
		part{"event_types", 3, "string", "repeated", "Only events of these types, such as order.shipped; none: every type. What begins with leat_ always comes."},
		part{"after", 4, "string", "oneof", "A position (exclusive), or \"earliest\", or \"latest\", which is where to start if nothing is said."},
		part{"since", 5, "google.protobuf.Timestamp", "oneof", "Start with the first event that the log stored at or after this time."},
		part{"last", 6, "uint32", "oneof", "Start with the last so many events that match; at most 10,000."},
		part{"all_keys", 7, "bool", "", "Every room of a stream of rooms."})
	response := d.envelope("SubscribeResponse", "SubscribeResponse is one event.", "event",
		part{"id", responseID, "string", "", "The position: what to resume after. Empty on a stream of durability none."},
		part{"time", responseTime, "google.protobuf.Timestamp", "", "When it happened, as the publisher said, else when the log stored it."},
		part{"key", responseKey, "string", "optional", "The entity that the event is about."},
		part{"exact_values", responseExact, "map", "", aboutExact},
		part{"leat_gap", responseGap, "LeatGap", "oneof", ""},
		part{"leat_live", responseLive, "LeatLive", "oneof", ""},
		part{"leat_heartbeat", responseHeartbeat, "LeatHeartbeat", "oneof", ""},
		part{"leat_end", responseEnd, "LeatEnd", "oneof", ""},
		part{"leat_untyped", responseUntyped, "LeatUntyped", "oneof", ""})
	d.types(response, m.stream.Events, m.events, m.lock.Events)
}

func (d *describer) publishMessages(m *mapper) {
	request := d.envelope("PublishRequest", "PublishRequest is one event to store.", "event",
		part{"key", publishKey, "string", "optional", "The entity that the event is about. It can be left out where the contract takes it from the data."},
		part{"time", publishTime, "google.protobuf.Timestamp", "", "When it happened, as the publisher says."},
		part{"idempotency_key", publishIdempotency, "string", "", "Names this request. Refused in Publish, which is no single request."},
		part{"if_match", publishIfMatch, "string", "optional", "Only if this position is still the key's last event. Refused in Publish likewise."},
		part{"exact_values", publishExact, "map", "", aboutExact})
	d.types(request, m.stream.Events, m.events, m.lock.Events)
	d.envelope("PublishResponse", "PublishResponse tells what became of an upload.", "",
		part{"stored", 1, "uint64", "", "How many events were stored."},
		part{"refused", 2, "uint64", "", "How many events were refused."},
		part{"last_id", 3, "string", "", "The position of the newest event that was stored."},
		part{"errors", 4, "PublishError", "repeated", "Why events were refused: the first 100."})
	d.envelope("PublishError", "PublishError is one event of an upload that was refused.", "",
		part{"index", errorIndex, "uint64", "", "Which message of the upload, from 0."},
		part{"problem", errorProblem, "bytes", "", "A problem object of RFC 9457, in JSON."},
		part{"violations", errorViolations, "FieldViolation", "repeated", "What is wrong, field by field."})
	d.envelope("FieldViolation", "FieldViolation is a field that is not what the contract says.", "",
		part{"field", violationField, "string", "", "The field, such as order_shipped.items[2].name; empty where it is about none."},
		part{"description", violationDescription, "string", "", "What is wrong with it."})
}

func (d *describer) controlMessages() {
	d.envelope("LeatGap", "LeatGap tells that events are missing: those after after, up to and with resumed_after, will not come.", "",
		part{"after", 1, "string", "", "As asked, or the last that was sent."},
		part{"resumed_after", 2, "string", "", ""},
		part{"reason", 3, "string", "", "expired, reset, unknown or overflow."})
	d.envelope("LeatLive", "LeatLive tells that everything stored before has been sent.", "", part{"position", 1, "string", "", ""})
	d.envelope("LeatHeartbeat", "LeatHeartbeat tells that nothing matched up to position.", "", part{"position", 1, "string", "", ""})
	d.envelope("LeatEnd", "LeatEnd is the last message of a subscription that the server ends.", "",
		part{"reason", 1, "string", "", "drain, slow, token-expired, revoked, removed, overloaded, unavailable or disconnected."},
		part{"position", 2, "string", "", "The last that was sent, or where delivery would have started."},
		part{"reconnect_after_ms", 3, "int64", "", "How long to wait before the next call."})
	d.envelope("LeatUntyped", "LeatUntyped is an event that was stored under another contract than the one this service is made from, "+
		"and does not fit it.", "",
		part{"type", untypedType, "string", "", "The event type, such as order.shipped."},
		part{"data", untypedData, "bytes", "", "The event's data, in JSON."},
		part{"reason", untypedReason, "string", "", "Why it has no message of its own."})
}

func (d *describer) connectMessages(m *mapper) {
	request := d.envelope("ConnectRequest", "ConnectRequest is one operation of the client.", "operation",
		part{"ref", connectRef, "string", "", "Its answers repeat it."},
		part{"subscribe", connectSubscribe, "SubscribeRequest", "oneof", "Answered by subscribed, then the events."},
		part{"unsubscribe", connectUnsubscribe, "ConnectRequest.Unsubscribe", "oneof", "Answered by unsubscribed."},
		part{"publish", connectPublish, "PublishRequest", "oneof", "Answered by ack."},
		part{"command", connectCommand, "ConnectRequest.Command", "oneof", "Answered by any number of replies, then one ack, or one error."})
	d.within(request, "Unsubscribe", "Unsubscribe ends the subscription of a key, or that of the whole stream.", "",
		part{"key", 1, "string", "optional", ""}, part{"all_keys", 2, "bool", "", "Every room of a stream of rooms."})
	command := d.within(request, "Command", "Command goes to the stream's backend.", "command",
		part{"key", commandKey, "string", "optional", "The entity that the command is about."},
		part{"exact_values", commandExact, "map", "", aboutExact})
	d.types(command, m.stream.Commands, m.commands, m.lock.Commands)
	response := d.envelope("ConnectResponse", "ConnectResponse is an event, or an answer to an operation.", "answer",
		part{"ref", answerRef, "string", "", "That of the operation, where it is an answer."},
		part{"event", answerEvent, "SubscribeResponse", "oneof", "An event of a subscription."},
		part{"subscribed", answerSubscribed, "ConnectResponse.Subscription", "oneof", ""},
		part{"unsubscribed", answerUnsubscribed, "ConnectResponse.Subscription", "oneof", ""},
		part{"reply", answerReply, "SubscribeResponse", "oneof", "What the backend answers to this caller alone: without id and time."},
		part{"ack", answerAck, "ConnectResponse.Ack", "oneof", ""},
		part{"error", answerError, "ConnectResponse.Error", "oneof", ""})
	d.within(response, "Subscription", "Subscription tells where a subscription starts or ends.", "",
		part{"key", 1, "string", "optional", ""}, part{"id", 2, "string", "", "The position."})
	d.within(response, "Ack", "Ack tells that the operation is done.", "",
		part{"id", 1, "string", "", "Of what was published: its position."},
		part{"duplicate", 2, "bool", "", "The idempotency_key was used before; id is what was answered then."})
	d.within(response, "Error", "Error tells why the operation is refused.", "",
		part{"problem", 1, "bytes", "", "A problem object of RFC 9457, in JSON."},
		part{"violations", 2, "FieldViolation", "repeated", "What is wrong, field by field."})
}

// envelope adds a message to the file.
func (d *describer) envelope(name, about, oneof string, parts ...part) *descriptorpb.DescriptorProto {
	p := d.parts(d.pkg, name, about, oneof, parts)
	d.file.MessageType = append(d.file.MessageType, p)
	return p
}

// within adds a message to another.
func (d *describer) within(outer *descriptorpb.DescriptorProto, name, about, oneof string, parts ...part) *descriptorpb.DescriptorProto {
	p := d.parts(d.pkg+"."+outer.GetName(), name, about, oneof, parts)
	outer.NestedType = append(outer.NestedType, p)
	return p
}

func (d *describer) parts(scope, name, about, oneof string, parts []part) *descriptorpb.DescriptorProto {
	full := scope + "." + name
	d.comments[full] = about
	p := &descriptorpb.DescriptorProto{Name: &name}
	if oneof != "" {
		p.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: &oneof}}
	}
	for _, one := range parts {
		f := &field{name: one.name, number: protowire.Number(one.number), comment: one.comment, optional: one.label == "optional",
			inOneof: one.label == "oneof"}
		if one.label == "repeated" {
			f.cardinality = repeated
		}
		if one.typ == "map" {
			f.cardinality = mapped
		} else if k := slices.Index(kindNames[:], one.typ); k >= 0 {
			f.typ.kind = kind(k)
		} else {
			f.typ = typ{kind: kindMessage, message: &message{name: one.typ}}
		}
		d.field(p, full, f)
	}
	d.optionals(p)
	return p
}

// types adds the event types or the commands to the oneof of a message.
func (d *describer) types(p *descriptorpb.DescriptorProto, types []*contract.EventType, fields map[string]*field, lock map[string]*lockEntry) {
	scope := d.pkg + "." + p.GetName()
	if p.GetName() == "Command" {
		scope = d.pkg + ".ConnectRequest.Command"
	}
	for _, t := range types {
		d.field(p, scope, fields[t.Name])
	}
	for _, e := range removed(lock) {
		p.ReservedRange = append(p.ReservedRange, &descriptorpb.DescriptorProto_ReservedRange{
			Start: new(e.Number), End: new(e.Number + 1)})
		p.ReservedName = append(p.ReservedName, e.Name)
	}
}
