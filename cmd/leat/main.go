// Command leat serves a contract's streams, and is a client for them on the command line.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
	"github.com/leatstream/leat/internal/problem"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	root := newRootCommand()
	os.Exit(status(root.Execute(), root.ErrOrStderr()))
}

func newRootCommand() *cobra.Command {
	root := newGroup(&cobra.Command{
		Use:   "leat",
		Short: "A contract goes in; SSE, WebSocket and gRPC streams come out",
		Long: "leat serves the event streams that a contract file declares: over Server-Sent Events, WebSocket and gRPC,\n" +
			"from one durable event log, so that a client that comes back misses nothing.",
		Example: "  leat demo\n" +
			"  leat serve leat.yaml\n" +
			"  leat tail orders\n" +
			"  leat contract check leat.yaml",
	}, newServeCommand(), newDemoCommand(), newChatBackendCommand(), newPublishCommand(), newSendCommand(), newTailCommand(), newContractCommand(), newInitCommand(), newLintCommand(), newBenchCommand(), newConfigCommand(), newVersionCommand())
	root.SetHelpCommand(newHelpCommand(root))
	root.SilenceErrors, root.SilenceUsage = true, true
	// A group runs only to show its help: "leat [flags]" is not a thing to do.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasAvailableSubCommands}}", 1))
	root.SetFlagErrorFunc(flagError)
	return root
}

// newHelpCommand makes cobra's help, which answers 0 also to a command that there is not.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tell about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && cmd.HasAvailableSubCommands() {
				return cmd.Args(cmd, rest)
			}
			return cmd.Help()
		},
	}
}

func flagError(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		wanted := map[string]string{"int": "a whole number", "bool": "true or false"}
		if want := wanted[invalid.GetFlag().Value.Type()]; want != "" {
			return usageError(cmd, "--%s: %q is not %s", invalid.GetFlag().Name, invalid.GetValue(), want)
		}
	}
	near := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var known []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
		near = problem.DidYouMean(unknown.GetSpecifiedName(), known)
	}
	return usageError(cmd, "%v%s", err, near)
}

// newGroup makes a command that is only there for its subcommands: alone it shows its help.
func newGroup(group *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	group.AddCommand(commands...)
	group.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var known []string
		for _, command := range group.Commands() {
			known = append(known, command.Name())
		}
		return usageError(group, "unknown command %q%s", args[0], problem.DidYouMean(args[0], known))
	}
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return group
}

// status prints what went wrong, if anything did, and gives the exit status.
func status(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	} else if _, ok := errors.AsType[*node.SettingError](err); ok {
		code = exitUsage
	} else if _, ok := errors.AsType[contract.Errors](err); ok { // as of serve, where the contract's lock says otherwise
		code = exitContract
	}
	text := err.Error()
	if text == "" {
		return code
	}
	prefix := "leat: "
	if _, ok := errors.AsType[contract.Errors](err); ok {
		prefix = "" // editors go to FILE:LINE:COL only at the beginning of a line
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(stderr, "%s%s\n", prefix, line)
	}
	return code
}
