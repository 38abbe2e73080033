package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/leatstream/leat/internal/bench"
)

// A bencher starts one server after the other, each in a process of its own, and lets "leat bench", in another, have a
// go at it.
type bencher struct {
	settings

	dir   string // for programs and data; it is gone afterwards
	out   io.Writer
	notes io.Writer
}

// A subject is what is measured.
type subject struct {
	name    string
	program string
	grpc    bool // over its own listener for gRPC
	args    []string
}

var (
	leatSSE       = subject{name: "leat SSE", program: "leat", args: []string{"--transport", "sse"}}
	leatWebSocket = subject{name: "leat WebSocket", program: "leat", args: []string{"--transport", "websocket"}}
	leatGRPC      = subject{name: "leat gRPC", program: "leat", grpc: true}
	write         = subject{name: "write()", program: "write"}
	netHTTP       = subject{name: "net/http", program: "nethttp"}
	netHTTPBatch  = subject{name: "net/http batching", program: "nethttp-batch"}
	grpcGo        = subject{name: "grpc-go", program: "grpcgo", grpc: true}
	jetStream     = subject{name: "net/http + JetStream", program: "jetstream"}
)

// packages are where the programs are built from.
var packages = map[string]string{
	"leat": "./cmd/leat", "write": "./bench/baseline/write", "nethttp": "./bench/baseline/nethttp",
	"nethttp-batch": "./bench/baseline/nethttp-batch", "grpcgo": "./bench/baseline/grpcgo", "jetstream": "./bench/baseline/jetstream",
}

const modulePath = "github.com/leatstream/leat"

func (b *bencher) build(ctx context.Context) error {
	for program, path := range packages {
		fmt.Fprintf(b.notes, "building %s\n", program)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(b.dir, program), modulePath+strings.TrimPrefix(path, "."))
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", path, err, output)
		}
	}
	return os.WriteFile(b.contract(), []byte(bench.Contract), 0o600)
}

func (b *bencher) contract() string { return filepath.Join(b.dir, "bench.yaml") }

// A server is a process that serves.
type server struct {
	cmd     *exec.Cmd
	errors  bytes.Buffer
	address map[string]string // by listener
}

// endWithin is how long a server may take to end.
const endWithin = 10 * time.Second

func (b *bencher) start(ctx context.Context, of subject) (*server, error) {
	var args []string
	if of.program == "leat" {
		data, err := os.MkdirTemp(b.dir, "data")
		if err != nil {
			return nil, err
		}
		args = []string{"serve", b.contract(), "--data", data, "--listen", "127.0.0.1:0", "--listen-admin", "off",
			"--listen-grpc", "127.0.0.1:0", "--drain", "0s"}
	}
	s := &server{cmd: exec.CommandContext(ctx, filepath.Join(b.dir, of.program), args...), address: make(map[string]string)}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = endWithin
	s.cmd.Stderr = &s.errors
	output, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(output); !s.ready(of) && lines.Scan(); {
		if words := strings.Fields(strings.TrimPrefix(lines.Text(), "leat: ")); len(words) == 2 {
			s.address[words[0]] = words[1]
		}
	}
	if !s.ready(of) {
		return nil, errors.Join(fmt.Errorf("%s does not say where it listens", of.program), s.stop())
	}
	return s, nil
}

func (s *server) ready(of subject) bool {
	return s.address["public"] != "" && (!of.grpc || s.address["grpc"] != "")
}

func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	late := time.AfterFunc(endWithin, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(s.cmd.Path), err, s.errors.Bytes())
	}
	return nil
}

// measure starts the subject, runs the generator with these flags against it, and ends it.
func (b *bencher) measure(ctx context.Context, of subject, flags ...string) ([]*bench.Result, error) {
	fmt.Fprintf(b.notes, "measuring %s %s\n", of.name, strings.Join(flags, " "))
	s, err := b.start(ctx, of)
	if err != nil {
		return nil, err
	}
	args := []string{"bench", "--json", "--server", s.address["public"], "--pid", strconv.Itoa(s.cmd.Process.Pid),
		"--duration", b.duration.String()}
	if of.grpc {
		args = append(args, "--target", "grpc://"+s.address["grpc"])
	}
	generator := exec.CommandContext(ctx, filepath.Join(b.dir, "leat"), append(append(args, of.args...), flags...)...)
	var complaints bytes.Buffer
	generator.Stderr = &complaints
	output, err := generator.Output()
	if stopErr := s.stop(); stopErr != nil && ctx.Err() == nil {
		return nil, stopErr
	}
	var results []*bench.Result
	if json.Unmarshal(output, &results) != nil || len(results) == 0 { // with results, status 1 is what they say
		return nil, fmt.Errorf("leat bench against %s: %w\n%s", of.name, err, complaints.Bytes())
	}
	return results, nil
}

func list(numbers []float64) string {
	var all []string
	for _, n := range numbers {
		all = append(all, strconv.FormatFloat(n, 'g', -1, 64))
	}
	return strings.Join(all, ",")
}
