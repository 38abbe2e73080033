package main

import (
	"fmt"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
	"github.com/spf13/cobra"
)

func newContractCommand() *cobra.Command {
	return newGroup(&cobra.Command{
		Use:     "contract",
		Short:   "Work with contract files",
		Example: "  leat contract check orders.yaml",
	}, newContractCheckCommand(), newContractLockCommand(), newContractDiffCommand(), newContractExportCommand(), newContractImportCommand(),
		newContractSchemaCommand())
}

func newContractCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [CONTRACT]",
		Short: "Say all that is wrong with a contract (default leat.yaml)",
		Long: "Say all that is wrong with a contract, as FILE:LINE:COL, and exit with status 3 if anything is. What is right\n" +
			"but not built yet is told, and passes; leat serve does not start on it. The numbers of the typed gRPC services are\n" +
			"written to the contract's lock, as leat contract lock does.",
		Example: "  leat contract check\n" +
			"  leat contract check orders.yaml",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadContract(cmd, contractFile(args))
			if err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				cmd.PrintErrf("%v (a warning)\n", warning)
			}
			for _, missing := range c.NotBuilt() {
				cmd.PrintErrf("%v (leat serve will not start)\n", missing)
			}
			written, err := writeLock(c)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), summary(c)); err != nil || !written {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: written; commit it with the contract\n", typed.LockFile(c.File))
			return err
		},
	}
}

func contractFile(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "leat.yaml"
}

func loadContract(cmd *cobra.Command, file string) (*contract.Contract, error) {
	c, err := readContract(cmd, file)
	if err != nil {
		return nil, &exitError{exitContract, err}
	}
	if err := handled(c); err != nil {
		return nil, &exitError{exitContract, err}
	}
	return c, nil
}

// handled refuses commands that only a Go program could handle.
func handled(c *contract.Contract) error {
	if unhandled := c.Unhandled(); len(unhandled) > 0 {
		return contract.Errors(unhandled)
	}
	return nil
}

func summary(c *contract.Contract) string {
	events, commands := 0, 0
	for _, s := range c.Streams {
		events += len(s.Events)
		commands += len(s.Commands)
	}
	text := fmt.Sprintf("%s: ok, %s, %s", c.File, count(len(c.Streams), "stream"), count(events, "event type"))
	if commands > 0 {
		text += ", " + count(commands, "command")
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
