package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"leat": main, "backend": backend})
}

// backend handles the commands of the scripts' chat: it greets whoever says hello, and refuses to shout.
func backend() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("leat: public http://%s\n", l.Addr())
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	go func() {
		<-stopped
		os.Exit(0)
	}()
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if bytes.Contains(text, []byte("!!")) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"title":"Forbidden","status":403,"detail":"no shouting here"}`)
			return
		}
		room := r.Header.Get("Ce-Subject")
		fmt.Fprintf(w, `{"reply":[{"type":"said","data":{"text":"welcome to %s"}},{"type":"said","data":{"text":"be nice"}}],"publish":[{"type":"said","data":%s}]}`, room, text)
	})))
}

func TestTheCommandLineDoesWhatTheScriptsSay(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values[serversKey{}] = make(servers)
			env.Values[outputsKey{}] = make(map[string]*bufio.Scanner)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "end": end, "get": get, "status": exitStatus, "hold": hold,
			"await": await, "hangup": hangup,
			"follow": follow, "lines": lines,
		},
	})
}

// within is how long a script waits for a server to start or to end.
const within = 30 * time.Second

// servers are those that a script has started, by name.
type servers map[string]*exec.Cmd

type serversKey struct{}

// start runs leat in the background until it has printed its addresses:
//
//	start NAME COMMAND…
//
// sets $NAME_public, $NAME_admin and $NAME_grpc, each also as $NAME_public_host and so on, and writes the log to NAME.log.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND…")
	}
	name := args[0]
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	cmd := command(ts, args[1:])
	cmd.Stderr = log
	output, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Check(log.Close())
	ts.Defer(func() { // after an end this finds it gone
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tooLate := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	buffer := make([]byte, 4096) // the addresses are one write, and an empty line ends them where more follows
	n, err := output.Read(buffer)
	if err != nil {
		ts.Fatalf("%s printed no address: %v\n%s", name, err, ts.ReadFile(name+".log"))
	}
	for line := range strings.Lines(string(buffer[:n])) {
		words := strings.Fields(line)
		if len(words) == 0 {
			break
		}
		if len(words) != 3 || words[0] != "leat:" {
			ts.Fatalf("%s printed %q, want leat: LISTENER ADDRESS", name, line)
		}
		ts.Setenv(name+"_"+words[1], words[2])
		ts.Setenv(name+"_"+words[1]+"_host", strings.TrimPrefix(words[2], "http://"))
	}
	started(ts)[name] = cmd
}

// end stops what start began, and checks the exit status:
//
//	end NAME TERM|INT|TWICE STATUS
//
// TWICE is a second SIGTERM while it drains.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: end NAME TERM|INT|TWICE STATUS")
	}
	cmd := started(ts)[args[0]]
	if cmd == nil {
		ts.Fatalf("nothing called %s was started", args[0])
	}
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "TWICE": syscall.SIGTERM}
	ts.Check(cmd.Process.Signal(signals[args[1]]))
	if args[1] == "TWICE" {
		awaitLog(ts, args[0], "draining", 1)
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
	tooLate := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	checkStatus(ts, cmd.Wait(), args[2])
}

// await waits until a server's log has a text, so many times where that is said:
//
//	await NAME TEXT [TIMES]
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await NAME TEXT [TIMES]")
	}
	times := 1
	if len(args) == 3 {
		var err error
		times, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	awaitLog(ts, args[0], args[1], times)
}

// hangup sends SIGHUP to a server:
//
//	hangup NAME
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || started(ts)[args[0]] == nil {
		ts.Fatalf("usage: hangup NAME, of what was started")
	}
	ts.Check(started(ts)[args[0]].Process.Signal(syscall.SIGHUP))
}

// awaitLog reads a server's log until it has a text so many times.
func awaitLog(ts *testscript.TestScript, name, text string, times int) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(within); strings.Count(ts.ReadFile(name+".log"), text) < times; <-again.C {
		if time.Now().After(deadline) {
			ts.Fatalf("the log of %s does not say %q:\n%s", name, text, ts.ReadFile(name+".log"))
		}
	}
}

// hold opens subscriptions that are read to the end of the script:
//
//	hold COUNT URL
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hold COUNT URL")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	client := new(http.Client)
	var readers sync.WaitGroup
	for range count {
		answer, err := client.Get(args[1])
		ts.Check(err)
		readers.Go(func() { _, _ = io.Copy(io.Discard, answer.Body) })
		ts.Defer(func() {
			answer.Body.Close()
			readers.Wait()
		})
	}
}

// exitStatus runs a command and checks with which status it ends:
//
//	status STATUS COMMAND…
//
// Where $INPUT names a file, that is its standard input.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status STATUS COMMAND…")
	}
	cmd := command(ts, args[1:])
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if input := ts.Getenv("INPUT"); input != "" {
		cmd.Stdin = strings.NewReader(ts.ReadFile(input))
	}
	tooLate := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	checkStatus(ts, cmd.Run(), args[0])
}

// get makes a request, and writes the status line and the body to standard output.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get URL")
	}
	client := &http.Client{Timeout: within}
	defer client.CloseIdleConnections()
	answer, err := client.Get(args[0])
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.WriteString(ts.Stdout(), answer.Status+"\n")
	ts.Check(err)
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
}

// command prepares a program in the script's folder, with the script's environment as far as leat looks at it.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "GOCOVERDIR", "LEAT_CONFIG", "LEAT_LISTEN", "LEAT_LISTEN_ADMIN", "LEAT_LISTEN_GRPC",
		"LEAT_DRAIN", "LEAT_LISTN", "BACKEND",
	} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

func started(ts *testscript.TestScript) servers {
	all, ok := ts.Value(serversKey{}).(servers)
	if !ok {
		ts.Fatalf("the script was set up without servers")
	}
	return all
}

func checkStatus(ts *testscript.TestScript, err error, want string) {
	got := "0"
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ProcessState.String()
		got = strings.TrimPrefix(got, "exit status ")
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("it ended with status %s, want %s", got, want)
	}
}
