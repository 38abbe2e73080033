package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/leatstream/leat/internal/document"
	"github.com/spf13/cobra"
)

func newContractExportCommand() *cobra.Command {
	return newGroup(&cobra.Command{
		Use:     "export",
		Short:   "Write a contract as a document that other tools read",
		Example: "  leat contract export openapi --version 3.1 leat.yaml",
	}, newExportOpenAPICommand(), newExportAsyncAPICommand(), newExportMermaidCommand())
}

func newExportOpenAPICommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "openapi [CONTRACT]",
		Short: "Write OpenAPI, what the server answers over plain HTTP (default leat.yaml)",
		Long: "Write what the server of a contract answers over plain HTTP, as OpenAPI: YAML, or JSON where the file's name ends\n" +
			"in .json. The same contract gives the same bytes.",
		Example: "  leat contract export openapi\n" +
			"  leat contract export openapi --version 3.2 -o openapi.json orders.yaml",
		Args: checkArgs,
	}
	version := cmd.Flags().String("version", string(document.DefaultOpenAPI), "`VERSION` of OpenAPI: "+document.OpenAPIVersionNames())
	server := addServerFlag(cmd)
	file := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, err := document.ParseOpenAPIVersion(*version)
		if err != nil {
			return usageError(cmd, "--version: %v", err)
		}
		c, err := loadContract(cmd, contractFile(args))
		if err != nil {
			return err
		}
		return writeDocument(cmd.OutOrStdout(), *file, document.OpenAPI(c, v, strings.TrimSuffix(*server, "/")))
	}
	return cmd
}

func newExportAsyncAPICommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "asyncapi [CONTRACT]",
		Short: "Write AsyncAPI, what the server sends and receives (default leat.yaml)",
		Long: "Write what the server of a contract sends and receives over HTTP and WebSocket, as AsyncAPI 3.1: YAML, or JSON where\n" +
			"the file's name ends in .json. The same contract gives the same bytes.",
		Example: "  leat contract export asyncapi\n" +
			"  leat contract export asyncapi -o asyncapi.json orders.yaml",
		Args: checkArgs,
	}
	server := addServerFlag(cmd)
	file := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := loadContract(cmd, contractFile(args))
		if err != nil {
			return err
		}
		return writeDocument(cmd.OutOrStdout(), *file, document.AsyncAPI(c, strings.TrimSuffix(*server, "/")))
	}
	return cmd
}

func newExportMermaidCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mermaid [CONTRACT]",
		Short: "Draw who says what to whom, for each stream and transport (default leat.yaml)",
		Long:  "Write Markdown with a sequence diagram, in Mermaid, for each stream and transport.",
		Example: "  leat contract export mermaid > streams.md\n" +
			"  leat contract export mermaid -o streams.md orders.yaml",
		Args: checkArgs,
	}
	file := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := loadContract(cmd, contractFile(args))
		if err != nil {
			return err
		}
		return writeText(cmd.OutOrStdout(), *file, document.Mermaid(c))
	}
	return cmd
}

// addOutputFlag adds -o, which every export has.
func addOutputFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("output", "o", "", "`FILE` to write; standard output where not given")
}

// writeDocument writes JSON to a file whose name says so, and YAML elsewhere.
func writeDocument(stdout io.Writer, file string, doc any) error {
	encode := document.YAML
	if filepath.Ext(file) == ".json" {
		encode = document.JSON
	}
	text, err := encode(doc)
	if err != nil {
		return err
	}
	return writeText(stdout, file, text)
}

func writeText(stdout io.Writer, file string, text []byte) error {
	if file == "" {
		_, err := stdout.Write(text)
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("the document cannot be written: %w", err)
	}
	return nil
}
