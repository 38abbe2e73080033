package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/event"
	"github.com/spf13/cobra"
)

// tailFlags are the flags of "leat tail" as they were given.
type tailFlags struct {
	server                       *string
	transport, after, since, key string
	last                         int
	eventTypes                   []string
	allKeys, json, typed         bool
}

func newTailCommand() *cobra.Command {
	var flags tailFlags
	cmd := &cobra.Command{
		Use:   "tail STREAM",
		Short: "Show a stream's events as they come",
		Long: "Show a stream's events as they come, or from a place in its history on, until Ctrl-C. A lost connection is\n" +
			"made again and goes on after the last event shown. Events that the server no longer has show as a leat.gap.",
		Example: `  leat tail orders
  leat tail orders --since 10m --event-types order.shipped,order.cancelled
  leat tail orders --key or_12345 --after earliest
  leat tail telemetry --last 100 --json | jq .data
  leat tail telemetry --transport grpc --typed`,
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			subscription, err := flags.subscription(cmd, args[0])
			if err != nil {
				return &exitError{exitUsage, err}
			}
			return runTail(cmd, flags, subscription)
		},
	}
	flags.server = addServerFlag(cmd)
	set := cmd.Flags()
	set.StringVar(&flags.transport, "transport", "sse", "get the events over this `WIRE`: sse (plain HTTP), websocket or grpc")
	set.BoolVar(&flags.typed, "typed", false, "with --transport grpc: through the stream's typed service, as server reflection describes it")
	set.StringVar(&flags.after, "after", "", "begin after this `POSITION`, or at \"earliest\" or \"latest\" (default \"latest\")")
	set.StringVar(&flags.since, "since", "", "begin with what was stored at this `TIME` (RFC 3339) or this long ago (10m)")
	set.IntVar(&flags.last, "last", 0, fmt.Sprintf("begin with the last `N` events that match, at most %d", client.MaxLast))
	set.StringSliceVar(&flags.eventTypes, "event-types", nil, "only these `TYPES`, comma-separated")
	set.StringVar(&flags.key, "key", "", "only this `KEY`")
	set.BoolVar(&flags.allKeys, "all-keys", false, "every room of a stream whose contract says \"key: path\"")
	set.BoolVar(&flags.json, "json", false, "print each event as JSON, with its id, type, key and time, one a line")
	return cmd
}

// transports are the values of --transport. That of HTTP reads newline-delimited JSON, not SSE's own frames, which
// answer the same request but have no room for an event's key and time.
var transports = map[string]client.Transport{
	"sse": client.NDJSON, "websocket": client.WebSocket, "grpc": client.GRPC,
}

func (f *tailFlags) subscription(cmd *cobra.Command, stream string) (client.Subscription, error) {
	s := client.Subscription{
		Stream: stream, Key: f.key, AllKeys: f.allKeys, EventTypes: f.eventTypes, After: f.after, Last: f.last,
	}
	var ok bool
	if s.Transport, ok = transports[f.transport]; !ok {
		return s, fmt.Errorf("--transport %q: there are sse, websocket and grpc", f.transport)
	}
	if f.typed && s.Transport != client.GRPC {
		return s, fmt.Errorf("--typed goes with --transport grpc, not with %s", f.transport)
	}
	if f.typed {
		s.Transport = client.GRPCTyped
	}
	var starts []string
	for _, name := range []string{"after", "since", "last"} {
		if cmd.Flags().Changed(name) {
			starts = append(starts, "--"+name)
		}
	}
	switch {
	case len(starts) > 1:
		return s, fmt.Errorf("%s: give one of them, a tail begins in one place", strings.Join(starts, " and "))
	case cmd.Flags().Changed("after") && f.after == "":
		return s, errors.New("--after is empty: give a position, \"earliest\" or \"latest\"")
	case cmd.Flags().Changed("last") && (f.last < 1 || f.last > client.MaxLast):
		return s, fmt.Errorf("--last %d: give a number from 1 to %d", f.last, client.MaxLast)
	case cmd.Flags().Changed("event-types") && len(f.eventTypes) == 0:
		return s, errors.New("--event-types is empty: give one type or more, or leave it out for all")
	case cmd.Flags().Changed("key") && f.allKeys:
		return s, errors.New("--key and --all-keys: give one of them")
	}
	var err error
	if cmd.Flags().Changed("key") {
		if _, err = event.ParseKey(f.key); err != nil {
			return s, fmt.Errorf("--key: %w", err)
		}
	}
	if f.after != "" && f.after != "earliest" && f.after != "latest" {
		if _, err = event.ParsePosition(f.after); err != nil {
			return s, fmt.Errorf("--after: %w, or \"earliest\" or \"latest\"", err)
		}
	}
	if cmd.Flags().Changed("since") {
		s.Since, err = parseSince(f.since, time.Now())
	}
	return s, err
}

// parseSince reads a time, or a duration before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := event.ParseTime(text)
	if err != nil {
		return t, fmt.Errorf("--since %q: give a time like 2024-05-01T10:00:00Z, or how long ago, like 10m", text)
	}
	return t, nil
}

// runTail shows the subscription until Ctrl-C.
func runTail(cmd *cobra.Command, flags tailFlags, s client.Subscription) error {
	c, err := newClient(*flags.server)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends even a tail whose standard output is stuck
	t := &tail{
		out: newPrinter(cmd.OutOrStdout(), flags.json), notes: newNotes(cmd.ErrOrStderr()),
		behind: s.Last > 0 || !s.Since.IsZero() || s.After != "" && s.After != "latest",
	}
	s.Connected, s.Lost = t.connected, t.disconnected
	for e, err := range c.Subscribe(ctx, s) {
		if err == nil {
			err = t.show(e)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, syscall.EPIPE): // Ctrl-C, or nobody reads any more
			return nil
		case err != nil:
			return remoteError(err)
		}
	}
	return nil
}

// A tail shows one subscription.
type tail struct {
	out   printer
	notes notes

	stood  bool // the subscription stood at least once
	lost   bool // it does not stand now
	behind bool // there are events from before the newest to show
}

func (t *tail) connected() {
	if t.lost {
		t.notes.dim("connected again")
	}
	t.stood, t.lost = true, false
}

// disconnected waits for a server that answered once; one that never did is more likely not there.
func (t *tail) disconnected(reason error, wait time.Duration) error {
	var unreachable *client.UnreachableError
	text := reason.Error()
	switch {
	case errors.As(reason, &unreachable) && !t.stood:
		return reason
	case errors.As(reason, &unreachable):
		text = "no server answers at " + unreachable.Server
	case errors.Is(reason, io.EOF) || errors.Is(reason, io.ErrUnexpectedEOF) || errors.As(reason, new(*net.OpError)):
		text = "the connection broke off"
	}
	t.lost, t.behind = true, true
	t.notes.warnf("%s; trying again in %s", text, wait.Round(100*time.Millisecond))
	return nil
}

func (t *tail) show(e *event.Event) error {
	if e.Type != event.TypeLive {
		return t.out.print(e)
	}
	if t.behind {
		t.notes.dim("live: what was stored before has been shown")
	}
	t.behind = false
	return nil
}
