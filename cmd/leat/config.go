package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/leatstream/leat/internal/node"
	"github.com/spf13/cobra"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective settings, and where each comes from",
		Long: "Print what leat serve would run with when it is given the same flags, environment and --config file, and where\n" +
			"each value comes from: a flag wins over the environment, the environment over the file.",
		Example: "  leat config\n" +
			"  LEAT_DRAIN=1m leat config --config node.yaml --listen off",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := node.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			for _, warning := range loaded.Warnings {
				cmd.PrintErrf("leat: %s\n", warning)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			for _, value := range loaded.Values {
				text := value.Text
				if text == "" {
					text = "-"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", value.Name, text, value.Source)
			}
			return table.Flush()
		},
	}
	node.AddFlags(cmd.Flags(), nil)
	return cmd
}
