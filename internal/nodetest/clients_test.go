package nodetest_test

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/leatstream/leat/internal/nodetest"
	"github.com/leatstream/leat/internal/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const prices = `
leat: 1
info: { title: Prices, version: 1.0.0 }
streams:
  price-feed:
    durability: memory
    events:
      price.changed:
        schema:
          type: object
          required: [symbol, price, volume]
          properties:
            symbol: { type: string }
            price: { type: number }
            volume: { type: integer, minimum: 0 }
            side: { enum: [buy, sell-short] }
            at: { type: string, format: date-time }
            valid: { type: string, format: duration }
            note: { type: [string, "null"] }
            tags: { type: object, additionalProperties: { type: integer, minimum: 0, maximum: 9 } }
            legs: { type: array, items: { type: object, properties: { symbol: { type: string } }, additionalProperties: false } }
            lots: { type: array, items: { type: array, items: { type: integer } } }
            venue:
              oneOf:
                - { type: object, required: [kind, code], properties: { kind: { const: exchange }, code: { type: string } } }
                - { type: object, required: [kind], properties: { kind: { const: otc } } }
            or: { type: [string, boolean] }
      ticked:
        schema: { type: integer }
`

// serve starts a server with a few events.
func serve(t *testing.T) *wiretest.Server {
	t.Helper()
	nodetest.Need(t)
	s := wiretest.Start(t, prices)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s.Publish("price-feed", "price.changed", `{"symbol":"OAK","price":41.5,"volume":9007199254740993,"side":"sell-short",
		"at":"2024-05-01T12:00:00.5+02:00","valid":"PT90M","note":null,"tags":{"a":1},"legs":[{"symbol":"A"},{}],"lots":[[1],[]],
		"venue":{"kind":"exchange","code":"X","more":[1,null]},"or":false,"extra":{"n":1}}`)
	s.Publish("price-feed", "price.changed", `{"symbol":"","price":0,"volume":0}`)
	s.Publish("price-feed", "ticked", "7")
	return s
}

// protoOf gives the served .proto as a file, as its users have it: a folder, and its name below that.
func protoOf(t *testing.T, s *wiretest.Server) (protos, name string) {
	t.Helper()
	name = "price_feed/v1/price_feed.proto"
	response, err := http.Get(s.URL + "/protos/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	protos = t.TempDir()
	file := filepath.Join(protos, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return protos, name
}

// eachListener runs a test on a server of its own for each listener that answers gRPC.
func eachListener(t *testing.T, test func(t *testing.T, s *wiretest.Server, address string)) {
	for name, address := range map[string]func(*wiretest.Server) string{
		"public": func(s *wiretest.Server) string { return strings.TrimPrefix(s.URL, "http://") },
		"grpc":   func(s *wiretest.Server) string { return s.GRPC },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			test(t, s, address(s))
		})
	}
}

var update = flag.Bool("update", false, "write what the clients print into testdata")

// compare compares what a client printed with a file of testdata.
func compare(t *testing.T, printed, file string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), printed); diff != "" {
		t.Errorf("(-%s +printed)\n%s", file, diff)
	}
}

func TestAClientGeneratedForTypeScriptCompilesPublishesAndReceives(t *testing.T) {
	protos, name := protoOf(t, serve(t))
	p := nodetest.NewProject(t, protos, []string{name}, "generated.ts")
	p.Compile(t)
	eachListener(t, func(t *testing.T, _ *wiretest.Server, address string) {
		compare(t, p.Run(t, "generated.ts", "http://"+address), "generated.txt")
	})
}

func TestAClientThatLoadsTheServedProtoWhenItRunsPublishesAndReceives(t *testing.T) {
	eachListener(t, func(t *testing.T, s *wiretest.Server, address string) {
		protos, name := protoOf(t, s)
		compare(t, nodetest.Run(t, "dynamic.mjs", protos, name, address), "dynamic.txt")
	})
}
