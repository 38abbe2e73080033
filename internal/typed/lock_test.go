package typed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/typed"
)

// evolve takes a lock through versions of a contract, and gives the API of the last.
func evolve(t *testing.T, lock *typed.Lock, versions ...string) *typed.API {
	t.Helper()
	var api *typed.API
	for _, version := range versions {
		c := parse(t, version)
		if _, err := lock.Assign(c); err != nil {
			t.Fatal(err)
		}
		var err error
		if api, err = typed.Build(c, lock); err != nil {
			t.Fatal(err)
		}
		if given := api.Given(); len(given) > 0 {
			t.Fatalf("not in the lock that was just made: %v", given)
		}
	}
	return api
}

func stream(properties string) string {
	return "\n  s:\n    events:\n      e: { schema: { type: object, properties: { " + properties + " } } }\n"
}

func emptyLock(t *testing.T) (*typed.Lock, string) {
	t.Helper()
	file := typed.LockFile(filepath.Join(t.TempDir(), "leat.yaml"))
	lock, err := typed.ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	return lock, file
}

func TestNumbersStayWhateverComesAndGoesAround(t *testing.T) {
	lock, _ := emptyLock(t)
	api := evolve(t, lock, stream("a: { type: string }, b: { type: integer }"),
		stream("new: { type: boolean }, b: { type: integer }, a: { type: string }"), stream("newer: { type: string }, b: { type: integer }"))
	for _, want := range []string{"reserved 1, 4;", `reserved "a", "new";`, "optional int64 b = 2;",
		"additional_properties = 3;", "optional string newer = 5;"} {
		if !strings.Contains(api.Proto("s"), want) {
			t.Errorf("no %s in\n%s", want, api.Proto("s"))
		}
	}
}

func TestWhatWasRemovedComesBackAsItWas(t *testing.T) {
	lock, _ := emptyLock(t)
	api := evolve(t, lock, stream("a: { type: string }"), stream("b: { type: string }"), stream("b: { type: string }, a: { type: string }"))
	if !strings.Contains(api.Proto("s"), "optional string a = 1;") {
		t.Error(api.Proto("s"))
	}
}

func TestATypeThatChangesIsRefusedWithItsPlace(t *testing.T) {
	for _, change := range []struct{ from, to, says string }{
		{"a: { type: string }", "a: { type: integer }", `leat.yaml:7:53: stream s: "a" of message E was optional string and would become optional int64`},
		{"a: { type: string }", "a: { type: array, items: { type: string } }", "was optional string and would become repeated string"},
		{"a: { type: integer, minimum: 0, maximum: 9 }", "a: { type: integer }", "was optional int32 and would become optional int64"},
		{"a: { enum: [x] }", "a: { type: string }", "was optional E.A and would become optional string"},
		{"a: { type: object, properties: { b: { type: string } } }", "a: { type: object, properties: { b: { type: boolean } } }", `"b" of message E.A`},
	} {
		lock, _ := emptyLock(t)
		evolve(t, lock, stream(change.from))
		_, err := lock.Assign(parse(t, stream(change.to)))
		if err == nil || !strings.Contains(err.Error(), change.says) {
			t.Errorf("from %s to %s: got %v, want %s", change.from, change.to, err, change.says)
		}
		evolve(t, lock, stream(change.from)) // what is refused leaves the lock alone
		evolve(t, lock, stream("z: { type: string }"))
		if _, err := lock.Assign(parse(t, stream(change.to))); err == nil {
			t.Errorf("%s is accepted after %s was removed", change.to, change.from)
		}
	}
}

func TestANarrowerSchemaKeepsItsType(t *testing.T) {
	lock, _ := emptyLock(t)
	api := evolve(t, lock, stream("a: { type: integer }, b: { type: string }, c: { type: number }, d: true"),
		stream("a: { type: integer, minimum: 0, maximum: 9 }, b: { enum: [x] }, c: { type: integer }, d: { type: string }"))
	for _, want := range []string{"int64 a = 1", "string b = 2", "double c = 3", "google.protobuf.Value d = 4"} {
		if !strings.Contains(api.Proto("s"), want) {
			t.Errorf("no %s in\n%s", want, api.Proto("s"))
		}
	}
}

