package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
	"github.com/spf13/cobra"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [CONTRACT]",
		Short: "Serve the streams of a contract (default leat.yaml)",
		Long: "Serve the streams of a contract until SIGTERM or Ctrl-C; then end the connections one by one, close the\n" +
			"event log and exit. A second signal ends it at once. When the contract's file changes, or on SIGHUP, what is\n" +
			"compatible takes effect (see leat contract diff), and no connection ends.\n\n" +
			"Each flag is also a variable in the environment (LEAT_LISTEN_ADMIN) and a field of the --config file\n" +
			"(listen-admin). See what came out of them with: leat config",
		Example: "  leat serve\n" +
			"  leat serve orders.yaml --listen 127.0.0.1:0 --data /var/lib/leat\n" +
			"  LEAT_DRAIN=1m leat serve orders.yaml --listen :8080 --allow-anonymous",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			logger := node.NewLogger(cmd.ErrOrStderr(), slog.LevelInfo)
			loaded, err := node.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			for _, warning := range loaded.Warnings {
				logger.Warn(warning)
			}
			c, err := loadContract(cmd, contractFile(args))
			if len(args) == 0 && errors.Is(err, fs.ErrNotExist) {
				return &exitError{exitContract, fmt.Errorf("there is no %s in this folder: name a contract (leat serve CONTRACT), "+
					"or see one at work with: leat demo", contractFile(nil))}
			}
			if err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				logger.Warn(warning.Text, "at", fmt.Sprintf("%s:%d:%d", warning.File, warning.Line, warning.Col))
			}
			if missing := c.NotBuilt(); len(missing) > 0 {
				return &exitError{exitContract, contract.Errors(missing)}
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			reloader := &node.Reloader{File: contractFile(args), Read: readAgain, Logger: logger}
			n := &node.Node{Settings: loaded.Settings, Contract: c, Logger: logger, Output: cmd.OutOrStdout(),
				Workers: []func(context.Context, *leat.Server) error{reloader.Run}}
			return n.Run(ctx)
		},
	}
	node.AddFlags(cmd.Flags(), nil)
	return cmd
}

// readAgain reads a contract, or a document that can be made one, as it was read at the start, where it was told what of a
// document is left out.
func readAgain(file string, read func(path string) ([]byte, error)) (*contract.Contract, error) {
	c, _, err := readWith(file, read)
	if err == nil {
		err = handled(c)
	}
	return c, err
}

// untilSignal gives a context that ends with Ctrl-C or SIGTERM. From then on signals have their usual effect again, so
// that a second one ends the process at once.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals) // before anybody hears of the first one, or the second could be swallowed
		cancel()
	}()
	return ctx, cancel
}
