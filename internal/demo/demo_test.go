package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/demo"
	"github.com/leatstream/leat/internal/node"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if address := os.Getenv("BE_THE_CHAT_BACKEND_AT"); address != "" { // as leat chat-backend
		if err := demo.ServeChatBackend(context.Background(), address, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func chatBackend(address string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BE_THE_CHAT_BACKEND_AT="+address)
	return cmd
}

func TestTheContractIsRightAndAllOfItIsBuilt(t *testing.T) {
	c, err := demo.Contract()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings()) > 0 || len(c.NotBuilt()) > 0 {
		t.Errorf("warnings %v, not built yet %v, want none", c.Warnings(), c.NotBuilt())
	}
	if got := strings.Join(c.StreamNames(), " "); got != "orders prices telemetry chat typing processes" {
		t.Errorf("streams %s", got)
	}
	for _, s := range c.Streams {
		for _, e := range s.Events {
			if len(e.Examples) == 0 {
				t.Errorf("%s of %s has no example", e.Name, s.Name)
			}
		}
	}
}

func TestTelemetryIsReadFromThisMachine(t *testing.T) {
	d := start(t, t.TempDir())
	reading := d.first(t, "telemetry")
	for member, valid := range map[string]func(map[string]any) bool{
		"cpu":    func(m map[string]any) bool { return len(m["cores"].([]any)) > 0 },
		"memory": func(m map[string]any) bool { return m["usedBytes"].(float64) > 1<<20 },
		"space":  func(m map[string]any) bool { return m["totalBytes"].(float64) > 1<<20 },
	} {
		told, ok := reading.Data[member].(map[string]any)
		if !ok || !valid(told) {
			t.Errorf("%s is %v in %v", member, reading.Data[member], reading.Data)
		}
	}
	if reading.Key == "" || reading.Key != reading.Data["device"] {
		t.Errorf("key %q, device %v, want one name for both", reading.Key, reading.Data["device"])
	}
	d.stop(t)
}

func TestASecondStartGoesOnWithTheSameData(t *testing.T) {
	data := t.TempDir()
	d := start(t, data)
	order, price, reading := d.first(t, "orders"), d.first(t, "prices"), d.first(t, "telemetry")
	d.stop(t)

	d = start(t, data)
	if again := d.first(t, "orders"); again.ID != order.ID {
		t.Errorf("orders begin with %s, want %s as before", again.ID, order.ID)
	}
	if again := d.first(t, "prices"); again.ID != price.ID {
		t.Errorf("prices begin with %s, want %s as before", again.ID, price.ID)
	}
	page := d.page(t, "telemetry", "after="+reading.ID)
	if page.Gap == nil || page.Gap.Reason != "reset" {
		t.Errorf("telemetry goes on after %s with gap %+v, want reset: it begins anew", reading.ID, page.Gap)
	}
	d.stop(t)
}

func TestWhatToTryNamesTheAddressesThatThereAre(t *testing.T) {
	d := start(t, t.TempDir())
	guide := d.output.String()
	for _, want := range []string{
		"leat: public " + d.addresses.Public + "\n",
		d.addresses.Public + "/\n",
		"curl -N " + d.addresses.Public + "/events/orders\n",
		"leat tail telemetry --last 5 --server " + d.addresses.Public + "\n",
		"websocat ws://" + strings.TrimPrefix(d.addresses.Public, "http://") + "/ws/prices\n",
		d.addresses.Public + "/chat?room=tea in two windows",
		" | websocat -n ws://" + strings.TrimPrefix(d.addresses.Public, "http://") + "/ws/chat/tea\n",
		"curl " + d.addresses.Public + "/commands/chat/tea --json ",
		fmt.Sprintf(" kill %d stops its backend", d.backend(t, "running", 0)),
		" " + d.addresses.GRPC + " leat.v1.StreamService/Subscribe\n",
		"curl " + d.addresses.Admin + "/metrics\n",
	} {
		if !strings.Contains(guide, want) {
			t.Errorf("%q is not in\n%s", want, guide)
		}
	}
	d.stop(t)

	d = start(t, t.TempDir(), func(s *node.Settings) { s.Listen, s.ListenAdmin = node.Off, node.Off })
	if guide := d.output.String(); strings.Contains(guide, "/events/") || !strings.Contains(guide, "grpcurl") {
		t.Errorf("with gRPC alone it says\n%s", guide)
	}
	d.stop(t)
}

func TestThePageForbidsWhatIsNotInIt(t *testing.T) {
	d := start(t, t.TempDir())
	answer, err := client.Get(d.addresses.Public + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	for _, foreign := range []string{"src=", "@import", "<link rel=\"stylesheet\""} {
		if bytes.Contains(text, []byte(foreign)) {
			t.Errorf("the page has %s: it must need nothing else", foreign)
		}
	}
	d.stop(t)
}

// client reads what the demo answers at once.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// running is a demo that has started.
type running struct {
	addresses node.Addresses
	output    *bytes.Buffer // whole once it has started
	cancel    context.CancelFunc
	ended     chan error
}

func start(t *testing.T, data string, changes ...func(*node.Settings)) *running {
	t.Helper()
	return startDemo(t, data, func(d *demo.Demo) {
		for _, change := range changes {
			change(&d.Settings)
		}
	})
}

func startDemo(t *testing.T, data string, change func(*demo.Demo)) *running {
	t.Helper()
	settings := node.Settings{
		Listen: "127.0.0.1:0", ListenAdmin: "127.0.0.1:0", ListenGRPC: "127.0.0.1:0", Data: data, Drain: time.Second,
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{output: new(bytes.Buffer), cancel: cancel, ended: make(chan error, 1)}
	started := make(chan node.Addresses, 1)
	d := &demo.Demo{
		Settings:    settings,
		Logger:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Output:      r.output,
		Command:     "leat",
		ChatBackend: chatBackend,
		Started:     func(a node.Addresses) { started <- a },
	}
	change(d)
	go func() { r.ended <- d.Run(ctx) }()
	t.Cleanup(cancel)
	select {
	case r.addresses = <-started:
	case err := <-r.ended:
		t.Fatalf("the demo did not start: %v", err)
	}
	return r
}

// stop ends the demo as Ctrl-C does, and gives how long that took.
func (r *running) stop(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Errorf("the demo ended with %v, want nil", err)
	}
	return time.Since(begun)
}

type envelope struct {
	ID, Type, Key string
	Data          map[string]any
}

type page struct {
	Events []envelope
	Gap    *struct{ Reason string }
}

// first waits for the oldest event of a stream.
func (r *running) first(t *testing.T, stream string) envelope {
	t.Helper()
	p := r.page(t, stream, "limit=1")
	if len(p.Events) == 0 {
		t.Fatalf("%s: no event came", stream)
	}
	return p.Events[0]
}

func (r *running) page(t *testing.T, stream, query string) page {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, r.addresses.Public+"/events/"+stream+"?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Prefer", "wait=20")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var p page
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s?%s: status %d, %v", stream, query, answer.StatusCode, err)
	}
	return p
}
