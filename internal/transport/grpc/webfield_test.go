package grpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

func TestWhatIsWrongInJSONIsToldByItsField(t *testing.T) {
	publish := (&leatv1.PublishRequest{}).ProtoReflect().Descriptor()
	file := (&descriptorpb.FileDescriptorProto{}).ProtoReflect().Descriptor() // which has lists within lists
	for text, tt := range map[string]struct {
		message protoreflect.MessageDescriptor
		want    string
	}{
		`{"event":{"stream":7}}`:                              {publish, "/event/stream"},
		"{\"event\":\n {\"key\":\"é\", \"time\" : \"soon\"}}": {publish, "/event/time"},
		`{"idempotencyKey" : [1]}`:                            {publish, "/idempotency_key"},
		`{"idempotency_key":{}}`:                              {publish, "/idempotency_key"},
		`{"event":{"strem":"a"}}`:                             {publish, "/event/strem"},
		`{"event":7}`:                                         {publish, "/event"},
		`7`:                                                   {publish, ""},
		`{"event":`:                                           {publish, ""},
		`{"event":{"stream":"a",}}`:                           {publish, ""},
		`{"messageType":[{"name":"a"},{"field":[{"number":"x"}]}]}`: {file, "/message_type/1/field/0/number"},
		`{"event":{"a\u0000b":7}}`:                                  {publish, ""}, // which parts the field from the reason
		`{"dependency":["a",{}]}`:                                   {file, "/dependency/1"},
		`{"dependency":["\u00e9\ud83d\ude00é",7]}`:                  {file, "/dependency/1"},
	} {
		got := fromJSON([]byte(text), tt.message)
		if got[0] != notProtobuf {
			t.Fatalf("%s: got %q", text, got)
		}
		if field, _, _ := strings.Cut(string(got[1:]), "\x00"); field != tt.want {
			t.Errorf("%s: got %q, want %s", text, got[1:], tt.want)
		}
	}
}
