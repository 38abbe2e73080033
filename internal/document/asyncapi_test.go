package document_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

func TestAsyncAPIIsWhatItWas(t *testing.T) {
	got, _ := write(t, document.AsyncAPI(load(t, "testdata/orders.yaml"), local))
	golden(t, "testdata/orders.asyncapi.yaml", got)
}

func TestMermaidIsWhatItWas(t *testing.T) {
	golden(t, "testdata/orders.mermaid.md", document.Mermaid(load(t, "testdata/orders.yaml")))
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", file, diff)
	}
}

// What is written of a contract can be read back: the streams and types of each document are those of the contract.
func TestDocumentsAreReadBack(t *testing.T) {
	for _, file := range []string{"testdata/orders.yaml", "testdata/full.yaml", "../demo/leat.yaml"} {
		c := load(t, file)
		documents := map[string]any{"asyncapi": document.AsyncAPI(c, local)}
		for _, version := range document.OpenAPIVersions() {
			documents["openapi "+string(version)] = document.OpenAPI(c, version, local)
		}
		for name, doc := range documents {
			t.Run(file+" as "+name, func(t *testing.T) {
				text, _ := write(t, doc)
				back := importText(t, "api.yaml", string(text))
				for _, skipped := range back.Skipped {
					if !strings.Contains(skipped.Text, "backend's address") && !strings.Contains(skipped.Text, "security is not") {
						t.Errorf("not carried over: %v", skipped)
					}
				}
				for _, change := range contract.Compare(c, parsed(t, back)).List {
					t.Errorf("changed: %v", change)
				}
			})
		}
	}
}

func TestDiagramsHoldAnyText(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte(`leat: 1
info: { title: "A <b>; # & %% \"API\"", version: 1.0.0 }
streams: { s: { events: { e: { schema: {}, examples: ["<script>; #1 & %%"] } } } }`))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range document.Diagrams(c, c.Streams[0]) {
		wellFormed(t, d.SVG())
		if strings.Contains(d.SVG(), "<script") {
			t.Errorf("a text became a part of the picture: %s", d.SVG())
		}
		for line := range strings.Lines(d.Mermaid()) {
			text := strings.NewReplacer("#lt;", "", "#gt;", "", "#59;", "", "#35;", "", "#amp;", "", "#37;", "", "<br/>", "", "->>", "").Replace(line)
			if strings.ContainsAny(text, "<>;#&%") {
				t.Errorf("Mermaid would read more than a text in %q", line)
			}
		}
	}
}

func TestPicturesOfDiagramsAreWellFormed(t *testing.T) {
	c := load(t, "testdata/full.yaml")
	for _, s := range c.Streams {
		for _, d := range document.Diagrams(c, s) {
			wellFormed(t, d.SVG())
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}
