package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

func TestEveryServerIsComparedInOneRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts every server")
	}
	var out, notes bytes.Buffer
	b := &bencher{dir: t.TempDir(), out: &out, notes: &notes}
	b.settings = settings{subscribers: 5, rates: []float64{50}, duration: 100 * time.Millisecond}
	for _, part := range []func(context.Context) error{b.build, b.fanOut, b.publishing} {
		if err := part(t.Context()); err != nil {
			t.Fatalf("%v\n%s%s", err, notes.Bytes(), out.Bytes())
		}
	}
	for _, want := range []string{
		"leat SSE / write()", "leat SSE / net/http batching", "leat WebSocket / net/http ", "leat gRPC / grpc-go",
		"leat SSE at 50/s / write() at 50/s", "leat / net/http + JetStream, one a request",
		"leat / net/http + JetStream, 100 a request", "leat / net/http + JetStream, NDJSON uploads",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row of %q in:\n%s", want, out.Bytes())
		}
	}
}

func TestATableHasRatiosWithTheFiguresBeside(t *testing.T) {
	var out bytes.Buffer
	table := &table{title: "Cost", head: []string{"20/s", "400/s"}}
	row := table.row("leat / other")
	row.ratio(3, 12)
	row.ratio(150, 0)
	table.row("later").skip(2)
	table.print(&out)
	want := "\nCost\n" +
		"                 20/s                 400/s\n" +
		"  leat / other   0.25 (3.00 / 12.0)   – (150 / 0.00)\n" +
		"  later\n"
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		got.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}
