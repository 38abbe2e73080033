package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the Go that built it",
		Example: "  leat version",
		Args:    checkArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{} // built without modules
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version(info))
			return err
		},
	}
}

// version tells what the Go linker noted; a build of a dirty tree has no commit of its own.
func version(info *debug.BuildInfo) string {
	words := []string{"leat", "(unknown version)"}
	if info.Main.Version != "" {
		words[1] = info.Main.Version
	}
	settings := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		words = append(words, "commit", commit)
	}
	if settings["vcs.modified"] == "true" {
		words = append(words, "(modified)")
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
