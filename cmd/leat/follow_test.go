package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type outputsKey struct{}

// follow runs a command in the background, for "lines" to read what it prints; its errors go to NAME.log:
//
//	follow NAME COMMAND…
//
// "end" ends it.
func follow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: follow NAME COMMAND…")
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
	started(ts)[name] = cmd
	outputs(ts)[name] = bufio.NewScanner(output)
}

// lines waits for the next lines that what "follow" began prints, and hands them on to standard output:
//
//	lines NAME NUMBER
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines NAME NUMBER")
	}
	output, cmd := outputs(ts)[args[0]], started(ts)[args[0]]
	if output == nil || cmd == nil {
		ts.Fatalf("nothing called %s is followed", args[0])
	}
	tooLate := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	for n := range number {
		if !output.Scan() {
			ts.Fatalf("%s ended after %d of %d lines: %s", args[0], n, number, ts.ReadFile(args[0]+".log"))
		}
		fmt.Fprintln(ts.Stdout(), output.Text())
	}
}

func outputs(ts *testscript.TestScript) map[string]*bufio.Scanner {
	all, ok := ts.Value(outputsKey{}).(map[string]*bufio.Scanner)
	if !ok {
		ts.Fatalf("the script was set up without outputs")
	}
	return all
}
