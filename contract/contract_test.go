package contract_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/contract"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestEveryMistakeIsToldWithItsPlaceAndAllAtOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no contracts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			_, err := contract.Load(file)
			var wrong contract.Errors
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v, want Errors", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", wrong.Error()+"\n")
		})
	}
}

func TestTheContractOfTheDesignIsReadWithItsDefaults(t *testing.T) {
	c, err := contract.Load("testdata/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.StreamNames(); !cmp.Equal(got, []string{"orders", "prices", "telemetry", "chat"}) {
		t.Errorf("streams: %v", got)
	}
	orders := c.Stream("orders")
	want := contract.Stream{
		Name: "orders", Summary: "What happens to orders, as it happens", Mode: contract.ModeEvents,
		Key: contract.KeySource{Pointer: "/orderId"}, Events: orders.Events,
		Transports: []contract.Transport{contract.SSE, contract.WebSocket, contract.GRPC}, Durability: contract.Disk,
		Retention: contract.Retention{Age: 72 * time.Hour, Bytes: 1 << 30}, Heartbeat: 15 * time.Second,
		Slow: contract.SlowReplay, MaxEventBytes: 64 << 10,
	}
	if diff := cmp.Diff(want, *orders, cmp.AllowUnexported(contract.Schema{}), sameSchemas); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if got := orders.EventNames(); !cmp.Equal(got, []string{"order.shipped", "order.cancelled"}) {
		t.Errorf("events of orders: %v", got)
	}
	if got := string(orders.Event("order.shipped").Examples[0]); got != `{"orderId":"or_12345","when":"2024-05-01T10:00:00Z"}` {
		t.Errorf("the example is %s", got)
	}
	if got := c.Stream("telemetry").Retention; got != (contract.Retention{Age: 24 * time.Hour, Bytes: 64 << 20, Events: 100000}) {
		t.Errorf("retention of telemetry: %+v", got)
	}
	chat := c.Stream("chat")
	if chat.Backend.URL != "http://127.0.0.1:8090/chat" || chat.Backend.Timeout != 5*time.Second || !chat.Key.Path {
		t.Errorf("chat: %+v, backend %+v", chat, chat.Backend)
	}
	if chat.Command("sendMessage") == nil || chat.Event("sendMessage") != nil {
		t.Error("sendMessage is a command, and not an event")
	}
}

var sameSchemas = cmp.Comparer(func(a, b *contract.Schema) bool { return a == b })

func TestEveryFieldOfTheReferenceIsRead(t *testing.T) {
	c, err := contract.Load("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	info := contract.Info{
		Title: "Everything", Version: "2.10.0-rc.1+build.5", Description: "All fields\n",
		Contact: contract.Contact{Name: "Ops", URL: "https://example.com/ops", Email: "ops@example.com"},
		License: contract.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
	}
	if diff := cmp.Diff(info, c.Info); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
	rooms := c.Stream("rooms")
	want := contract.Stream{
		Name: "rooms", Summary: "s", Description: "d", Mode: contract.ModeState, Key: contract.KeySource{Path: true},
		Events: rooms.Events, Commands: rooms.Commands,
		Backend: &contract.Backend{
			URL: "grpcs://backend.example:443", Timeout: 1500 * time.Millisecond,
			Headers: map[string]string{"X-Team": "a b"}, Lifecycle: true,
		},
		Transports: []contract.Transport{contract.WebSocket, contract.SSE}, Durability: contract.DiskSync, Replicas: 3,
		Retention: contract.Retention{Age: 7*24*time.Hour + 12*time.Hour, Bytes: 10e6, Events: 5},
		Heartbeat: time.Second, Slow: contract.SlowConflate, MaxEventBytes: 1 << 20,
		Access: contract.Access{Subscribe: "public", Publish: "authenticated", Command: "rooms:command", Keys: "{sub}"},
	}
	if diff := cmp.Diff(want, *rooms, sameSchemas); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
	live := c.Stream("live")
	if live.Slow != contract.SlowSkip || live.Retention != (contract.Retention{}) || live.Durability != contract.None {
		t.Errorf("live: %+v", live)
	}
	said := rooms.Event("said")
	if !said.Deprecated || said.Summary != "es" || said.Description != "ed" {
		t.Errorf("said: %+v", said)
	}
	var examples []string
	for _, e := range said.Examples {
		examples = append(examples, string(e))
	}
	golden(t, "testdata/everything.examples.txt", strings.Join(examples, "\n")+"\n")
	var flat []string
	for _, e := range live.Events {
		if e.Flat {
			flat = append(flat, e.Name)
		}
	}
	if !cmp.Equal(flat, []string{"plain", "referred", "composed"}) {
		t.Errorf("flat: %v", flat)
	}
}

