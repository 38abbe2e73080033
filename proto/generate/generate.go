// Command generate writes the Go code of leat's .proto files. It needs nothing but Go: the compiler is a library, and
// the plugins are tools of this module, at the versions that go.mod names.
//
//	go generate ./gen/...
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// sources are the files to generate code for, below proto.
var sources = []string{"leat/v1/stream.proto", "leat/backend/v1/backend.proto"}

// module is what the import paths of generated packages begin with; the rest is the folder in the repository.
const module = "github.com/leatstream/leat"

var plugins = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

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
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{filepath.Join(root, "proto")},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard, // comments become doc comments
	}
	compiled, err := compiler.Compile(ctx, sources...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: sources,
		Parameter:      new("module=" + module),
	}
	seen := make(map[string]bool)
	for _, file := range compiled {
		request.ProtoFile = appendFile(request.ProtoFile, file, seen)
	}
	files := make(map[string]string)
	for _, plugin := range plugins {
		response, err := run(ctx, root, plugin, request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", plugin, err)
		}
		for _, f := range response.File {
			files[f.GetName()] = f.GetContent()
		}
	}
	return files, nil
}

// appendFile appends a file after everything that it imports, which is the order that plugins rely on.
func appendFile(dst []*descriptorpb.FileDescriptorProto, file protoreflect.FileDescriptor, seen map[string]bool) []*descriptorpb.FileDescriptorProto {
	if seen[file.Path()] {
		return dst
	}
	seen[file.Path()] = true
	for i := range file.Imports().Len() {
		dst = appendFile(dst, file.Imports().Get(i).FileDescriptor, seen)
	}
	return append(dst, protodesc.ToFileDescriptorProto(file))
}

func run(ctx context.Context, root, plugin string, request *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "go", "tool", plugin)
	command.Dir = root
	command.Stdin = bytes.NewReader(in)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(out, response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response, nil
}
