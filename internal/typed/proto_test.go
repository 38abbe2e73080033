package typed_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
)

// files gives the files of an API by path: the descriptor that reflection shows, and the text that is served.
func files(api *typed.API, c *contract.Contract) (descriptors map[string]protoreflect.FileDescriptor, texts map[string]string) {
	descriptors, texts = map[string]protoreflect.FileDescriptor{}, map[string]string{}
	for _, name := range c.StreamNames() {
		if s := api.Service(name); s != nil {
			file := s.Descriptor.ParentFile()
			descriptors[file.Path()], texts[file.Path()] = file, api.Proto(name)
		}
	}
	return descriptors, texts
}

// compile says how the descriptors differ from what a compiler makes of the texts.
func compile(ctx context.Context, descriptors map[string]protoreflect.FileDescriptor, texts map[string]string) error {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(texts)})}
	for path, served := range descriptors {
		compiled, err := compiler.Compile(ctx, path)
		if err != nil {
			return errors.New(err.Error() + "\n" + texts[path])
		}
		got, want := protodesc.ToFileDescriptorProto(served), protodesc.ToFileDescriptorProto(compiled[0])
		got.SourceCodeInfo, want.SourceCodeInfo = nil, nil
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			return errors.New(diff + texts[path])
		}
	}
	return nil
}

func TestTheServedTextAndReflectionAgree(t *testing.T) {
	c := parse(t, orders)
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	descriptors, texts := files(api, c)
	if err := compile(t.Context(), descriptors, texts); err != nil {
		t.Error(err)
	}
}

func TestTheTextOfRandomSchemasCompilesToTheirDescriptors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, root := randomContract(t)
		api, err := typed.Build(c, nil)
		if err != nil {
			t.Fatalf("%v\n%v", err, root)
		}
		descriptors, texts := files(api, c)
		if err := compile(context.Background(), descriptors, texts); err != nil {
			t.Fatalf("%v\n%s", err, c.Streams[0].Events[0].Schema.JSON)
		}
	})
}

const bufVersion = "v1.75.0"

// buf runs buf, which is a program and no library, in a folder.
func buf(t *testing.T, folder string, args ...string) (output string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "github.com/bufbuild/buf/cmd/buf@" + bufVersion}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	text, err := cmd.CombinedOutput()
	if exit, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatalf("buf: %v %v\n%s", err, exit, text)
	}
	return string(text), err == nil
}

// writeModule writes a module of buf with the files of an API.
func writeModule(t *testing.T, api *typed.API, c *contract.Contract) string {
	t.Helper()
	folder := t.TempDir()
	_, texts := files(api, c)
	texts["buf.yaml"] = "version: v2\nlint: { use: [STANDARD] }\nbreaking: { use: [FILE] }\n"
	for path, text := range texts {
		full := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestBufFindsNothingToLint(t *testing.T) {
	if testing.Short() {
		t.Skip("builds buf")
	}
	for _, text := range []string{orders, odd} {
		c := parse(t, text)
		api, err := typed.Build(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if output, ok := buf(t, writeModule(t, api, c), "lint"); !ok {
			t.Errorf("buf lint: %s", output)
		}
	}
}

// odd has names that mean something to protobuf, to a generator or to the service itself.
const odd = `
  odd:
    events:
      subscribeRequest: { schema: { type: object } }
      publish.response: { schema: { type: object, properties: { publish: { type: object } } } }
      v2Update: { schema: { type: string } }
      string: { schema: { type: string } }
      object: { schema: { type: object, properties: { array: { type: object, properties: { object: { type: object, properties: { map: { type: string } } } } } } } }
      promise: { schema: { type: object, properties: { error: { enum: [null, "true", "class", "self", "NaN"] } } } }
      timestamp: { schema: { type: object, properties: { at: { type: string, format: date-time }, struct: true } } }
      odd.names:
        schema:
          type: object
          properties:
            "": { type: string }
            3d: { type: string }
            größe: { enum: [x, X, "+", "", unspecified, größe, "1", "-1"] }
            名前: { type: object, properties: { 名前: { type: string } } }
            fooBar: { type: string }
            foo_bar: { type: string }
            foo-bar: { type: string }
            foobar: { type: string }
            additional_properties: { type: string }
            additionalProperties: { type: [string, "null"] }
            nullFields: { type: string }
            oddNames: { type: object, properties: { a: { type: string } } }
            message: { type: string }
            optional: { type: boolean }
            repeated: { type: array, items: { type: string } }
            reserved: { type: integer }
            group: { type: object, properties: { group: { type: string } } }
            google: { type: object, properties: { protobuf: { type: object, properties: { when: { type: string, format: date-time } } } } }
            HTTPServerIDs: { type: array, items: { type: string, enum: [a] } }
            a1B: { enum: [a, b] }
            status: { enum: [code_a] }
            statusCode: { enum: [a] }
            tags: { type: object, additionalProperties: { type: string } }
            tagsEntry: { type: object, properties: { x: { type: string } } }
            "quote\"back\\slash": { type: string }
            "[extension]": { type: string }
            __proto__: { type: string }
            constructor: { type: string }
            toString: { type: string }
            $typeName: { type: string }
            reset: { type: string }
            descriptor: { type: object, properties: { string: { type: string } } }
            func: { type: array, items: { type: object, properties: { type: { type: string } } } }
            kind: { type: [string, boolean] }
            event: { type: string }
  google:
    events:
      google: { schema: { type: object, properties: { protobuf: { type: string, format: date-time }, google: { type: object, properties: { x: { type: string } } } } } }
      google.service: { schema: { type: object } }
  grpc: { events: { health: { schema: { type: object, properties: { at: { type: string, format: duration } } } } } }
  leat-v1:
    events: { event: { schema: { type: object, properties: { event: true } } }, id: { schema: true }, time: { schema: true }, key: { schema: true }, exactValues: { schema: true }, if_match: { schema: true } }
    commands: { command: { schema: true }, ref: { schema: true } }
    backend: { url: "http://127.0.0.1:1" }
  package: { events: { import: { schema: { type: object, properties: { package: { type: string } } } } } }
  a-b: { events: { v1: { schema: { type: object } } } }
  ab: { events: { v1: { schema: { type: object } } } }
`

func TestOddNamesCompile(t *testing.T) {
	c := parse(t, odd)
	api, err := typed.Build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	descriptors, texts := files(api, c)
	if err := compile(t.Context(), descriptors, texts); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"SubscribeRequestEvent subscribe_request_event = 16;", "PublishResponseEvent publish_response_event = 17;",
		"optional string foo_bar = 5;", `optional string foo_bar_2 = 6 [json_name = "foo_bar"];`, `optional string field_3d = 2 [json_name = "3d"];`} {
		if !strings.Contains(api.Proto("odd"), want) {
			t.Errorf("no %q in\n%s", want, api.Proto("odd"))
		}
	}
}