func TestWhatIsNotBuiltAndWhatSurprisesIsListed(t *testing.T) {
	c, err := contract.Load("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := contract.Errors(c.NotBuilt()).Error() + "\n\n" + contract.Errors(c.Warnings()).Error() + "\n"
	golden(t, "testdata/everything.txt", text)
}

func TestCommandsWithoutABackendAreLeftToAProgram(t *testing.T) {
	const text = `leat: 1
info: { title: T, version: 1.0.0 }
streams:
  handled: { commands: { go: { schema: true } }, events: { e: { schema: {} } }, backend: { url: "http://127.0.0.1:1" } }
  chat:
    commands: { go: { schema: true } }
    events: { e: { schema: {} } }
  none: { commands: {}, events: { e: { schema: {} } } }
`
	c, err := contract.Parse("inline.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := `inline.yaml:6:5: stream "chat": commands need a backend to handle them: write backend: { url: … }`
	if got := contract.Errors(c.Unhandled()).Error(); got != want || len(c.NotBuilt()) > 0 {
		t.Errorf("got  %s, not built %v\nwant %s", got, c.NotBuilt(), want)
	}
}

func TestTheEnvironmentFillsScalarsAndNothingElse(t *testing.T) {
	t.Setenv("LEAT_TEST_TITLE", "5")
	t.Setenv("LEAT_TEST_SUMMARY", "a: b\n  c: \"d\" # e")
	t.Setenv("LEAT_TEST_EVENTS", "12")
	t.Setenv("LEAT_TEST_EMPTY", "")
	c, err := contract.Parse("inline.yaml", []byte(`leat: 1
info: { title: "${LEAT_TEST_TITLE}", version: "${LEAT_TEST_EMPTY:-1.0.0}" }
streams: # ${LEAT_TEST_COMMENT}
  a:
    summary: ${LEAT_TEST_SUMMARY}
    description: "$${LEAT_TEST_TITLE} ${LEAT_TEST_EMPTY}$ $${1} ${LEAT_TEST_TITLE}${LEAT_TEST_EVENTS}"
    retention: { events: "${LEAT_TEST_EVENTS}" }
    heartbeat: ${LEAT_TEST_BEAT:-20s}
    events: { e: { schema: { type: string, pattern: "^a$${1,3}$" } } }
`))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Stream("a")
	if c.Info.Title != "5" || c.Info.Version != "1.0.0" || a.Summary != "a: b\n  c: \"d\" # e" ||
		a.Description != "${LEAT_TEST_TITLE} $ ${1} 512" || a.Retention.Events != 12 || a.Heartbeat != 20*time.Second {
		t.Errorf("got %+v of %+v", a, c.Info)
	}
	if got := string(a.Event("e").Schema.JSON); got != `{"type":"string","pattern":"^a${1,3}$"}` {
		t.Errorf("the schema is %s", got)
	}
}

func TestAContractAndItsSchemasCanBeJSON(t *testing.T) {
	c, err := contract.Load("testdata/orders.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Stream("a").Event("e").Examples[0]); got != `{"id":"\t\u0000/😀","n":1e3}` {
		t.Errorf("the example is %s", got)
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	_, err := contract.Load("testdata/nowhere.yaml")
	if err == nil || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "testdata/nowhere.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestAliasesThatUnfoldWithoutEndAreRefused(t *testing.T) {
	text := "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for i := '1'; i <= '9'; i++ {
		alias := "*a" + string(i-1)
		text += "a" + string(i) + ": &a" + string(i) + " [" + strings.Repeat(alias+", ", 9) + alias + "]\n"
	}
	_, err := contract.Parse("bomb.yaml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "the file holds more than") {
		t.Errorf("got %.200v", err)
	}
}

func TestSchemasAreFoundBesideTheContractWhereverItIs(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a b#c%d", "in")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("leat.yaml", "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams:\n  a:\n    key: /id\n"+
		"    events: { e: { schema: { $ref: ../order.yaml }, examples: [ { id: 1 } ] } }\n")
	write("../order.yaml", "required: [id]\nproperties: { id: { $ref: in/id.yaml } }\n")
	write("id.yaml", "type: integer\n")
	file := filepath.Join(folder, "leat.yaml")
	if _, err := contract.Load(file); err != nil {
		t.Error(err)
	}
	write("id.yaml", "type: integr\n")
	_, err := contract.Load(file)
	if want := filepath.Join(folder, "id.yaml") + ":1:7: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want it at %s", err, want)
	}
}
