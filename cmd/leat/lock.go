package main

import (
	"errors"
	"fmt"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
	"github.com/spf13/cobra"
)

func newContractLockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lock [CONTRACT]",
		Short: "Keep the numbers of typed gRPC (default leat.yaml)",
		Long: "Write the numbers of the typed gRPC services to CONTRACT.lock: commit it with the contract. What would change for\n" +
			"clients that exist is refused, as FILE:LINE:COL, with status 3.",
		Example: "  leat contract lock\n" +
			"  leat contract lock orders.yaml",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadContract(cmd, contractFile(args))
			if err != nil {
				return err
			}
			written, err := writeLock(c)
			if err != nil {
				return err
			}
			told := "has every number already"
			if written {
				told = "written; commit it with the contract"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", typed.LockFile(c.File), told)
			return err
		},
	}
}

// writeLock gives numbers to what has none in the contract's lock, and tells whether that changed it.
func writeLock(c *contract.Contract) (bool, error) {
	file := typed.LockFile(c.File)
	lock, err := typed.ReadLock(file)
	if err != nil {
		return false, &exitError{exitContract, err}
	}
	changed, err := lock.Assign(c)
	if wrong, ok := errors.AsType[contract.Errors](err); ok {
		return false, &exitError{exitContract, wrong}
	}
	if err != nil || !changed {
		return false, err
	}
	return true, lock.Write(file)
}
