package document_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/document"
	"golang.org/x/tools/txtar"
)

// Each archive has a document, the contract that must come of it, and what must be said of the rest.
func TestDocumentsBecomeContracts(t *testing.T) {
	files, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, f := range archive.Files {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			got, err := document.Import("api.yaml", part(t, archive, "api.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			parsed(t, got)
			var said strings.Builder
			for _, one := range got.Skipped {
				said.WriteString(one.Error() + "\n")
			}
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "leat.yaml" || f.Name == "skipped" })
				archive.Files = append(archive.Files, txtar.File{Name: "skipped", Data: []byte(said.String())}, txtar.File{Name: "leat.yaml", Data: got.YAML})
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(part(t, archive, "leat.yaml")); string(got.YAML) != want {
				t.Errorf("got the contract\n%s\nwant\n%s", got.YAML, want)
			}
			if want := string(part(t, archive, "skipped")); said.String() != want {
				t.Errorf("said\n%s\nwant\n%s", &said, want)
			}
		})
	}
}

func part(t *testing.T, archive *txtar.Archive, name string) []byte {
	t.Helper()
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if at < 0 {
		t.Fatalf("the archive has no %s", name)
	}
	return archive.Files[at].Data
}

func TestWhatIsNoStreamIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"swagger":  {"swagger: '2.0'\ninfo: {}\n", "api.yaml:1:1: Swagger 2.0 is not read"},
		"contract": {"leat: 1\n", "api.yaml:1:1: this is no OpenAPI and no AsyncAPI document"},
		"future":   {"openapi: 4.0.0\n", `api.yaml:1:1: version "4.0.0" is not read`},
		"number":   {"asyncapi: 1\n", `api.yaml:1:1: version "1" is not read`},
		"no streams": {"openapi: 3.0.3\npaths: { /a: { get: { responses: { '200': { content: { application/json: {} } } } } } }\n",
			"api.yaml:1:1: the document has no streams: no operation answers 2xx with text/event-stream\napi.yaml:2:16: GET /a is left out"},
		"no channels": {"asyncapi: 3.0.0\nchannels: {}\n", "api.yaml:1:1: the document has no streams: it has no channels with messages"},
		"no YAML":     {"openapi: [\n", "api.yaml:1:"},
		"twice":       {"openapi: 3.0.0\nopenapi: 3.0.0\n", `api.yaml:2:1: "openapi" is here twice`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.Import("api.yaml", []byte(test.text))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(ordersDocument))
	files, _ := filepath.Glob("testdata/import/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := document.Import("api.yaml", text)
		if err == nil {
			parsed(t, got) // whatever comes out is a valid contract
		}
	})
}
