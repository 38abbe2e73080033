package grpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// jsonFormat is format with its messages in JSON.
func jsonFormat(format *hub.Format, message protoreflect.MessageDescriptor) *hub.Format {
	in := func(encode func([]byte, *event.Event) []byte) func([]byte, *event.Event) []byte {
		return func(dst []byte, e *event.Event) []byte {
			text, err := toJSON(encode(nil, e), message)
			if err != nil {
				panic(err) // of our own making
			}
			return append(dst, text...)
		}
	}
	made := *format
	made.Name += " json"
	made.Event, made.Control = in(format.Event), in(format.Control)
	return &made
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

// notProtobuf begins what is handed to the codec where JSON could not become a message, and the reason follows: no
// message begins so, as it would be a field with the number 0.
const notProtobuf = 0x07

// fromJSON gives the message that JSON stands for, or why it is none.
func fromJSON(text []byte, message protoreflect.MessageDescriptor) []byte {
	m := dynamicpb.NewMessage(message)
	err := protojson.Unmarshal(text, m)
	var data []byte
	if err == nil {
		data, err = proto.Marshal(m)
	}
	if err != nil {
		reason := strings.ReplaceAll(err.Error(), "\u00a0", " ") // by which protobuf keeps others from relying on its texts
		return append([]byte{notProtobuf}, strings.TrimPrefix(reason, "proto: ")...)
	}
	return data
}

// unreadable is the problem of a message that was JSON and could not become protobuf; nil for all others.
func unreadable(message mem.BufferSlice) error {
	for _, part := range message {
		if part.Len() == 0 {
			continue
		}
		if part.ReadOnlyData()[0] != notProtobuf {
			return nil
		}
		break
	}
	if message.Len() == 0 {
		return nil
	}
	return problem.New(problem.Malformed, "the message could not be read: %s", message.Materialize()[1:])
}
