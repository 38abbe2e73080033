package typed_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/typed"
)

// Few names, so that they meet, and such that mean something to protobuf.
var (
	randomNames = []string{"a", "orderId", "order_id", "order-id", "OrderID", "type", "kind", "message", "optional", "3d", "名前", "größe",
		"null_fields", "additional_properties", "additionalProperties", "items", "itemsEntry", "value", "key", "google", "", "a/b~", "[x]",
		"string", "reserved", "status", "Status", "statusNew", "x\"y\\z"}
	randomStrings = []string{"", "a", "A", "new", "in-transit", "unspecified", "+", "-", "größe", "1", "x\ny", "new_2", "NEW"}
	randomNumbers = []string{"0", "-0", "1", "-1", "1.0", "1e3", "9007199254740993", "9223372036854775807", "-9223372036854775808",
		"0.1", "0.12345678901234567890123", "1.5e300", "12345678901234567890", "-3", "2147483648", "1e-7", "100000000000000000000000"}
	randomTimes     = []string{"2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "1969-12-31T23:59:59.999999999Z", "2024-05-01T10:00:00.1234567891Z", "0001-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "2024-05-01t10:00:00.5z"}
	randomDurations = []string{"PT1H30M", "P1D", "P1Y2M", "PT0S", "PT3600S", "P2W", "PT1H0M5S"}
)

// A randomSchema makes a schema and values that are valid under it.
type randomSchema struct {
	t    *rapid.T
	defs []string // that can be referred to
}

func (r *randomSchema) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(r.t, label) }

func (r *randomSchema) schema(depth int) map[string]any {
	kinds := 18
	if depth >= 3 {
		kinds = 10
	}
	switch r.pick("schema", kinds) {
	case 0:
		return map[string]any{"type": "string"}
	case 1:
		return map[string]any{"type": "integer"}
	case 2:
		bounds := [][2]int64{{0, 10}, {-5, 5}, {0, 1 << 32 / 2}, {-1 << 40, 1 << 40}}[r.pick("bounds", 4)]
		return map[string]any{"type": "integer", "minimum": bounds[0], "maximum": bounds[1]}
	case 3:
		return map[string]any{"type": "number"}
	case 4:
		return map[string]any{"type": "boolean"}
	case 5:
		return map[string]any{"enum": slices.Clone(rapid.SliceOfNDistinct(rapid.SampledFrom(randomStrings), 1, 5, rapid.ID).Draw(r.t, "enum"))}
	case 6:
		return map[string]any{"type": "string", "format": rapid.SampledFrom([]string{"date-time", "duration"}).Draw(r.t, "format")}
	case 7:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case 8:
		if len(r.defs) > 0 {
			return map[string]any{"$ref": "#/$defs/" + rapid.SampledFrom(r.defs).Draw(r.t, "ref")}
		}
		return map[string]any{"type": "null"}
	case 9:
		return map[string]any{"description": "anything */ // \n at all"}
	case 10:
		return map[string]any{"type": "array", "items": r.schema(depth + 1)}
	case 11:
		return map[string]any{"type": "object", "additionalProperties": r.schema(depth + 1)}
	case 12:
		return map[string]any{"anyOf": []any{r.schema(depth + 1), map[string]any{"type": "null"}}}
	case 13:
		return map[string]any{"type": []any{"string", "integer", "array", "null"}}
	case 14:
		return r.union(depth)
	case 15:
		return map[string]any{"allOf": []any{r.object(depth + 1), r.object(depth + 1)}}
	case 16:
		return r.choice(depth)
	}
	return r.object(depth)
}

func (r *randomSchema) object(depth int) map[string]any {
	s := map[string]any{"type": "object"}
	properties := map[string]any{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(randomNames), 0, 5, rapid.ID).Draw(r.t, "properties") {
		properties[name] = r.schema(depth + 1)
	}
	s["properties"] = properties
	if names := slices.Sorted(maps.Keys(properties)); len(names) > 0 {
		s["required"] = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, len(names), rapid.ID).Draw(r.t, "required")
	}
	switch r.pick("others", 5) {
	case 0:
		s["additionalProperties"] = false
	case 1:
		s["additionalProperties"] = map[string]any{"type": []any{"integer", "null"}}
	}
	return s
}

func (r *randomSchema) union(depth int) map[string]any {
	var branches []any
	for _, value := range rapid.SliceOfNDistinct(rapid.SampledFrom(randomStrings), 2, 3, rapid.ID).Draw(r.t, "branches") {
		branch := r.object(depth + 1)
		properties, _ := branch["properties"].(map[string]any)
		properties["teller"] = map[string]any{"const": value}
		branch["required"] = []string{"teller"}
		branches = append(branches, branch)
	}
	return map[string]any{"oneOf": branches}
}

