package document_test

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

var update = flag.Bool("update", false, "write the documents in testdata")

func load(t *testing.T, file string) *contract.Contract {
	t.Helper()
	c, err := contract.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write gives a document as YAML and as JSON.
func write(t *testing.T, doc any) (asYAML, asJSON []byte) {
	t.Helper()
	asYAML, err := document.YAML(doc)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err = document.JSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	return asYAML, asJSON
}

const local = "http://127.0.0.1:8080"

func TestOpenAPIIsWhatItWas(t *testing.T) {
	c := load(t, "testdata/orders.yaml")
	for _, version := range document.OpenAPIVersions() {
		got, _ := write(t, document.OpenAPI(c, version, local))
		golden(t, "testdata/orders.openapi-"+string(version)+".yaml", got)
	}
}

func TestTheSameContractGivesTheSameBytes(t *testing.T) {
	for _, file := range []string{"testdata/full.yaml", "../demo/leat.yaml"} {
		for _, version := range document.OpenAPIVersions() {
			firstYAML, firstJSON := write(t, document.OpenAPI(load(t, file), version, local))
			var want any
			if err := json.Unmarshal(firstJSON, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, readYAML(t, firstYAML)); diff != "" {
				t.Errorf("%s %s: YAML and JSON differ: %s", file, version, diff)
			}
			for range 2 { // maps of Go have another order each time
				asYAML, asJSON := write(t, document.OpenAPI(load(t, file), version, local))
				if string(asYAML) != string(firstYAML) || string(asJSON) != string(firstJSON) {
					t.Fatalf("%s %s: another time it is another document", file, version)
				}
			}
		}
	}
}

func TestNoDocumentTellsWhereTheBackendIs(t *testing.T) {
	for _, version := range document.OpenAPIVersions() {
		asYAML, _ := write(t, document.OpenAPI(load(t, "testdata/full.yaml"), version, local))
		for _, secret := range []string{"secret", "8090", "Bearer", "Authorization"} {
			if strings.Contains(string(asYAML), secret) {
				t.Errorf("%s has %q", version, secret)
			}
		}
	}
}

func TestAccessIsSecurity(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { a: { events: { e: { schema: true } }, "+
		"access: { subscribe: authenticated, publish: 'orders:write', command: public } } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	for version, roles := range map[document.Version]string{"3.0": "", "3.1": `"orders:write"`, "3.2": `"orders:write"`} {
		_, text := write(t, document.OpenAPI(c, version, local))
		var doc struct {
			Paths map[string]map[string]struct {
				Security  []map[string][]string
				Responses map[string]any
			}
			Components struct {
				SecuritySchemes map[string]map[string]string
			}
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		get, post := doc.Paths["/events/a"]["get"], doc.Paths["/events/a"]["post"]
		got := compact(t, []any{get.Security, post.Security, get.Responses["401"] != nil, get.Responses["403"] != nil, doc.Components.SecuritySchemes["bearer"]["scheme"]})
		if want := `[[{"bearer":[]}],[{"bearer":[` + roles + `]}],true,true,"bearer"]`; got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestAVersionThatIsNoneIsToldWhichThereAre(t *testing.T) {
	_, err := document.ParseOpenAPIVersion("2.0")
	if err == nil || !strings.Contains(err.Error(), `"2.0"`) || !strings.Contains(err.Error(), "3.0, 3.1 or 3.2") {
		t.Errorf("got %v", err)
	}
}

// A schema stands on its own: what it takes and refuses is what the contract takes and refuses.
func TestASchemaByItsURLStandsOnItsOwn(t *testing.T) {
	for _, s := range load(t, "testdata/full.yaml").Streams {
		for _, e := range append(s.Events, s.Commands...) {
			id := local + "/schemas/" + s.Name + "/" + e.Name
			_, text := write(t, document.Schema(e, id))
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			compiler := jsonschema.NewCompiler()
			compiler.AssertFormat()
			if err := compiler.AddResource(id, value); err != nil {
				t.Fatal(err)
			}
			compiled, err := compiler.Compile(id)
			if err != nil {
				t.Errorf("%s: %v in %s", e.Name, err, text)
				continue
			}
			for _, data := range append(samples, e.Examples...) {
				value, err := contract.DecodeJSON(data)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := compiled.Validate(value) == nil, len(e.Schema.Validate(value)) == 0; got != want {
					t.Errorf("%s: %s is valid: %v, in the contract %v", e.Name, data, got, want)
				}
			}
		}
	}
}

var samples = []json.RawMessage{[]byte(`{}`), []byte(`null`), []byte(`""`), []byte(`"a"`), []byte(`0`), []byte(`1.5`), []byte(`[]`), []byte(`["a"]`), []byte(`true`),
	[]byte(`{"order":{"id":1},"parent":{}}`), []byte(`{"order":{"id":1},"parent":{"order":{"id":1}}}`), []byte(`{"order":{"id":"x"}}`),
	[]byte(`{"x-a":1}`), []byte(`{"x-a":1,"x-b":[]}`), []byte(`{"x-d":"text"}`), []byte(`{"tuple":["a",1,2]}`), []byte(`{"user":"Zoe"}`),
	[]byte(`{"order":{"id":1,"total":{"amount":-1,"currency":"EUR"}}}`), []byte(`{"order":{"id":1},"lines":[{"parts":[{"note":7}]}]}`)}
