package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
)

func TestNodesKeepOrderAndLeadWhereReferencesDo(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"money.json": `{ "type": "object", "$defs": { "code": { "enum": ["EUR"] } }, "properties": { "z": { "$ref": "#/$defs/code" }, "a": false } }`,
		"leat.yaml": `
leat: 1
info: { title: T, version: 1.0.0 }
streams:
  s:
    events:
      one: { schema: { type: object, additionalProperties: false, properties: { price: { $ref: money.json }, self: { $ref: "#" } } } }
      two: { schema: { $ref: money.json } }
      three: { schema: { type: string, contentEncoding: base64, patternProperties: { "^x": true } } }
`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := contract.Load(filepath.Join(folder, "leat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	events := c.Streams[0].Events
	one, two, three := events[0].Schema.Root, events[1].Schema.Root, events[2].Schema.Root
	money := one.Properties[0].Schema.Ref
	if money == nil || money != two.Ref || !two.Bare || one.Bare {
		t.Errorf("two event types do not lead to the same node of a file: %v, %v", money, two.Ref)
	}
	if one.Properties[1].Schema.Ref != one || !one.Additional.Never || !one.Local {
		t.Errorf("# does not lead to the schema itself, which is closed: %+v", one)
	}
	if money.Properties[0].Name != "z" || money.Properties[1].Name != "a" || !money.Properties[1].Schema.Never {
		t.Errorf("properties are not in the order of the file: %+v", money.Properties)
	}
	code := money.Properties[0].Schema.Ref
	if code.Source != "money.json#/$defs/code" || code.Name != "code" || code.Local || money.Name != "money" || code.Enum[0] != "EUR" {
		t.Errorf("got source %q, names %q and %q", code.Source, code.Name, money.Name)
	}
	if three.ContentEncoding != "base64" || len(three.Patterns) != 1 {
		t.Errorf("got encoding %q, %d patterns", three.ContentEncoding, len(three.Patterns))
	}
	if got := code.Error("wrong").Error(); !strings.HasSuffix(got, "money.json:1:40: wrong") {
		t.Error(got)
	}
}
