package nodetest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/nodetest"
	"github.com/leatstream/leat/internal/wiretest"
)

// Validators that others wrote have nothing to say, however strict.
func TestOpenAPIIsValid(t *testing.T) {
	nodetest.Need(t)
	t.Setenv("REDOCLY_TELEMETRY", "off")
	t.Setenv("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
	files := writeOpenAPI(t)
	t.Run("Redocly", func(t *testing.T) {
		nodetest.Run(t, "node_modules/@redocly/cli/bin/cli.js", append([]string{"lint", "--extends", "recommended-strict"}, files...)...)
	})
	t.Run("Spectral", func(t *testing.T) {
		nodetest.Run(t, "node_modules/@stoplight/spectral-cli/dist/index.js",
			append([]string{"lint", "--ruleset", "testdata/spectral.yaml", "--fail-severity", "hint"}, files...)...)
	})
}

// writeOpenAPI writes the documents of all contracts in all versions.
func writeOpenAPI(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	var files []string
	for name, c := range contracts(t) {
		for _, version := range document.OpenAPIVersions() {
			text, err := document.YAML(document.OpenAPI(c, version, "http://127.0.0.1:8080"))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder, fmt.Sprintf("%s-%s.yaml", name, version))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

func contracts(t *testing.T) map[string]*contract.Contract {
	t.Helper()
	all := map[string]*contract.Contract{}
	for name, file := range map[string]string{
		"demo": "../demo/leat.yaml", "full": "../document/testdata/full.yaml",
	} {
		c, err := contract.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = c
	}
	// The strictest want to know whom to ask, and under what licence.
	text := strings.Replace(wiretest.Orders, "version: 1.0.0 }",
		`version: 1.0.0, contact: { name: N, url: "https://n.example.org" }, license: { name: L, url: "https://l.example.org" } }`, 1)
	c, err := contract.Parse("wire.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all["wire"] = c
	return all
}