// choice is between values of several types.
func (r *randomSchema) choice(depth int) map[string]any {
	branches := []any{map[string]any{"type": "string", "format": "date-time"}, map[string]any{"type": "integer"}, map[string]any{"type": "boolean"},
		map[string]any{"type": "array", "items": r.schema(depth + 1)}, r.object(depth + 1), map[string]any{"type": "null"}, map[string]any{"type": "number"},
		map[string]any{"enum": []string{"a", "new"}}}
	return map[string]any{"oneOf": rapid.SliceOfNDistinct(rapid.SampledFrom(branches), 2, 4, func(b any) string { return fmt.Sprint(b) }).Draw(r.t, "choice")}
}

// A randomValue is mostly valid under its schema; whoever uses it asks the contract.
type randomValue struct {
	t    *rapid.T
	root map[string]any
	strings.Builder
}

func (r *randomValue) sample(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(r.t, label)
}

func (r *randomValue) quoted(text string) { r.Write(event.AppendString(nil, text)) }

func (r *randomValue) value(schema any, depth int) {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		defs, _ := r.root["$defs"].(map[string]any)
		s, _ = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	if choice, ok := s["anyOf"].([]any); ok {
		r.value(choice[rapid.IntRange(0, 1).Draw(r.t, "null")], depth)
		return
	}
	if choice, ok := s["oneOf"].([]any); ok {
		r.value(choice[rapid.IntRange(0, len(choice)-1).Draw(r.t, "branch")], depth)
		return
	}
	if all, ok := s["allOf"].([]any); ok {
		both := map[string]any{"type": "object", "properties": map[string]any{}}
		properties, _ := both["properties"].(map[string]any)
		var required []string
		for _, part := range all {
			part, _ := part.(map[string]any)
			own, _ := part["properties"].(map[string]any)
			maps.Copy(properties, own)
			names, _ := part["required"].([]string)
			required = append(required, names...)
			if part["additionalProperties"] != nil {
				both["additionalProperties"] = part["additionalProperties"]
			}
		}
		both["required"] = slices.Compact(slices.Sorted(slices.Values(required)))
		s = both
	}
	if values, ok := s["enum"].([]string); ok {
		r.quoted(r.sample("enum", values))
		return
	}
	if text, ok := s["const"].(string); ok {
		r.quoted(text)
		return
	}
	types := []string{"null", "boolean", "number", "string", "array", "object"}
	switch declared := s["type"].(type) {
	case string:
		types = []string{declared}
	case []any:
		types = nil
		for _, name := range declared {
			text, _ := name.(string)
			types = append(types, text)
		}
	}
	kind := r.sample("type", types)
	if depth > 6 && s["type"] == nil {
		kind = "null"
	}
	r.ofType(kind, s, depth)
}

func (r *randomValue) ofType(kind string, s map[string]any, depth int) {
	switch kind {
	case "null":
		r.WriteString("null")
	case "boolean":
		r.WriteString(r.sample("boolean", []string{"true", "false"}))
	case "integer":
		if _, bounded := s["minimum"]; bounded {
			r.WriteString(r.sample("integer", []string{"0", "1", "5", "-5", "10", "1e1", "3.0", "2147483648"}))
			return
		}
		r.WriteString(r.sample("integer", []string{"0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "1e3"}))
	case "number":
		r.WriteString(r.sample("number", randomNumbers))
	case "string":
		switch {
		case s["contentEncoding"] != nil:
			r.quoted(r.sample("base64", []string{"", "aGFsbG8=", "AA=="}))
		case s["format"] == "date-time":
			r.quoted(r.sample("time", randomTimes))
		case s["format"] == "duration":
			r.quoted(r.sample("duration", randomDurations))
		default:
			r.quoted(r.sample("string", randomStrings))
		}
	case "array":
		r.WriteByte('[')
		if depth < 6 {
			for i := range rapid.IntRange(0, 3).Draw(r.t, "items") {
				if i > 0 {
					r.WriteByte(',')
				}
				r.value(s["items"], depth+1)
			}
		}
		r.WriteByte(']')
	case "object":
		r.object(s, depth)
	}
}

func (r *randomValue) object(s map[string]any, depth int) {
	properties, _ := s["properties"].(map[string]any)
	names, _ := s["required"].([]string)
	names = slices.Clone(names)
	if depth < 6 {
		candidates := append(slices.Sorted(maps.Keys(properties)), "undeclared", "other")
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(candidates), 0, 5).Draw(r.t, "names") {
			if _, declared := properties[name]; slices.Contains(names, name) || !declared && s["additionalProperties"] == false {
				continue
			}
			names = append(names, name)
		}
	}
	r.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			r.WriteByte(',')
		}
		r.quoted(name)
		r.WriteByte(':')
		if of, ok := properties[name]; ok {
			r.value(of, depth+1)
		} else {
			r.value(s["additionalProperties"], depth+1)
		}
	}
	r.WriteByte('}')
}

