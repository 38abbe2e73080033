package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/lint"
	"github.com/spf13/cobra"
)

func newLintCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Say what is likely to go wrong with an API's streams",
		Long: "Look at a contract (default leat.yaml), or an OpenAPI 3 or AsyncAPI document, and say what is allowed in it but known\n" +
			"to go wrong with streams: why, and what to do instead. The exit status is 1 with findings, 3 if the file is wrong.\n" +
			"A comment # leat-ignore: RULE REASON at the end of a line, or on the line above, takes an exception.",
		Example: "  leat lint\n" +
			"  leat lint openapi.yaml --format sarif > findings.sarif",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(lint.Formats(), format) {
				return usageError(cmd, "--format: %q is none of %s", format, strings.Join(lint.Formats(), ", "))
			}
			file := contractFile(args)
			text, err := os.ReadFile(file)
			if err != nil {
				return &exitError{exitContract, fmt.Errorf("%s cannot be read: %w", file, errors.Unwrap(err))}
			}
			found, err := lint.Check(file, text)
			if wrong, ok := errors.AsType[contract.Errors](err); ok {
				return &exitError{exitContract, wrong}
			}
			if err != nil {
				return &exitError{exitContract, err}
			}
			if err := lint.Write(plainUnlessWanted(cmd.OutOrStdout()), format, found); err != nil {
				return err
			}
			if len(found) > 0 {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "how findings are written: "+strings.Join(lint.Formats(), ", "))
	return cmd
}
