package typed

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// A Service is the typed gRPC service of one stream. It may be used from many goroutines.
type Service struct {
	// Descriptor is of the service, such as orders.v1.OrdersService.
	Descriptor protoreflect.ServiceDescriptor

	stream   *contract.Stream
	events   map[string]*field // by type: those of SubscribeResponse and PublishRequest
	commands map[string]*field
	publish  *shell
	connect  *shell // nil on a stream without commands
}

func newService(m *mapper, file protoreflect.FileDescriptor) *Service {
	s := &Service{Descriptor: file.Services().Get(0), stream: m.stream, events: m.events, commands: m.commands}
	s.publish = &shell{descriptor: file.Messages().ByName("PublishRequest"), types: byNumber(m.events)}
	for _, f := range slices.Concat(slices.Collect(maps.Values(m.events)), slices.Collect(maps.Values(m.commands))) {
		f.typ.message.open = f.typ.message.isOpen(map[*message]bool{})
	}
	if len(m.stream.Commands) > 0 {
		s.connect = &shell{descriptor: file.Messages().ByName("ConnectRequest"), types: byNumber(m.commands)}
	}
	return s
}

func byNumber(fields map[string]*field) map[protoreflect.FieldNumber]*field {
	numbers := map[protoreflect.FieldNumber]*field{}
	for _, f := range fields {
		numbers[f.number] = f
	}
	return numbers
}

// Check tells what of an event's or a command's data has no place in the fields of its message, though it is valid under
// its schema: numbers beyond int64 or whatever their bounds have made of them, times before year 1, and whatever is of
// another type than its schema only suggests. Data of which nothing can be wrong costs a look at its bytes. Pointers begin
// with /data.
func (s *Service) Check(typeName string, data []byte) []problem.Violation {
	f := s.field(typeName)
	if f == nil || !suspicious(f.typ.message, data) {
		return nil
	}
	e := newEncoder(nil, data, "/data")
	defer e.release()
	if err := e.message(f.typ.message); err != nil {
		return []problem.Violation{violationOf(err)}
	}
	return nil
}

func (s *Service) field(typeName string) *field {
	if f := s.events[typeName]; f != nil {
		return f
	}
	return s.commands[typeName]
}

func violationOf(err error) problem.Violation {
	if m, ok := err.(*misfit); ok { //nolint:errorlint // nothing wraps it
		return problem.Violation(*m)
	}
	return problem.Violation{Pointer: "/data", Detail: "must be JSON: " + err.Error()}
}

// AppendEvent appends the SubscribeResponse of an event, control events too. An event that was stored under another
// contract, and fits no message of this one, becomes leat_untyped: nothing is ever left out.
func (s *Service) AppendEvent(dst []byte, e *event.Event) ([]byte, error) {
	if !e.Position.IsZero() {
		dst = protowire.AppendTag(dst, responseID, protowire.BytesType)
		dst = protowire.AppendString(dst, e.Position.String())
	}
	if !e.Time.IsZero() {
		dst = appendMoment(dst, responseTime, e.Time.Unix(), int32(e.Time.Nanosecond()))
	}
	if !e.Key.IsZero() {
		dst = protowire.AppendTag(dst, responseKey, protowire.BytesType)
		dst = protowire.AppendString(dst, e.Key.String())
	}
	if e.Type.IsControl() {
		return appendControl(dst, e)
	}
	return s.appendData(dst, e.Type.String(), e.Data), nil
}

// appendData appends the field of an event's type.
func (s *Service) appendData(dst []byte, typeName string, data []byte) []byte {
	f := s.events[typeName]
	if f == nil {
		return appendUntyped(dst, typeName, data, "the contract has no such event type any more")
	}
	before := len(dst)
	e := newEncoder(dst, data, "")
	defer e.release()
	if err := e.field(f); err != nil {
		return appendUntyped(e.out[:before], typeName, data, violationOf(err).Pointer+" "+violationOf(err).Detail)
	}
	return appendExact(e.out, responseExact, e.exact)
}

func appendUntyped(dst []byte, typeName string, data []byte, reason string) []byte {
	var inner []byte
	inner = appendText(inner, untypedType, typeName)
	inner = protowire.AppendTag(inner, untypedData, protowire.BytesType)
	inner = protowire.AppendBytes(inner, data)
	inner = appendText(inner, untypedReason, reason)
	dst = protowire.AppendTag(dst, responseUntyped, protowire.BytesType)
	return protowire.AppendBytes(dst, inner)
}

// appendText appends a string, unless it is empty.
func appendText(dst []byte, number protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	return protowire.AppendString(dst, strings.ToValidUTF8(text, "\uFFFD"))
}

func appendExact(dst []byte, number protowire.Number, values []exactValue) []byte {
	for _, v := range values {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), v.pointer)
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), v.json)
		dst = protowire.AppendTag(dst, number, protowire.BytesType)
		dst = protowire.AppendBytes(dst, entry)
	}
	return dst
}

