package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGeneratedCodeIsWhatIsCommitted(t *testing.T) {
	root := filepath.Join("..", "..")
	files, err := generate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 6 {
		t.Errorf("got %d generated files, want two of each .proto file", len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("%s is not what its .proto gives: run go generate ./gen/...", name)
		}
	}
}
