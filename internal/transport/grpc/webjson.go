package grpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

// jsonFormat is format with its messages in JSON.
func jsonFormat(format *hub.Format, current func() protoreflect.MessageDescriptor) *hub.Format {
	in := func(encode func([]byte, *event.Event) []byte) func([]byte, *event.Event) []byte {
		return func(dst []byte, e *event.Event) []byte {
			text := encode(nil, e)
			message := current() // not before: what is encoded may need it
			text, err := toJSON(text, message)
			if err != nil {
				text, err = compactJSON(untyped(message, e, err))
			}
			if err != nil {
				panic(err) // without the data nothing in it can be wrong
			}
			return append(dst, text...)
		}
	}
	made := *format
	made.Name += " json"
	made.Event, made.Control = in(format.Event), in(format.Control)
	return &made
}

// untyped tells of an event that a typed service's message can hold and protobuf's JSON cannot, such as one with arrays
// thousands deep: nothing is ever left out.
func untyped(response protoreflect.MessageDescriptor, e *event.Event, reason error) proto.Message {
	m := dynamicpb.NewMessage(response)
	field := response.Fields().ByName
	m.Set(field("id"), protoreflect.ValueOfString(e.Position.String()))
	at := m.Mutable(field("time")).Message()
	at.Set(at.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(e.Time.Unix()))
	at.Set(at.Descriptor().Fields().ByName("nanos"), protoreflect.ValueOfInt32(int32(e.Time.Truncate(time.Millisecond).Nanosecond())))
	if !e.Key.IsZero() {
		m.Set(field("key"), protoreflect.ValueOfString(e.Key.String()))
	}
	told := m.Mutable(field("leat_untyped")).Message()
	field = told.Descriptor().Fields().ByName
	told.Set(field("type"), protoreflect.ValueOfString(e.Type.String()))
	told.Set(field("data"), protoreflect.ValueOfBytes(e.Data))
	told.Set(field("reason"), protoreflect.ValueOfString(plainText(reason)))
	return m
}

// toJSON gives a message in JSON, compact: protojson's own white space differs from build to build.
func toJSON(data []byte, message protoreflect.MessageDescriptor) ([]byte, error) {
	m := dynamicpb.NewMessage(message)
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("message %s: %w", message.FullName(), err)
	}
	return compactJSON(m)
}

func compactJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// fromJSON gives the message that JSON stands for, or notProtobuf and, apart by NUL, which
// of its fields is wrong and why.
func fromJSON(text []byte, message protoreflect.MessageDescriptor) []byte {
	m := dynamicpb.NewMessage(message)
	err := protojson.Unmarshal(text, m)
	var data []byte
	if err == nil {
		data, err = proto.Marshal(m)
	}
	if err != nil {
		told := plainText(err)
		return fmt.Appendf([]byte{notProtobuf}, "%s\x00%s", wrongField(text, message, told), told)
	}
	return data
}

// plainText is the text of an error of protobuf, which says a space in two ways to keep others from relying on it.
func plainText(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}
