// Package nodetest runs programs of Node as tests: what others wrote in JavaScript, and clients that know leat by its
// documents alone. What they import is in package.json; .ci/needs, which make test runs, installs it.
package nodetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/protoc"
)

// Timeout bounds how long a program may run.
const Timeout = time.Minute

// folder is where package.json is, in the source that this package was compiled of.
func folder(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		t.Fatal("compiled with -trimpath: where package.json is cannot be told")
	}
	return filepath.Dir(file)
}

// Need skips the test where Node or its packages are not installed; with CI set, as make test does, it fails.
func Need(t testing.TB) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder(t), "node_modules"))
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "":
		t.Skipf("%v: run .ci/needs, or make test", err)
	default:
		t.Fatalf("%v: run .ci/needs", err)
	}
}

// Run runs a script of this folder, and gives what it prints.
func Run(t testing.TB, script string, args ...string) string {
	t.Helper()
	Need(t)
	return run(t, folder(t), append([]string{filepath.Join(folder(t), script)}, args...)...)
}

// run runs Node in a folder.
func run(t testing.TB, in string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = in
	var complaints strings.Builder
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s%s", strings.Join(args, " "), err, output, complaints.String())
	}
	return string(output)
}

// A Project is a folder with programs in TypeScript, in which what is installed here can be imported.
type Project struct{ Folder string }

// NewProject makes a project of the .proto files of protos, named as they lie below it, and of programs of this folder.
func NewProject(t testing.TB, protos string, names []string, programs ...string) *Project {
	t.Helper()
	Need(t)
	p := &Project{t.TempDir()}
	if err := os.Symlink(filepath.Join(folder(t), "node_modules"), filepath.Join(p.Folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	request, err := protoc.Compile(t.Context(), protos, names...)
	if err != nil {
		t.Fatal(err)
	}
	plugin := exec.CommandContext(t.Context(), filepath.Join(folder(t), "node_modules", ".bin", "protoc-gen-es"))
	generated, err := protoc.Generate(request, "target=ts,import_extension=js", plugin)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range generated {
		p.write(t, name, []byte(text))
	}
	for _, name := range append([]string{"tsconfig.json", "package.json"}, programs...) {
		text, err := os.ReadFile(filepath.Join(folder(t), name))
		if err != nil {
			t.Fatal(err)
		}
		p.write(t, name, text)
	}
	return p
}

func (p *Project) write(t testing.TB, name string, text []byte) {
	t.Helper()
	root, err := os.OpenRoot(p.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Compile has TypeScript check all programs, strictly, and compiles them.
func (p *Project) Compile(t testing.TB) {
	t.Helper()
	run(t, p.Folder, filepath.Join("node_modules", "typescript", "bin", "tsc"), "--project", ".")
}

// Run runs a program of the project that was compiled, and gives what it prints.
func (p *Project) Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	return run(t, p.Folder, append([]string{filepath.Join("compiled", strings.TrimSuffix(program, ".ts")+".js")}, args...)...)
}
