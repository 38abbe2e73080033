package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/leatstream/leat/internal/bench"
	"github.com/spf13/cobra"
)

// benchFlags are the flags of "leat bench" that say what becomes of the results.
type benchFlags struct {
	contract, json bool
	report         string
}

func newBenchCommand() *cobra.Command {
	var flags benchFlags
	var plan bench.Plan
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a server: latency, losses, and what deliveries cost it",
		Long: "Publish events to a server that runs, receive them over many subscriptions, and say how soon they came,\n" +
			"whether any was lost, came twice or out of order, and what that cost the server. Exit status 1 if one was.\n\n" +
			"It needs a stream that takes its events: \"leat bench --contract\" prints a contract with three, bench (on\n" +
			"disk), bench-memory and bench-none. For a stream of your own say --type, and with --data an event that its\n" +
			"schema allows, with {{mark}} somewhere in a string; {{key}}, {{time}} and {{pad}} (up to --size) are filled too.\n\n" +
			"Where --subscribers, --rate, --size or --keys name several values, each combination is a run of its own, and\n" +
			"--report draws how cost and latency grow. Give the generator cores of its own where you can: on the server's\n" +
			"machine compare only what was measured the same way.",
		Example: `  leat bench --contract > bench.yaml; leat serve bench.yaml
  leat bench
  leat bench --subscribers 5000 --rate 20,50,100,400 --transport sse=50,websocket=50 --report bench.html
  leat bench --subscribers 9000 --idle
  leat bench --subscribers 10000 --storm 100
  leat bench --subscribers 0 --rate 0 --ndjson
  leat bench --stream orders --type order.shipped --data '{"orderId":"{{mark}}","when":"{{time}}"}'
  leat bench --transport grpc --target grpc://127.0.0.1:8082 --pid $(pidof leat)
  leat bench --target http://127.0.0.1:3000/events --publish-url http://127.0.0.1:3000/publish`,
		Args: checkArgs,
	}
	server := addServerFlag(cmd)
	set := cmd.Flags()
	set.BoolVar(&flags.contract, "contract", false, "print a contract to serve, and do nothing else")
	set.BoolVar(&flags.json, "json", false, "print the results as JSON")
	set.StringVar(&flags.report, "report", "", "write a page with charts to `FILE`")
	set.StringVar(&plan.Stream, "stream", bench.Stream, "the `STREAM` to publish and to subscribe to")
	set.StringVar(&plan.Transport, "transport", "", "`WIRE` of the subscribers: sse (the default), websocket, grpc, or a mix: sse=50,websocket=50")
	set.StringVar(&plan.Type, "type", bench.Type, "`TYPE` of the events")
	set.StringVar(&plan.Data, "data", "", "`TEMPLATE` of an event's data")
	set.StringVar(&plan.Target, "target", "", "subscribe at this `URL` instead, of any server: http for SSE, ws or grpc; {key} in it is filled")
	set.StringVar(&plan.PublishURL, "publish-url", "", "publish at this `URL` instead, which gets each event's data as a POST; {key} is filled")
	set.StringArrayVar(&plan.Headers, "header", nil, "a `HEADER` of every request, such as \"Authorization: Bearer …\"")
	set.IntSliceVar(&plan.Subscribers, "subscribers", []int{1000}, "`N` subscriptions, a connection each")
	set.Float64SliceVar(&plan.Rates, "rate", []float64{100}, "`EVENTS` published per second; 0: as many as are answered")
	set.IntSliceVar(&plan.Sizes, "size", []int{200}, "`BYTES` of an event's data")
	set.IntSliceVar(&plan.Keys, "keys", []int{0}, "each subscriber follows one of `K` keys; 0: the whole stream")
	set.DurationVar(&plan.Duration, "duration", 10*time.Second, "measure for so `LONG`, after a second to warm up")
	set.IntVar(&plan.Publishers, "publishers", 8, "`N` connections that publish, each one request or upload at a time")
	set.IntVar(&plan.Batch, "batch", 1, "`N` events per request, stored together")
	set.BoolVar(&plan.NDJSON, "ndjson", false, "publish in long uploads instead, an event a line")
	set.IntVar(&plan.Slow, "slow", 0, "`N` of the subscribers never read")
	set.Float64Var(&plan.Churn, "churn", 0, "`N` subscribers per second reconnect and resume")
	set.IntVar(&plan.Storm, "storm", 0, "cut all off at once, and let them resume `EVENTS` later; one in 100 stays, to see how those fare")
	set.BoolVar(&plan.Idle, "idle", false, "publish nothing: what does a connection cost the server's memory?")
	set.IntVar(&plan.PID, "pid", 0, "`PID` of the server, for its CPU and memory")
	set.StringVar(&plan.Metrics, "metrics", "", "the same from a `URL` of Prometheus metrics (default: port 8081 where the server is on 8080)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.contract {
			_, err := io.WriteString(cmd.OutOrStdout(), bench.Contract)
			return err
		}
		plan.Server = *server
		return runBench(cmd, flags, plan)
	}
	return cmd
}

// runBench runs the plan until it is done or Ctrl-C.
func runBench(cmd *cobra.Command, flags benchFlags, plan bench.Plan) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	tell, done := liveLine(cmd.ErrOrStderr())
	results, err := bench.Run(ctx, plan, tell)
	done()
	if err != nil {
		return benchError(err)
	}
	if flags.report != "" {
		if err := writeReport(flags.report, results); err != nil {
			return err
		}
	}
	if flags.json {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		err = encoder.Encode(results)
	} else {
		err = bench.Print(cmd.OutOrStdout(), results)
	}
	for _, result := range results {
		if err == nil && !result.Lossless() {
			err = &exitError{code: exitFailed}
		}
	}
	return err
}

// liveLine shows progress on a terminal, each line over the last, until it is done.
func liveLine(w io.Writer) (tell func(bench.Progress), done func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(file.Fd()) {
		return func(bench.Progress) {}, func() {}
	}
	const begin, rest = "\r", "\x1b[K" // clears the rest of the line
	return func(now bench.Progress) { fmt.Fprint(w, begin, now.Line(), rest) }, func() { fmt.Fprint(w, begin, rest) }
}

func benchError(err error) error {
	if _, ok := errors.AsType[*bench.PlanError](err); ok {
		return &exitError{exitUsage, err}
	}
	if _, ok := errors.AsType[*bench.UnreachableError](err); ok {
		return &exitError{exitUnreachable, err}
	}
	return err
}

func writeReport(name string, results []*bench.Result) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(bench.Report(file, results), file.Close())
}
