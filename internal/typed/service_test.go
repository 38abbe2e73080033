package typed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/typed"
)

// asJSON is a message of the service as protobuf's JSON, without white space.
func asJSON(t *testing.T, s *typed.Service, message string, wire []byte) string {
	t.Helper()
	m := dynamicpb.NewMessage(s.Descriptor.ParentFile().Messages().ByName(protoreflect.Name(message)))
	if err := proto.Unmarshal(wire, m); err != nil {
		t.Fatal(err)
	}
	if len(m.GetUnknown()) > 0 {
		t.Errorf("%s with fields that it does not declare", message)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	for line := range strings.SplitSeq(string(text), "\n") { // protojson adds white space at random
		compact.WriteString(line)
	}
	return strings.ReplaceAll(strings.ReplaceAll(compact.String(), `, "`, `,"`), `": `, `":`)
}

// asWire is the reverse.
func asWire(t *testing.T, s *typed.Service, message, text string) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(s.Descriptor.ParentFile().Messages().ByName(protoreflect.Name(message)))
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestControlEventsAreFieldsOfTheirOwn(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	at, now := event.NewPosition("b7k2", 7), time.Unix(0, 0)
	for want, e := range map[string]*event.Event{
		`"leatGap":{"after":"x-1","resumedAfter":"b7k2-7","reason":"reset"}`:         event.NewGap("s", "x-1", at, event.GapReset, now),
		`"leatLive":{"position":"b7k2-7"}`:                                           event.NewLive("s", at, now),
		`"leatHeartbeat":{"position":"b7k2-7"}`:                                      event.NewHeartbeat("s", at, now),
		`"leatEnd":{"reason":"drain","position":"b7k2-7","reconnectAfterMs":"1500"}`: event.NewEnd("s", at, event.EndDrain, 1500*time.Millisecond, now),
	} {
		wire, err := s.AppendEvent(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		if got := asJSON(t, s, "SubscribeResponse", wire); got != `{"id":"b7k2-7","time":"1970-01-01T00:00:00Z",`+want+"}" {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAnEventOfAnotherContractArrivesUntyped(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	for typeName, data := range map[string]string{"gone.away": `{"a":1}`, "ticks": `{"now":"an object"}`, "order.shipped": `{"amount":1e300}`} {
		wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType(typeName), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		m := dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Subscribe").Output())
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatal(err)
		}
		untyped := m.Get(m.Descriptor().Fields().ByName("leat_untyped")).Message()
		fields := untyped.Descriptor().Fields()
		if got := untyped.Get(fields.ByName("type")).String(); got != typeName {
			t.Errorf("type %q, want %q", got, typeName)
		}
		if got := string(untyped.Get(fields.ByName("data")).Bytes()); got != data {
			t.Errorf("data %s, want %s", got, data)
		}
	}
}

func TestWhatDoesNotFitItsFieldIsToldBeforeItIsStored(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	for data, pointer := range map[string]string{
		`{"amount":9223372036854775808}`:                 "/data/amount",
		`{"amount":1e30}`:                                "/data/amount",
		`{"items":[{"n":1},{"n":-9223372036854775809}]}`: "/data/items/1/n",
		`{"price":1e310}`:                                "/data/price",
		`{"when":"0000-01-01T00:00:00Z"}`:                "/data/when",
		`{"picture":"not base64"}`:                       "/data/picture",
		`{"undeclared":{"deep":[1e310]}}`:                "/data/undeclared/deep/0",
		`{"amount":9223372036854775807,"price":123456789012345678901234567890}`: "",
		`{"when":"2024-05-01T10:00:00Z","took":"P1Y"}`:                          "",
	} {
		wrong := s.Check("order.shipped", []byte(data))
		if pointer == "" && len(wrong) == 0 {
			continue
		}
		if len(wrong) != 1 || wrong[0].Pointer != pointer {
			t.Errorf("%s: got %v, want %q", data, wrong, pointer)
		}
	}
}

func TestAPublicationIsJSONOfItsFields(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	p, err := s.DecodePublish(asWire(t, s, "PublishRequest", `{"key":"k","time":"2024-05-01T10:00:00.5Z","idempotencyKey":"i","ifMatch":"",
		"ticks":{"items":[1,0.5]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Type != "ticks" || *p.Key != "k" || !p.Time.Equal(time.Unix(1714557600, 5e8)) || p.IdempotencyKey != "i" || *p.IfMatch != "" ||
		string(p.Data) != "[1,0.5]" {
		t.Errorf("got %+v, data %s", p, p.Data)
	}
}

func TestFieldsThatAreNoJSONAreNamedByProtobufsNames(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	for text, want := range map[string]string{
		`{"orderShipped":{"price":"NaN"}}`:                                "order_shipped.price",
		`{"orderShipped":{"status":77}}`:                                  "order_shipped.status",
		`{"orderShipped":{"nullFields":["gift"]}}`:                        "order_shipped.gift",
		`{"orderShipped":{"note":"x","nullFields":["note"]}}`:             "order_shipped.note",
		`{"orderShipped":{"parent":{"any":{},"shape":{}}}}`:               "order_shipped.parent.shape",
		`{"orderShipped":{"took":"1.5s"}}`:                                "order_shipped.took",
		`{"orderShipped":{"additionalProperties":{"orderId":"twice"}}}`:   "order_shipped.order_id",
		`{"orderShipped":{"price":1.5},"exactValues":{"/price":"1.75"}}`:  "order_shipped.price",
		`{"orderShipped":{"price":1.5},"exactValues":{"/orderId":"1.5"}}`: "order_shipped.order_id",
		`{}`: "event",
	} {
		p, err := s.DecodePublish(asWire(t, s, "PublishRequest", text))
		wrong, ok := errors.AsType[*problem.Error](err)
		if !ok || len(wrong.Violations) == 0 {
			t.Errorf("%s: got %v, data %s", text, err, p.Data)
			continue
		}
		if got := s.FieldPath(p.Type, wrong.Violations[0].Pointer); got != want {
			t.Errorf("%s: got %s (%s), want %s", text, got, wrong, want)
		}
	}
}

func TestAFieldPathFollowsThePointer(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	for pointer, want := range map[string]string{
		"/data":                     "order_shipped",
		"/data/orderId":             "order_shipped.order_id",
		"/data/items/2/n":           "order_shipped.items[2].n",
		"/data/address/town/name":   "order_shipped.address.town.name",
		"/data/shape/radius":        "order_shipped.shape.circle.radius",
		"/data/labels/a~1b":         `order_shipped.labels["a/b"]`,
		"/data/matrix/0/1":          "order_shipped.matrix[0].items[1]",
		"/data/unknown/deep":        `order_shipped.additional_properties["unknown"]["deep"]`,
		"/key":                      "key",
		"/idempotencyKey":           "idempotency_key",
		"/type":                     "event",
		"/reply/0/data/text":        "reply[0].data.text", // of a backend's answer
		"/publish/12/data/a~1b":     `publish[12].data["a/b"]`,
		"/data/parent/parent/small": "order_shipped.parent.parent.small",
	} {
		if got := s.FieldPath("order.shipped", pointer); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}

func TestOperationsComeFromConnectRequests(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	o, err := s.DecodeConnect(asWire(t, s, "ConnectRequest", `{"ref":"1","command":{"key":"k","cancelOrder":{"id":"x","additionalProperties":{"why":[1]}}}}`))
	if err != nil || o.Ref != "1" || o.Command.Type != "cancelOrder" || *o.Command.Key != "k" || string(o.Command.Data) != `{"id":"x","why":[1]}` {
		t.Errorf("command: %v %+v %+v", err, o, o.Command)
	}
	o, err = s.DecodeConnect(asWire(t, s, "ConnectRequest", `{"ref":"2","subscribe":{"eventTypes":["ticks"],"last":5}}`))
	if err != nil || o.Ref != "2" || o.Subscribe.GetStream() != "price-feed" || o.Subscribe.GetLast() != 5 {
		t.Errorf("subscribe: %v %+v", err, o)
	}
	o, err = s.DecodeConnect(asWire(t, s, "ConnectRequest", `{"unsubscribe":{"key":"k"}}`))
	if err != nil || *o.Unsubscribe.Key != "k" {
		t.Errorf("unsubscribe: %v %+v", err, o)
	}
	o, err = s.DecodeConnect(asWire(t, s, "ConnectRequest", `{"publish":{"ticks":{}}}`))
	if err != nil || o.Publish.Type != "ticks" || string(o.Publish.Data) != "[]" {
		t.Errorf("publish: %v %+v", err, o)
	}
	o, err = s.DecodeConnect(asWire(t, s, "ConnectRequest", `{"ref":"5"}`))
	if err == nil || o.Ref != "5" {
		t.Errorf("nothing: %v %+v", err, o)
	}
}

func TestAnswersAreConnectResponses(t *testing.T) {
	s := build(t, orders).Service("price-feed")
	key := "k"
	refused := &problem.Error{Kind: problem.Invalid, Detail: "no", Violations: []problem.Violation{{Pointer: "/data/orderId", Detail: "is required"}}}
	live, err := s.AppendConnectEvent(nil, event.NewLive("s", event.NewPosition("a", 1), time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for want, wire := range map[string][]byte{
		`{"ref":"1","subscribed":{"key":"k","id":"a-1"}}`:                                    s.AppendSubscribed(nil, "1", &key, "a-1"),
		`{"ref":"1","unsubscribed":{}}`:                                                      s.AppendUnsubscribed(nil, "1", nil, ""),
		`{"ref":"2","reply":{"ticks":{"items":[1]}}}`:                                        s.AppendReply(nil, "2", "", "ticks", []byte("[1]")),
		`{"reply":{"key":"k","ticks":{"items":[1]}}}`:                                        s.AppendReply(nil, "", "k", "ticks", []byte("[1]")),
		`{"ref":"3","ack":{"id":"a-1","duplicate":true}}`:                                    s.AppendAck(nil, "3", "a-1", true),
		`{"event":{"id":"a-1","time":"1970-01-01T00:00:00Z","leatLive":{"position":"a-1"}}}`: live,
	} {
		if got := asJSON(t, s, "ConnectResponse", wire); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := asJSON(t, s, "ConnectResponse", s.AppendError(nil, "4", "order.shipped", refused)); !strings.Contains(got,
		`"violations":[{"field":"order_shipped.order_id","description":"is required"}]`) {
		t.Error(got)
	}
	if got := asJSON(t, s, "PublishResponse", s.AppendPublishResponse(nil, typed.Upload{Stored: 2, Refused: 1, LastID: "a-2",
		Errors: []typed.Refusal{{Index: 1, Type: "order.shipped", Problem: refused}}})); !strings.HasPrefix(got,
		`{"stored":"2","refused":"1","lastId":"a-2","errors":[{"index":"1","problem":"`) || !strings.Contains(got, `"field":"order_shipped.order_id"`) {
		t.Error(got)
	}
}

func TestASchemaInAFileIsOneMessageForAll(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("money.json", `{"type":"object","properties":{"amount":{"type":"integer"},"currency":{"$ref":"#/$defs/code"}},"$defs":{"code":{"enum":["EUR","USD"]}}}`)
	write("leat.yaml", head+`
  s:
    events:
      a: { schema: { type: object, properties: { price: { $ref: money.json }, maybe: { anyOf: [{ $ref: money.json }, { type: "null" }] } } } }
      b: { schema: { type: object, properties: { fee: { $ref: money.json, description: more } } } }
      money.sent: { schema: { $ref: money.json } }
  sse:
    transports: [sse]
    events: { x: { schema: { type: string } } }
`)
	c, err := contract.Load(filepath.Join(folder, "leat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Money price = 1;", "Money maybe = 2;", "Money fee = 1;", "message Money {", "MoneySent money_sent = 18;",
		"enum Code {", "optional Code currency = 2;"} {
		if !strings.Contains(api.Proto("s"), want) {
			t.Errorf("no %q in\n%s", want, api.Proto("s"))
		}
	}
	if api.Service("sse") != nil || api.Service("none") != nil {
		t.Error("a service of a stream that is not offered over gRPC")
	}
}

func FuzzDecode(f *testing.F) {
	s := build(f, orders).Service("price-feed")
	wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("order.shipped"), Data: []byte(`{"orderId":"a","any":[{"a":1}],"maybe":[null],"x":1e20}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(republish(f, s, wire))
	f.Fuzz(func(t *testing.T, wire []byte) {
		if p, err := s.DecodePublish(wire); err == nil {
			if _, err := contract.DecodeJSON(p.Data); err != nil {
				t.Errorf("made %q, which is no JSON: %v", p.Data, err)
			}
		}
		_, _ = s.DecodeConnect(wire)
		_, _ = s.DecodeSubscribe(wire)
	})
}

func FuzzEncode(f *testing.F) {
	s := build(f, orders).Service("price-feed")
	f.Add(`{"orderId":"a","any":[{"a":1}],"maybe":[null],"x":1e20,"shape":{"type":"circle"}}`)
	f.Fuzz(func(t *testing.T, data string) {
		s.Check("order.shipped", []byte(data))
		wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("order.shipped"), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := contract.DecodeJSON([]byte(data)); err == nil {
			if err := proto.Unmarshal(wire, dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Subscribe").Output())); err != nil {
				t.Errorf("%q becomes no protobuf: %v", data, err)
			}
		}
	})
}

func TestSchemasMayLeadToThemselvesThroughAnything(t *testing.T) {
	for _, schema := range []string{
		`{ type: object, additionalProperties: { $ref: "#" } }`,
		`{ type: array, items: { $ref: "#" } }`,
		`{ type: [array, "null"], items: { $ref: "#" } }`,
		`{ type: [object, "null"], additionalProperties: { $ref: "#" } }`,
		`{ type: object, properties: { a: { type: array, items: { type: object, properties: { b: { $ref: "#/properties/a" } } } } } }`,
		`{ type: object, properties: { a: { allOf: [{ $ref: "#" }, { properties: { b: { $ref: "#/properties/a" } } }] } } }`,
		`{ oneOf: [{ type: object, required: [k], properties: { k: { const: x }, next: { $ref: "#" } } }, { type: object, required: [k], properties: { k: { const: y } } }] }`,
		`{ type: [string, array], items: { $ref: "#" } }`,
		`{ type: object, properties: { a: { anyOf: [{ $ref: "#" }, { type: "null" }] } } }`,
	} {
		api := build(t, "\n  s:\n    events:\n      e: { schema: "+schema+" }\n")
		wire, err := api.Service("s").AppendEvent(nil, &event.Event{Type: event.MustType("e"), Data: []byte(`{}`)})
		if err != nil || len(wire) == 0 {
			t.Errorf("%s: %v", schema, err)
		}
	}
}
