package leat_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/leatstream/leat"

// floors are docs/architecture.md's: a package may import its own floor and those below.
var floors = map[string]int{
	"event":                        0,
	"internal/problem":             0,
	"internal/origin":              0,
	"internal/wheel":               0,
	"gen/leat/v1":                  0, // generated
	"gen/leat/backend/v1":          0, // generated
	"examples/chat-backend/chat":   0, // the standard library alone
	"contract":                     1,
	"internal/eventlog":            1,
	"internal/eventlog/memlog":     1,
	"internal/hub":                 2,
	"internal/ingest":              2,
	"internal/backend":             2,
	"internal/lint":                2,
	"internal/typed":               2,
	"internal/document":            2,
	"internal/transport/socket":    3,
	"internal/transport/farewell":  3,
	"internal/transport/sse":       3,
	"internal/transport/websocket": 3,
	"internal/transport/grpc":      3,
	"internal/transport/leatv1":    3,
	"internal/admin":               3,
	"internal/reference":           3,
	".":                            4,
	"internal/node":                5,
	"internal/demo":                5,
	"internal/bench":               5,
	"cmd/leat":                     6,
	"bench":                        6,
	"examples/chat-backend":        6,
}

// apart are packages on no floor, with all that they may import of ours. Nothing on a floor below cmd/leat imports them.
var apart = map[string][]string{
	"client":          {"event", "gen/leat/v1"},
	"proto/generate":  {"internal/protoc"}, // makes what is below gen
	"internal/protoc": {},
	// A client in a process of its own, which knows a server by its .proto alone.
	"examples/grpc-telemetry":              {"examples/grpc-telemetry/telemetry/v1"},
	"examples/grpc-telemetry/telemetry/v1": {},
	// What leat is compared with has nothing of leat, but the messages of gRPC.
	"bench/baseline":               {},
	"bench/baseline/write":         {"bench/baseline"},
	"bench/baseline/nethttp":       {"bench/baseline"},
	"bench/baseline/nethttp-batch": {"bench/baseline"},
	"bench/baseline/grpcgo":        {"bench/baseline", "gen/leat/v1"},
	"bench/baseline/jetstream":     {"bench/baseline"},
}

// forTests are packages that only tests import, and that may import everything.
var forTests = []string{"internal/wiretest", "internal/nodetest", "internal/eventlog/logtest"}

func TestNoPackageImportsAHigherFloor(t *testing.T) {
	for name, p := range packages(t) {
		if slices.Contains(forTests, name) {
			continue
		}
		for imported, where := range p.imports {
			switch {
			case slices.Contains(forTests, imported):
				t.Errorf("%s: %s is for tests alone", where, imported)
			case !mayImport(name, imported):
				t.Errorf("%s: %s may not import %s (the floors are in docs/architecture.md)", where, name, imported)
			}
		}
	}
}

func TestEveryPackageHasAFloor(t *testing.T) {
	for name := range packages(t) {
		_, onFloor := floors[name]
		_, isApart := apart[name]
		if !onFloor && !isApart && !slices.Contains(forTests, name) {
			t.Errorf("package %s is on no floor: give it one here and in docs/architecture.md", name)
		}
	}
}

func TestEveryPackageSaysItsJob(t *testing.T) {
	for name, p := range packages(t) {
		if !p.documented {
			t.Errorf("package %s has no doc comment that says its job in a sentence", name)
		}
	}
}

func TestNATSStaysInsideTheEventLog(t *testing.T) {
	for name, p := range packages(t) {
		if name != "internal/eventlog" && !strings.HasPrefix(name, "internal/eventlog/") &&
			name != "bench/baseline/jetstream" && p.nats != "" { // that one is NATS without leat
			t.Errorf("%s: only internal/eventlog knows NATS", p.nats)
		}
	}
}

func mayImport(name, imported string) bool {
	if allowed, ok := apart[name]; ok {
		return slices.Contains(allowed, imported)
	}
	if _, ok := apart[imported]; ok {
		return floors[name] == floors["cmd/leat"]
	}
	return floors[imported] <= floors[name]
}

// source is what the test wants to know of one package.
type source struct {
	code       bool // has more than tests
	documented bool
	imports    map[string]string // packages of ours that its code, tests aside, imports, and where
	nats       string            // where it imports NATS, tests included; empty where it does not
}

// packages reads every package of the module that has more than tests, by its folder.
func packages(t *testing.T) map[string]*source {
	t.Helper()
	all := make(map[string]*source)
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(file, entry.Name())
		case path.Ext(file) != ".go":
			return nil
		}
		name := filepath.ToSlash(filepath.Dir(file))
		if all[name] == nil {
			all[name] = &source{imports: make(map[string]string)}
		}
		return all[name].read(file)
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(_ string, p *source) bool { return !p.code })
	return all
}

func skipFolder(file, name string) error {
	if file != "." && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
		return filepath.SkipDir
	}
	return nil
}

func (s *source) read(file string) error {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	isTest := strings.HasSuffix(file, "_test.go")
	s.code = s.code || !isTest
	s.documented = s.documented || !isTest && saysItsJob(parsed)
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		where := files.Position(spec.Pos()).String()
		if strings.HasPrefix(imported, "github.com/nats-io/") {
			s.nats = where
		}
		if ours, ok := strings.CutPrefix(imported, module); ok && !isTest && (ours == "" || ours[0] == '/') {
			s.imports[path.Clean("./"+ours)] = where
		}
	}
	return nil
}

func saysItsJob(file *ast.File) bool {
	text := file.Doc.Text()
	return strings.HasPrefix(text, "Package "+file.Name.Name+" ") || strings.HasPrefix(text, "Command ")
}
