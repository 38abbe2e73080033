package typed_test

import (
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/typed"
)

// What is called otherwise is sent alike; what is sent otherwise breaks who was generated before.
func TestWhatGeneratedClientsCannotReadBreaks(t *testing.T) {
	for _, test := range []struct{ old, now, want string }{
		{"a: { type: integer, maximum: 9, minimum: 0 }", "a: { type: integer }", "was optional int32 and would become optional int64"},
		{"a: { type: string }", "a: { type: array, items: { type: string } }", "was optional string and would become repeated string"},
		{"a: { type: array, items: { type: string } }", "a: { type: object, additionalProperties: { type: string } }", "was repeated string and would become map<string, string>"},
		{"a: { enum: [x] }", "a: { type: string }", "would become optional string"},
		{"a: { type: string }", "a: { type: string }, b: { type: string }", ""},
		{"a: { type: object, properties: { x: { type: string } } }", `a: { $ref: "#/$defs/moved" } }, $defs: { moved: { type: object, properties: { x: { type: string } } }`, ""},
		{"a: { type: array, items: { type: object, properties: { x: { type: string } } } }", `a: { type: array, items: { $ref: "#/$defs/m" } } }, $defs: { m: { type: object, properties: { x: { type: string } } }`, ""},
	} {
		wrong := typed.Breaks(parse(t, stream(test.old)), parse(t, stream(test.now)))
		switch {
		case test.want == "" && len(wrong) > 0, test.want != "" && len(wrong) == 0:
			t.Errorf("%s → %s: %v, want %q", test.old, test.now, wrong, test.want)
		case test.want != "" && !strings.Contains(wrong.Error(), test.want):
			t.Errorf("%s → %s: %v, want %q", test.old, test.now, wrong, test.want)
		}
	}
}
