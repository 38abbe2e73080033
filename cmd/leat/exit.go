package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses, the same for every command.
const (
	exitFailed      = 1 // or findings
	exitUsage       = 2
	exitContract    = 3 // the contract is wrong, missing or asks for what is not built yet
	exitUnreachable = 4 // no server answers
)

// An exitError ends the process with a status; main prints err, where there is one.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is wrong usage, and where the right one is told.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf("%s (see %s --help)", fmt.Sprintf(format, args...), cmd.CommandPath())}
}

// checkArgs takes the arguments that cmd.Use names, of which those in brackets can be left out.
func checkArgs(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	usage := strings.Join(append([]string{"the usage is", cmd.CommandPath()}, names...), " ")
	if len(names) == 0 {
		usage += ", with flags alone"
	}
	if len(args) > len(names) {
		return usageError(cmd, "unexpected argument %q: %s", args[len(names)], usage)
	}
	var missing []string
	for _, name := range names[len(args):] {
		if !strings.HasPrefix(name, "[") {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return usageError(cmd, "%s is missing: %s", missing[0], usage)
	}
	return usageError(cmd, "%s are missing: %s", strings.Join(missing, " and "), usage)
}
