package main

import "github.com/spf13/cobra"

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

// usageArgs makes a complaint about the arguments wrong usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &exitError{exitUsage, err}
		}
		return nil
	}
}
