// Command bench measures leat and the baselines under bench/baseline in one run, and prints how they compare: machines
// differ, and so do their days, but what was measured side by side can be divided.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	s := settings{subscribers: 1000, idle: 6000, rates: []float64{20, 50, 100, 400}, limits: []float64{800, 1200, 1600}}
	flag.DurationVar(&s.duration, "duration", 3*time.Second, "measure each server so long at each rate")
	flag.IntVar(&s.idle, "idle", s.idle, "idle connections; the limit of open files has to allow them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// settings are how large and how long all is.
type settings struct {
	subscribers, idle int
	rates             []float64 // events per second at which the cost is compared
	limits            []float64 // further ones, to find how much each bears
	duration          time.Duration
}

// compare measures everything; tables go to out, and what it is at to notes.
func compare(ctx context.Context, s settings, out, notes io.Writer) error {
	dir, err := os.MkdirTemp("", "leat-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bencher{settings: s, dir: dir, out: out, notes: notes}
	if err := b.build(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.fanOut, b.latency, b.publishing, b.deadReaders, b.idle} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}
