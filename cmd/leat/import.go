package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
	"github.com/spf13/cobra"
)

func newContractImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Make a contract of an OpenAPI or AsyncAPI document",
		Long: "Write the contract of a document on standard output: each operation of OpenAPI 3 that answers with text/event-stream\n" +
			"becomes a stream, and each channel of AsyncAPI 2 or 3. What could not be carried over is on standard error, with why.\n" +
			"The commands that take a contract take such a document too: leat serve openapi.yaml.",
		Example: "  leat contract import openapi.yaml > leat.yaml",
		Args:    checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			imported, err := importDocument(args[0])
			if err != nil {
				return err
			}
			for _, skipped := range imported.Skipped {
				cmd.PrintErrln(skipped)
			}
			_, err = cmd.OutOrStdout().Write(imported.YAML)
			return err
		},
	}
}

func importDocument(file string) (*document.Imported, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &exitError{exitContract, fmt.Errorf("%s cannot be read: %w", file, errors.Unwrap(err))}
	}
	imported, err := document.Import(file, text)
	if err != nil {
		return nil, &exitError{exitContract, err}
	}
	return imported, nil
}

// readContract reads a contract, or what can be made one, and tells on standard error what could not be carried over.
func readContract(cmd *cobra.Command, file string) (*contract.Contract, error) {
	c, skipped, err := readWith(file, os.ReadFile)
	for _, one := range skipped {
		cmd.PrintErrf("%v (in an imported document)\n", one)
	}
	return c, err
}

// readWith reads a contract, or a document that can be made one, of the files that read gives; skipped is what of the
// document is not in the contract.
func readWith(file string, read func(path string) ([]byte, error)) (c *contract.Contract, skipped []contract.Error, err error) {
	text, err := read(file)
	if err != nil || !document.IsImportable(file, text) {
		c, err = contract.LoadWith(file, read)
		return c, nil, err
	}
	imported, err := document.Import(file, text)
	if err != nil {
		return nil, nil, err
	}
	return imported.Contract, imported.Skipped, nil
}
