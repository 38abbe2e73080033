// Command generate writes the Go code of leat's .proto files, and of those that its examples have of a server. It needs
// nothing but Go: the compiler is a library, and the plugins are tools of this module, at the versions that go.mod names.
//
//	go generate ./gen/...
package main

import (
	"context"
	"flag"
	"log"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/leatstream/leat/internal/protoc"
)

// sources are the files to generate code for, by the folder that they are below.
var sources = map[string][]string{
	"proto":                   {"leat/v1/stream.proto", "leat/backend/v1/backend.proto"},
	"examples/grpc-telemetry": {"telemetry/v1/telemetry.proto"}, // as a server serves it
}

// module is what the import paths of generated packages begin with; the rest is the folder in the repository.
const module = "github.com/leatstream/leat"

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	root := flag.String("C", ".", "the repository's root `folder`")
	flag.Parse()
	files, err := generate(context.Background(), *root)
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(*root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate gives the text of each generated file by its path in the repository.
func generate(ctx context.Context, root string) (map[string]string, error) {
	all := make(map[string]string)
	for folder, names := range sources {
		request, err := protoc.Compile(ctx, filepath.Join(root, filepath.FromSlash(folder)), names...)
		if err != nil {
			return nil, err
		}
		parameters := []string{"module=" + module}
		if folder != "proto" { // a server cannot know where the code of its .proto goes
			for _, name := range names {
				in := path.Dir(name)
				parameters = append(parameters, "M"+name+"="+path.Join(module, folder, in)+";"+strings.ReplaceAll(in, "/", ""))
			}
		}
		files, err := protoc.Go(ctx, request, root, strings.Join(parameters, ","))
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}
