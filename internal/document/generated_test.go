package document_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/wiretest"
)

// The Go module proxy has it, as it has the linter.
const oapiCodegen = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

const shop = `
leat: 1
info: { title: Shop, version: 1.0.0 }
streams:
  orders:
    key: /orderId
    events:
      order.shipped: { schema: { type: object, required: [orderId], properties: { orderId: { type: string } } } }
      order.cancelled: { schema: { type: object, required: [orderId], properties: { orderId: { type: string }, why: { type: [string, "null"] } } } }
  chat:
    key: path
    commands: { say: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
    events: { said: { schema: { type: object } } }
    backend: { url: "http://127.0.0.1:1" }
  typing:
    key: path
    durability: none
    events: { started: { schema: { type: integer } } }
`

func TestWhatIsGeneratedOfADocumentPublishesAndReceives(t *testing.T) {
	s := wiretest.Start(t, shop)
	for _, version := range document.OpenAPIVersions() {
		t.Run(string(version), func(t *testing.T) {
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS("testdata/client")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(folder, "api"), 0o755); err != nil {
				t.Fatal(err)
			}
			command(t, folder, "run", oapiCodegen, "-generate", "types,client", "-package", "api", "-o", "api/api.go", s.URL+"/openapi.yaml?version="+string(version))
			want := "published: true\ncommand: 502 true\n"
			for _, v := range document.OpenAPIVersions() {
				want += "event: order.shipped\ndata: {\"orderId\":\"or_7\"}\n"
				if v == version {
					break
				}
			}
			if diff := cmp.Diff(want, command(t, folder, "run", ".", s.URL)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// command runs go in a folder, and gives what it prints.
func command(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Stderr = testWriter{t}
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, output)
	}
	return string(output)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Logf("%s", text)
	return len(text), nil
}
