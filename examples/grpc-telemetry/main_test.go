package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/leatstream/leat/contract"
	telemetryv1 "github.com/leatstream/leat/examples/grpc-telemetry/telemetry/v1"
	"github.com/leatstream/leat/internal/typed"
	"github.com/leatstream/leat/internal/wiretest"
)

var update = flag.Bool("update", false, "write telemetry/v1/telemetry.proto as leat serves it")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T) *wiretest.Server {
	t.Helper()
	text, err := os.ReadFile("leat.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return wiretest.Start(t, string(text)) // with leat.yaml.lock, which lies where the test runs
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s (%v)", url, response.Status, text, err)
	}
	return string(text)
}

func TestTheServedProtoIsWhatTheCodeIsGeneratedFrom(t *testing.T) {
	const file = "telemetry/v1/telemetry.proto"
	served := get(t, serve(t).URL+"/protos/"+file)
	if *update {
		if err := os.WriteFile(file, []byte(served), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), served); diff != "" {
		t.Errorf("leat serves another %s: go test ./examples/grpc-telemetry -update, then go generate ./examples/... (-kept +served)\n%s", file, diff)
	}
}

func TestReadingsAreStoredAndTheBadOnesTold(t *testing.T) {
	s := serve(t)
	for name, address := range map[string]string{"grpc": s.GRPC, "public": strings.TrimPrefix(s.URL, "http://")} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"-server", address, "-devices", "3", "-rate", "0", "-count", "400", "-faulty", "3"}, &out); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out.String())
		}
		for _, want := range []string{
			"reading 2 refused: reading.celsius must be at least -273.15\n", "reading 299 refused: ", "and 33 more\n", "267 stored, 133 refused in ",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, out.String())
			}
		}
	}
	readings := 0
	for e := range subscribed(t, s.GRPC) {
		r := e.GetReading()
		if !strings.HasPrefix(r.GetDevice(), "device-") || r.GetDevice() != e.GetKey() || r.GetWhen().AsTime().IsZero() ||
			r.GetCelsius() < -273.15 || r.GetStatus() != telemetryv1.Reading_STATUS_OK || (r.Battery != nil) != (r.GetDevice() != "device-2") {
			t.Errorf("got %v, want a reading of a device that works", e)
		}
		readings++
	}
	if readings != 2*267 {
		t.Errorf("%d readings are there, want %d", readings, 2*267)
	}
}

// subscribed gives the events that are stored.
func subscribed(t *testing.T, address string) iter.Seq[*telemetryv1.SubscribeResponse] {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*telemetryv1.SubscribeResponse) bool) {
		defer conn.Close()
		events, err := telemetryv1.NewTelemetryServiceClient(conn).Subscribe(wiretest.Context(t),
			&telemetryv1.SubscribeRequest{Start: &telemetryv1.SubscribeRequest_After{After: "earliest"}})
		for err == nil {
			var e *telemetryv1.SubscribeResponse
			if e, err = events.Recv(); err == nil && (e.GetLeatLive() != nil || !yield(e)) {
				return
			}
		}
		t.Error(err)
	}
}

func TestCtrlCEndsTheReadingsAndShowsTheSummary(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(wiretest.Context(t))
	go func() {
		defer cancel()
		awaitReading(t, s)
	}()
	var out bytes.Buffer
	if err := run(ctx, []string{"-server", s.GRPC, "-rate", "500"}, &out); err != nil || !strings.Contains(out.String(), " stored, 0 refused in ") {
		t.Errorf("got %v and %q, want a summary", err, out.String())
	}
}

func TestAnUploadThatTheServerEndsTellsWhatItStored(t *testing.T) {
	s := serve(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		awaitReading(t, s)
		if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	err := run(wiretest.Context(t), []string{"-server", s.GRPC, "-rate", "500"}, &out)
	if err == nil || !strings.Contains(err.Error(), "shutting down") || !strings.Contains(out.String(), " stored, 0 refused in ") {
		t.Errorf("got %v and %q, want the server's reason, and a summary", err, out.String())
	}
	<-ended
}

// awaitReading waits until a reading is stored.
func awaitReading(t *testing.T, s *wiretest.Server) {
	r, err := wiretest.Wires()[0].Subscribe(wiretest.Context(t), s, wiretest.Subscription{Stream: "telemetry"}, wiretest.Plain)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	if _, err := r.Next(wiretest.Context(t)); err != nil {
		t.Error(err)
	}
}

func TestAnUploadThatNobodyAnswersSaysSo(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"-server", "127.0.0.1:1", "-count", "1"}, &out)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || out.Len() > 0 {
		t.Errorf("got %v, printed %q", err, out.String())
	}
}

// The code of this client knows nothing of what the contract has become since it was generated.
func TestAClientThatWasGeneratedBeforeTheContractChangedGoesOn(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"leat.yaml", "leat.yaml.lock"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "leat.yaml" {
			text = change(t, text)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
	c, err := contract.Load("leat.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := typed.ReadLock("leat.yaml.lock")
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := lock.Assign(c); err != nil || !changed {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	if err := lock.Write("leat.yaml.lock"); err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-server", s.GRPC, "-rate", "0", "-count", "20"}, &out); err != nil || !strings.Contains(out.String(), "10 stored, 10 refused") ||
		!strings.Contains(out.String(), "reading has fields that are not in the service that this server makes of its contract: number 4 (battery, which the contract has no more)") {
		t.Fatalf("got %v and\n%s, want the readings without battery stored", err, out.String())
	}
	s.Publish("telemetry", "alarm", `{"device":"d"}`)
	s.Publish("telemetry", "reading", `{"unit":"K","device":"d","when":"2024-05-01T10:00:00Z","celsius":1}`)
	var got []*telemetryv1.SubscribeResponse
	for e := range subscribed(t, s.GRPC) {
		got = append(got, e)
	}
	if len(got) != 12 || got[10].Event != nil || got[10].GetKey() != "d" || got[11].GetReading().GetCelsius() != 1 {
		t.Errorf("got %v, want 10 readings, an event that this client does not know, and a reading", got)
	}
}

// change adds an event type and a property before the others, and removes both an event type and an optional property.
func change(t *testing.T, text []byte) []byte {
	t.Helper()
	contract := string(text)
	i, j := strings.Index(contract, "      device.restarted:"), strings.Index(contract, "    retention:")
	contract = contract[:i] + contract[j:]
	for was, is := range map[string]string{
		"      reading:\n":     "      alarm: { schema: { type: object, required: [device], properties: { device: { type: string } } } }\n      reading:\n",
		"            celsius:": "            unit: { enum: [C, K] }\n            celsius:",
		"            battery: { type: integer, minimum: 0, maximum: 100, description: In percent; left out by devices on mains }\n": "",
		", battery: 87":               "",
		"additionalProperties: false": "additionalProperties: true",
	} {
		if !strings.Contains(contract, was) {
			t.Fatalf("the contract has no %q", was)
		}
		contract = strings.Replace(contract, was, is, 1)
	}
	return []byte(contract)
}