func randomContract(t *rapid.T) (*contract.Contract, map[string]any) {
	schemas := randomSchema{t: t, defs: []string{"town", "tree", "forest"}}
	root := schemas.schema(0)
	root["$defs"] = map[string]any{"town": schemas.schema(1),
		"forest": map[string]any{"type": "object", "additionalProperties": map[string]any{"$ref": "#/$defs/forest"}}, "tree": map[string]any{"type": "array", "items": map[string]any{
			"anyOf": []any{map[string]any{"$ref": "#/$defs/tree"}, map[string]any{"type": "integer"}}}}}
	text, err := json.Marshal(map[string]any{"leat": 1, "info": map[string]any{"title": "T", "version": "1.0.0"},
		"streams": map[string]any{"random": map[string]any{"events": map[string]any{"thing.happened": map[string]any{"schema": root}}}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Parse("random.json", text)
	if err != nil {
		t.Skip(err) // a schema that refers to itself without end
	}
	return c, root
}

func TestWhateverIsValidGoesToProtobufAndBackUnchanged(t *testing.T) {
	rapid.Check(t, checkRoundTrip)
}

func checkRoundTrip(t *rapid.T) {
	c, root := randomContract(t)
	declared := c.Streams[0].Events[0]
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatalf("%v\nschema %s", err, declared.Schema.JSON)
	}
	s := api.Service("random")
	for range 5 {
		value := randomValue{t: t, root: root}
		value.value(root, 0)
		text := value.String()
		data, err := contract.DecodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(declared.Schema.Validate(data)) > 0 {
			continue
		}
		if wrong := s.Check("thing.happened", []byte(text)); len(wrong) > 0 {
			t.Fatalf("schema %s\nvalid %s\ndoes not fit: %v", declared.Schema.JSON, text, wrong)
		}
		wire, err := s.AppendEvent(nil, &event.Event{Type: event.MustType("thing.happened"), Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DecodePublish(asPublishRequest(t, s, wire))
		if err != nil {
			t.Fatalf("schema %s\n%s\ndoes not come back: %v", declared.Schema.JSON, text, err)
		}
		back, err := contract.DecodeJSON(got.Data)
		if err != nil {
			t.Fatalf("schema %s\n%s\ncomes back as %s: %v", declared.Schema.JSON, text, got.Data, err)
		}
		if wrong := declared.Schema.Validate(back); len(wrong) > 0 {
			t.Fatalf("schema %s\n%s\ncomes back as %s: %v", declared.Schema.JSON, text, got.Data, wrong)
		}
		if !same(data, back) {
			t.Fatalf("schema %s\n%s\ncomes back as\n%s", declared.Schema.JSON, text, got.Data)
		}
	}
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

// asPublishRequest makes of a SubscribeResponse the PublishRequest that a client would send with the same event in it:
// the event's field has the same number, exact_values another.
func asPublishRequest(t fataler, s *typed.Service, wire []byte) []byte {
	t.Helper()
	from := dynamicpb.NewMessage(s.Descriptor.Methods().ByName("Subscribe").Output())
	if err := proto.Unmarshal(wire, from); err != nil {
		t.Fatal(err)
	}
	if len(from.GetUnknown()) > 0 {
		t.Fatal("fields that the descriptor does not have")
	}
	return republish(t, s, wire)
}

// same compares as JSON Schema does, but for what JSON cannot tell apart in protobuf: an empty optional array or map and
// none, and for times and durations that are written otherwise.
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && rat(a).Cmp(rat(b)) == 0
	case string:
		b, ok := b.(string)
		return ok && (a == b || moment(a) != "" && moment(a) == moment(b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for name := range b {
			if _, there := a[name]; !there {
				return false
			}
		}
		for name, value := range a {
			other, there := b[name]
			if !there && !isEmpty(value) || there && !same(value, other) {
				return false
			}
		}
		return true
	}
	return a == b
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func rat(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		panic("no number: " + strconv.Quote(string(n)))
	}
	return r
}

// moment is the normal form of a time or a duration among those of these tests, "" of other texts.
func moment(text string) string {
	for _, equal := range [][]string{{"2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"}, {"2024-05-01t10:00:00.5z", "2024-05-01T10:00:00.5Z"},
		{"PT3600S", "PT1H"}} {
		if slices.Contains(equal, text) {
			return equal[0]
		}
	}
	return ""
}
