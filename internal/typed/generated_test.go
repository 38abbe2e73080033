package typed_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/leatstream/leat/internal/nodetest"
	"github.com/leatstream/leat/internal/protoc"
)

func TestWhatIsGeneratedOfTheServedTextCompiles(t *testing.T) {
	for _, text := range []string{orders, odd} {
		c := parse(t, text)
		api := build(t, text)
		_, texts := files(api, c)
		names := slices.Sorted(maps.Keys(texts))
		folder := writeModule(t, api, c)
		t.Run("Go "+names[0], func(t *testing.T) { compileGo(t, folder, names) })
		t.Run("TypeScript "+names[0], func(t *testing.T) { nodetest.NewProject(t, folder, names).Compile(t) })
	}
}

// compileGo generates code and compiles it as if it were folders of this module, so that it finds the module's dependencies.
func compileGo(t *testing.T, folder string, names []string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	request, err := protoc.Compile(t.Context(), folder, names...)
	if err != nil {
		t.Fatal(err)
	}
	generated, err := protoc.Go(t.Context(), request, root, "paths=source_relative")
	if err != nil {
		t.Fatal(err)
	}
	if len(generated) != 2*len(names) {
		t.Errorf("generated %q, want two files of each .proto", slices.Collect(maps.Keys(generated)))
	}
	overlay := map[string]map[string]string{"Replace": {}}
	var packages []string
	for name, text := range generated {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, "generated", filepath.FromSlash(name))] = file
		packages = append(packages, "./"+filepath.ToSlash(filepath.Dir(filepath.Join("generated", name))))
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	slices.Sort(packages)
	command := exec.CommandContext(t.Context(), "go", append([]string{"build", "-overlay", file}, slices.Compact(packages)...)...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