func appendControl(dst []byte, e *event.Event) ([]byte, error) {
	var data struct {
		After, ResumedAfter, Reason, Position string
		ReconnectAfterMs                      uint64
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return nil, fmt.Errorf("control event %s: %w", e.Type, err)
	}
	var number protowire.Number
	var inner []byte
	switch e.Type {
	case event.TypeGap:
		number = responseGap
		inner = appendText(inner, 1, data.After)
		inner = appendText(inner, 2, data.ResumedAfter)
		inner = appendText(inner, 3, data.Reason)
	case event.TypeLive, event.TypeHeartbeat:
		number = responseLive
		if e.Type == event.TypeHeartbeat {
			number = responseHeartbeat
		}
		inner = appendText(inner, 1, data.Position)
	case event.TypeEnd:
		number = responseEnd
		inner = appendText(inner, 1, data.Reason)
		inner = appendText(inner, 2, data.Position)
		inner = protowire.AppendVarint(protowire.AppendTag(inner, 3, protowire.VarintType), data.ReconnectAfterMs)
	default:
		return nil, fmt.Errorf("control event %s has no message in gRPC", e.Type)
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	return protowire.AppendBytes(dst, inner), nil
}

// suspicious tells whether data needs a closer look: a number that is long or has an exponent, a year 0, or a schema that
// leaves types open. What it looks at is checked I-JSON.
func suspicious(msg *message, data []byte) bool {
	if msg.open {
		return true
	}
	digits, quoted := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case c == '"':
			quoted = !quoted
			if quoted && strings.HasPrefix(string(data[i+1:min(i+6, len(data))]), "0000-") {
				return true
			}
		case quoted && c == '\\':
			i++
		case quoted:
		case isDigit(c):
			if digits++; digits > 18 { // of int64
				return true
			}
			continue
		case digits > 0 && (c == 'e' || c == 'E'):
			return true
		}
		digits = 0
	}
	return false
}

// isOpen tells whether valid data can be of other types than the message has: where the schema only suggests them, and
// where text must be base64, which JSON Schema does not assert.
func (msg *message) isOpen(seen map[*message]bool) bool {
	if seen[msg] {
		return false
	}
	seen[msg] = true
	if msg.guessed {
		return true
	}
	for _, f := range append(slices.Clip(msg.fields), msg.additional) {
		if f != nil && (f.guessed || f.typ.kind == kindBytes || f.typ.kind == kindDuration || f.typ.kind == kindMessage && f.typ.message.isOpen(seen)) {
			return true
		}
	}
	return false
}

// FieldPath names the field that a violation's pointer leads to, such as order_shipped.items[2].name for
// /data/items/2/name, as google.rpc.BadRequest has it.
func (s *Service) FieldPath(typeName, pointer string) string {
	tokens := strings.Split(pointer, "/")
	if len(tokens) < 2 {
		return ""
	}
	switch tokens[1] {
	case "type":
		return "event"
	case "data":
	default:
		return inJSON(snake(unescape.Replace(tokens[1])), tokens[2:])
	}
	f := s.field(typeName)
	if f == nil {
		return "event"
	}
	path := f.name
	tokens = tokens[2:]
	for f != nil && len(tokens) > 0 {
		path, f, tokens = step(path, f, tokens)
	}
	for _, token := range tokens {
		path += "[" + strconv.Quote(unescape.Replace(token)) + "]"
	}
	return path
}

// inJSON names a place in what has no fields, such as a backend's answer.
func inJSON(path string, tokens []string) string {
	for _, token := range tokens {
		token = unescape.Replace(token)
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			path += "[" + token + "]"
		case protobufName.MatchString(token):
			path += "." + token
		default:
			path += "[" + strconv.Quote(token) + "]"
		}
	}
	return path
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// step goes from a field to what the first token leads to in it; without a field where it leads out of what is typed.
func step(path string, f *field, tokens []string) (string, *field, []string) {
	token := unescape.Replace(tokens[0])
	switch f.cardinality {
	case repeated:
		return path + "[" + token + "]", &field{typ: f.typ}, tokens[1:]
	case mapped:
		return path + "[" + strconv.Quote(token) + "]", &field{typ: f.typ}, tokens[1:]
	}
	if f.typ.kind != kindMessage {
		return path, nil, tokens
	}
	msg := f.typ.message
	switch msg.form {
	case wrapperForm:
		return path + "." + msg.fields[0].name, msg.fields[0], tokens
	case objectForm:
		if inner := msg.members[token]; inner != nil {
			return path + "." + inner.name, inner, tokens[1:]
		}
		if msg.additional != nil {
			return path + "." + msg.additional.name + "[" + strconv.Quote(token) + "]", &field{typ: msg.additional.typ}, tokens[1:]
		}
	case kindsForm:
		for _, inner := range msg.fields {
			if inner.json == "object_value" || inner.json == "array_value" {
				return path + "." + inner.name, inner, tokens
			}
		}
	case unionForm: // which branch it is only the data tells, unless one alone has such a member
		var having []*field
		for _, inner := range msg.fields {
			if inner.typ.message.members[token] != nil {
				having = append(having, inner)
			}
		}
		if len(having) == 1 {
			return path + "." + having[0].name, having[0], tokens
		}
	}
	return path, nil, tokens
}

func unquoteJSON(text string) (string, bool) {
	unquoted, err := jsontext.AppendUnquote(nil, text)
	return string(unquoted), err == nil
}