func TestARequiredFieldOfAnEventCannotBecomeOptional(t *testing.T) {
	const required = "\n  s:\n    events:\n      e: { schema: { type: object, required: [a], properties: { a: { type: string } } } }\n"
	lock, _ := emptyLock(t)
	evolve(t, lock, required)
	if _, err := lock.Assign(parse(t, stream("a: { type: string }"))); err == nil || !strings.Contains(err.Error(), "was required and no longer is") {
		t.Error(err)
	}
}

func TestALockIsReadAsItWasWritten(t *testing.T) {
	lock, file := emptyLock(t)
	for _, text := range []string{orders, odd} {
		evolve(t, lock, text)
	}
	if err := lock.Write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := typed.ReadLock(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, contract := range []string{orders, odd} {
		if changed, err := again.Assign(parse(t, contract)); err != nil || changed {
			t.Errorf("changed %v, error %v\n%s", changed, err, text)
		}
	}
	if err := again.Write(file); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(file); err != nil || string(second) != string(text) {
		t.Errorf("error %v; written again it is\n%s\nwas\n%s", err, second, text)
	}
	for _, line := range []string{"# The field numbers and names of the gRPC services of leat.yaml:", "leat-lock: 1",
		"      order.shipped: { number: 16, name: order_shipped, type: OrderShipped }", "          orderId: { number: 1, name: order_id, type: string }"} {
		if !strings.Contains(string(text), line+"") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

func TestALockThatGivesANumberTwiceIsRefused(t *testing.T) {
	_, file := emptyLock(t)
	for text, says := range map[string]string{
		"leat-lock: 2\n":           "leat-lock must be 1",
		"leat-lock: 1\nstream: {}": ":2:1: not a lock of field numbers",
		"leat-lock: 1\nstreams:\n  s:\n    messages:\n      E:\n        fields:\n          a: { number: 1, name: a, type: string }\n" +
			"          b: { number: 1, name: b, type: string }\n": `stream "s": message E: "fields: a" and "fields: b" have the same number, 1`,
		"leat-lock: 1\nstreams:\n  s:\n    events:\n      a: { number: 19001, name: a, type: A }\n": "which protobuf does not allow",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := typed.ReadLock(file); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), file+":") {
			t.Errorf("%q: got %v, want %s", text, err, says)
		}
	}
}

func TestNumbersWithoutALockAreToldAsGiven(t *testing.T) {
	api, err := typed.Build(parse(t, stream("a: { type: string }")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if given := strings.Join(api.Given(), ", "); given != "s: s.e, s: E.a, s: E.additional_properties" {
		t.Error(given)
	}
}

func TestBufSeesNoBreakingChangeAlongCompatibleContracts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds buf")
	}
	lock, _ := emptyLock(t)
	before := writeModule(t, evolve(t, lock, orders), parse(t, orders))
	wider := strings.NewReplacer(
		"gift: { type: boolean }", "gift: { type: boolean }\n            added: { type: object, properties: { status: { enum: [x] } } }",
		"enum: [new, in-transit, \"\"]", "enum: [brand-new, new, in-transit, \"\"]",
		"required: [id]", "required: []",
		"      ticks:", "      first: { schema: { type: object } }\n      ticks:",
		"commands:\n", "commands:\n      another: { schema: { $ref: '#/$defs/x', $defs: { x: { type: object } } } }\n",
	).Replace(orders)
	after := writeModule(t, evolve(t, lock, wider), parse(t, wider))
	for _, args := range [][]string{{"lint"}, {"breaking", "--against", before}} {
		if output, ok := buf(t, after, args...); !ok {
			t.Errorf("buf %v: %s", args, output)
		}
	}
	renumbered, err := os.ReadFile(filepath.Join(after, "price_feed/v1/price_feed.proto"))
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(renumbered), "string order_id = 1;", "string order_id = 99;", 1)
	if err := os.WriteFile(filepath.Join(after, "price_feed/v1/price_feed.proto"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := buf(t, after, "breaking", "--against", before); ok {
		t.Error("buf breaking takes what is broken: this test tells nothing")
	}
}

// What is removed cannot be in code that is generated anew, and is no break for code that was before.
func TestBufSeesNoBreakOnTheWireWhereAContractHasLessThanBefore(t *testing.T) {
	if testing.Short() {
		t.Skip("builds buf")
	}
	lock, _ := emptyLock(t)
	before := writeModule(t, evolve(t, lock, orders), parse(t, orders))
	fewer := orders
	for was, is := range map[string]string{
		"            took: { type: string, format: duration }\n":              "",
		"enum: [new, in-transit, \"\"]":                                       "enum: [new]",
		"note: { type: [string, \"null\"] }":                                  "note: { type: string }",
		"mixed: { type: [string, integer, array] }":                           "mixed: { type: [string, integer] }",
		"      ticks: { schema: { type: array, items: { type: number } } }\n": "",
		"      cancelOrder:":                                                  "      stopOrder:",
		"            address:\n              type: object\n              properties: { street: { type: string }, town: { $ref: '#/$defs/town' } }\n": "",
		"gift: { type: boolean }":         "gift: { const: true }",
		"required: [orderId, when, items": "required: [orderId, when, gift, amount, items",
	} {
		if !strings.Contains(fewer, was) {
			t.Fatalf("the contract has no %q", was)
		}
		fewer = strings.Replace(fewer, was, is, 1)
	}
	after := writeModule(t, evolve(t, lock, fewer), parse(t, fewer))
	for _, args := range [][]string{{"lint"}, {"breaking", "--against", before, "--config", `{"version":"v2","breaking":{"use":["WIRE_JSON"]}}`}} {
		if output, ok := buf(t, after, args...); !ok {
			t.Errorf("buf %v: %s", args, output)
		}
	}
	if output, ok := buf(t, after, "breaking", "--against", before); ok || !strings.Contains(output, "was deleted") {
		t.Errorf("nothing was removed: this test tells nothing\n%s", output)
	}
}

func TestAnEventTypeThatIsRemovedLeavesItsNumberReserved(t *testing.T) {
	lock, _ := emptyLock(t)
	const other = "\n  s:\n    events:\n      other: { schema: { type: object } }\n"
	api := evolve(t, lock, stream(""), other)
	for _, want := range []string{"reserved 16;", `reserved "e";`, "Other other = 17;"} {
		if strings.Count(api.Proto("s"), want) != 2 { // SubscribeResponse and PublishRequest
			t.Errorf("no %s in\n%s", want, api.Proto("s"))
		}
	}
}

func TestRequiredScalarsOfCommandsHavePresence(t *testing.T) {
	if text := build(t, orders).Proto("price-feed"); !strings.Contains(text, "message CancelOrder {\n  optional string id = 1;") {
		t.Error(text)
	}
}

func TestNumbersThatProtobufKeepsForItselfArePassedOver(t *testing.T) {
	_, file := emptyLock(t)
	text := "leat-lock: 1\nstreams:\n  s:\n    messages:\n      E:\n        fields:\n          a: { number: 18999, name: a, type: optional string }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := typed.ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	if api := evolve(t, lock, stream("a: { type: string }, b: { type: string }")); !strings.Contains(api.Proto("s"), "string b = 20000;") {
		t.Error(api.Proto("s"))
	}
}

func TestCheckSeesTheFirstIntegerBeyondItsType(t *testing.T) {
	s := build(t, stream("a: { type: integer }")).Service("s")
	if s.Check("e", []byte(`{"a":9223372036854775807}`)) != nil || len(s.Check("e", []byte(`{"a":9223372036854775808}`))) != 1 {
		t.Error("the largest int64 is not told from the next number")
	}
}
