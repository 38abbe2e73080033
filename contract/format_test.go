package contract_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func formatSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(contract.FormatSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://leat.example/format.json", document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("https://leat.example/format.json")
}

func validateFormat(t *testing.T, s *jsonschema.Schema, file string, text []byte) error {
	t.Helper()
	tree, err := contract.ReadTree(file, text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(tree.JSON()))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestTheSchemaOfTheFormatTakesContracts(t *testing.T) {
	s := formatSchema(t)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "testdata/orders.json", "../internal/demo/leat.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateFormat(t, s, file, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The fields that the schema knows at a place are those that the parser knows there.
func TestTheSchemaOfTheFormatKnowsTheFieldsOfTheParser(t *testing.T) {
	s := formatSchema(t)
	stream := s.Properties["streams"].AdditionalProperties.(*jsonschema.Schema).Ref
	for place, test := range map[string]struct {
		text string
		at   *jsonschema.Schema
	}{
		"top":       {"zzz: 1\n", s},
		"info":      {"info: { zzz: 1 }\n", s.Properties["info"].Ref},
		"contact":   {"info: { contact: { zzz: 1 } }\n", s.Properties["info"].Ref.Properties["contact"]},
		"license":   {"info: { license: { zzz: 1 } }\n", s.Properties["info"].Ref.Properties["license"]},
		"stream":    {"streams: { s: { zzz: 1 } }\n", stream},
		"type":      {"streams: { s: { events: { e: { zzz: 1 } } } }\n", stream.Properties["events"].AdditionalProperties.(*jsonschema.Schema).Ref},
		"backend":   {"streams: { s: { backend: { zzz: 1 } } }\n", stream.Properties["backend"].Ref},
		"retention": {"streams: { s: { retention: { zzz: 1 } } }\n", stream.Properties["retention"]},
		"access":    {"streams: { s: { access: { zzz: 1 } } }\n", stream.Properties["access"]},
	} {
		t.Run(place, func(t *testing.T) {
			_, err := contract.Parse("leat.yaml", []byte(test.text))
			known := regexp.MustCompile(`unknown field "zzz"; known are (.*)`).FindStringSubmatch(err.Error())
			if known == nil {
				t.Fatalf("no list of known fields in %v", err)
			}
			want := strings.Split(known[1], ", ")
			var got []string
			for name := range test.at.Properties {
				got = append(got, name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the schema knows %v, the parser %v", got, want)
			}
			if test.at.AdditionalProperties != false {
				t.Error("the schema takes unknown fields")
			}
		})
	}
}

func TestTheSchemaOfTheFormatRefusesWhatTheParserDoes(t *testing.T) {
	s := formatSchema(t)
	for name, text := range map[string]string{
		"stream name": "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { Orders: { events: { e: { schema: {} } } } }\n",
		"leat":        "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { leat: { events: { e: { schema: {} } } } }\n",
		"type name":   "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { events: { 1e: { schema: {} } } } }\n",
		"mode":        "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { mode: fast, events: { e: { schema: {} } } } }\n",
		"duration":    "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { heartbeat: 15 s, events: { e: { schema: {} } } } }\n",
		"size":        "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { maxEventBytes: 1 GB, events: { e: { schema: {} } } } }\n",
		"transport":   "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { transports: [mqtt], events: { e: { schema: {} } } } }\n",
		"no schema":   "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { events: { e: {} } } }\n",
		"format":      "leat: 2\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { events: { e: { schema: {} } } } }\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := contract.Parse("leat.yaml", []byte(text)); err == nil {
				t.Fatal("the parser takes it")
			}
			if validateFormat(t, s, "leat.yaml", []byte(text)) == nil {
				t.Error("the schema takes it")
			}
		})
	}
}
