package main

import (
	"encoding/json"
	"fmt"

	"github.com/leatstream/leat/client"
	"github.com/spf13/cobra"
)

func newSendCommand() *cobra.Command {
	var key string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "send STREAM COMMAND [DATA]",
		Short: "Send a command to a stream's backend, and print its replies",
		Long: "Send one command and print the backend's replies, a line each, once it has answered. DATA is JSON; \"-\", or\n" +
			"none, reads it from standard input. What the backend publishes goes to the stream's subscribers: see it with\n" +
			"\"leat tail\". Exit status 1 where the command was refused or has failed.",
		Example: `  leat send chat sendMessage '{"text":"Hello!"}'
  leat send chat sendMessage '{"text":"Hello!"}' --key room-1 --json`,
		Args: checkArgs,
	}
	server := addServerFlag(cmd)
	cmd.Flags().StringVar(&key, "key", "", "the `KEY` it is about, such as a room")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print replies as JSON objects with type and data")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, data, err := prepare(cmd, *server, key, "command", args[2:])
		if err != nil {
			return err
		}
		replies, err := c.Send(cmd.Context(), args[0], client.Command{Type: args[1], Key: key, Data: data})
		if err != nil {
			return remoteError(err)
		}
		return printReplies(cmd, replies, asJSON)
	}
	return cmd
}

func printReplies(cmd *cobra.Command, replies []client.Reply, asJSON bool) error {
	for _, r := range replies {
		line := fmt.Appendf(nil, "%s %s", r.Type, r.Data)
		if asJSON {
			var err error
			if line, err = json.Marshal(r); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}
