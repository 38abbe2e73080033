package nodetest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/nodetest"
)

// The parser of AsyncAPI's own project has nothing to say, not even a hint.
func TestAsyncAPIIsValid(t *testing.T) {
	nodetest.Need(t)
	folder := t.TempDir()
	var files []string
	for name, c := range contracts(t) {
		text, err := document.YAML(document.AsyncAPI(c, "https://api.example.org/streams"))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, name+".yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	nodetest.Run(t, "asyncapi.mjs", files...)
}
