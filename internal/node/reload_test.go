package node_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
)

// What changes where a link leads changes nothing in the link's own folder.
func TestTheFolderBehindALinkIsWatched(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	target, here := filepath.Join(dir, "releases", "one"), filepath.Join(dir, "here")
	for _, folder := range []string{target, here} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	text := "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { events: { e: { schema: {} } } } }\n"
	if err := os.WriteFile(filepath.Join(target, "leat.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(here, "leat.yaml")
	if err := os.Symlink(filepath.Join(target, "leat.yaml"), link); err != nil {
		t.Fatal(err)
	}
	r := &node.Reloader{File: link, Logger: slog.New(slog.DiscardHandler), Read: contract.LoadWith}
	watched, err := r.Watched()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{here, target} {
		if !slices.Contains(watched, folder) {
			t.Errorf("%s is not watched, only %v", folder, watched)
		}
	}
}
