// Package protoc compiles .proto files and runs the plugins that generate code of them, without protoc.
package protoc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// Compile compiles the named files, as they lie below folder, into a request to generate code of them. What they import
// of google/protobuf is there by itself.
func Compile(ctx context.Context, folder string, names ...string) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{folder}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // comments become doc comments
	}
	compiled, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: names}
	seen := make(map[string]bool)
	for _, file := range compiled {
		request.ProtoFile = appendFile(request.ProtoFile, file, seen)
	}
	return request, nil
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

// Generate runs a plugin, and gives the text of each generated file by its name.
func Generate(request *pluginpb.CodeGeneratorRequest, parameter string, plugin *exec.Cmd) (map[string]string, error) {
	asked := proto.CloneOf(request)
	asked.Parameter = &parameter
	in, err := proto.Marshal(asked)
	if err != nil {
		return nil, err
	}
	plugin.Stdin, plugin.Stderr = bytes.NewReader(in), os.Stderr
	out, err := plugin.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", plugin.Args, err)
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(out, response); err != nil {
		return nil, fmt.Errorf("%v: %w", plugin.Args, err)
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	files := make(map[string]string)
	for _, f := range response.File {
		files[f.GetName()] = f.GetContent()
	}
	return files, nil
}

// Go generates messages and gRPC services in Go, with the plugins that are tools of this module, whose root is given.
func Go(ctx context.Context, request *pluginpb.CodeGeneratorRequest, root, parameter string) (map[string]string, error) {
	all := make(map[string]string)
	for _, name := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		plugin := exec.CommandContext(ctx, "go", "tool", name)
		plugin.Dir = root
		files, err := Generate(request, parameter, plugin)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}
