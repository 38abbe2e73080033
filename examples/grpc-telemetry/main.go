// Command grpc-telemetry is a fleet of made-up devices that stream typed readings to leat in one gRPC upload.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	telemetryv1 "github.com/leatstream/leat/examples/grpc-telemetry/telemetry/v1"
)

// settings are the flags.
type settings struct {
	server  string
	devices int
	rate    float64
	count   int
	faulty  int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it without a summary
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc-telemetry:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("grpc-telemetry", flag.ContinueOnError)
	flags.StringVar(&s.server, "server", "127.0.0.1:8082", "leat's gRPC or public `address`")
	flags.IntVar(&s.devices, "devices", 10, "how many devices there are")
	flags.Float64Var(&s.rate, "rate", 100, "readings a second, of all devices together; 0: as fast as leat takes them")
	flags.IntVar(&s.count, "count", 0, "end after so many readings; 0: at Ctrl-C")
	flags.IntVar(&s.faulty, "faulty", 0, "one reading of so many is of a broken sensor, which the contract refuses; 0: none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.devices < 1 || s.rate < 0 || s.count < 0 || s.faulty < 0 {
		return fmt.Errorf("there are no arguments, at least one device, and no negative numbers, but not %q", args)
	}
	conn, err := grpc.NewClient("passthrough:///"+s.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	start := time.Now()
	summary, err := upload(ctx, telemetryv1.NewTelemetryServiceClient(conn), s)
	report(out, summary, time.Since(start))
	if err != nil {
		return fmt.Errorf("the upload to %s broke off: %s", s.server, status.Convert(err).Message())
	}
	return nil
}

// upload sends readings until ctx ends or all are sent, and gives what became of them. Of an upload that the server ends
// before, a summary comes with the error; one that nobody answers has none.
func upload(ctx context.Context, service telemetryv1.TelemetryServiceClient, s settings) (*telemetryv1.PublishResponse, error) {
	// The call outlives ctx: Ctrl-C ends the readings, and the summary is still to come.
	stream, err := service.Publish(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	fleet := newFleet(s.devices)
	pace := newPace(s.rate)
	for i := 0; (s.count == 0 || i < s.count) && pace.wait(ctx, i); i++ {
		reading := fleet.read(i, time.Now())
		if s.faulty > 0 && (i+1)%s.faulty == 0 {
			reading.Celsius = absurd
		}
		request := &telemetryv1.PublishRequest{Event: &telemetryv1.PublishRequest_Reading{Reading: reading}}
		// Send waits while leat stores: nothing piles up here. An error is only told by the answer.
		if stream.Send(request) != nil {
			break
		}
	}
	summary, err := stream.CloseAndRecv()
	for _, detail := range status.Convert(err).Details() {
		if soFar, ok := detail.(*telemetryv1.PublishResponse); ok {
			summary = soFar
		}
	}
	return summary, err
}

// report prints a summary, and why events were refused.
func report(out io.Writer, summary *telemetryv1.PublishResponse, took time.Duration) {
	if summary == nil {
		return
	}
	for _, refused := range summary.GetErrors() {
		for _, v := range refused.GetViolations() {
			fmt.Fprintf(out, "reading %d refused: %s %s\n", refused.GetIndex(), v.GetField(), v.GetDescription())
		}
	}
	if untold := summary.GetRefused() - uint64(len(summary.GetErrors())); untold > 0 {
		fmt.Fprintf(out, "and %d more\n", untold)
	}
	fmt.Fprintf(out, "%d stored, %d refused in %s; the last is %q\n",
		summary.GetStored(), summary.GetRefused(), took.Round(time.Millisecond), summary.GetLastId())
}
