package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/x/term"
	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/event"
	"github.com/spf13/cobra"
)

func newPublishCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "publish STREAM TYPE [DATA]",
		Short: "Publish one event",
		Long: "Publish one event and print its position, once the server has stored it. DATA is JSON; \"-\", or none, reads\n" +
			"it from standard input.",
		Example: `  leat publish orders order.shipped '{"orderId":"or_12345","when":"2024-05-01T10:00:00Z"}'
  leat publish orders order.shipped < shipped.json
  leat publish chat messageReceived '{"user":"Alice","text":"Hello!"}' --key room-1`,
		Args: checkArgs,
	}
	server := addServerFlag(cmd)
	cmd.Flags().StringVar(&key, "key", "", "the event's `KEY`, on a stream whose contract says \"key: path\"")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, data, err := prepare(cmd, *server, key, "event", args[2:])
		if err != nil {
			return err
		}
		position, err := c.Publish(cmd.Context(), args[0], client.Event{Type: args[1], Key: key, Data: data})
		if err != nil {
			return remoteError(err)
		}
		if position.IsZero() {
			return nil // a stream of durability none has no positions
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), position)
		return err
	}
	return cmd
}

// prepare checks what is sent to a stream, an event or a command, before a server is asked.
func prepare(cmd *cobra.Command, server, key, of string, args []string) (*client.Client, json.RawMessage, error) {
	if cmd.Flags().Changed("key") {
		if _, err := event.ParseKey(key); err != nil {
			return nil, nil, &exitError{exitUsage, fmt.Errorf("--key: %w", err)}
		}
	}
	c, err := newClient(server)
	if err != nil {
		return nil, nil, err
	}
	data, err := inputData(cmd, of, args)
	return c, data, err
}

// maxInput bounds what is read from standard input; the server says what an event may have.
const maxInput = 16 << 20

// inputData is DATA, or what standard input has: of an event or of a command.
func inputData(cmd *cobra.Command, of string, args []string) (json.RawMessage, error) {
	if len(args) > 0 && args[0] != "-" {
		data := json.RawMessage(args[0])
		return data, checkData("DATA is", of, data)
	}
	in := cmd.InOrStdin()
	if file, ok := in.(*os.File); ok && term.IsTerminal(file.Fd()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "leat: type the %s's data as JSON, then Ctrl-D on a line of its own\n", of)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read standard input: %w", err)
	case len(data) > maxInput:
		return nil, &exitError{exitUsage, fmt.Errorf("standard input has more than %d MiB: one %s is read", maxInput>>20, of)}
	case len(bytes.TrimSpace(data)) == 0:
		return nil, &exitError{exitUsage, fmt.Errorf("standard input was empty: give the %s's data as JSON there, or as DATA", of)}
	}
	return data, checkData("standard input is", of, data)
}

// checkData tells of what is no JSON before a server is asked.
func checkData(what, of string, data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return &exitError{exitUsage, fmt.Errorf("%s empty: give the %s's data as JSON", what, of)}
	}
	err := json.Unmarshal(data, new(json.RawMessage))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &exitError{exitUsage, fmt.Errorf("%s not valid JSON at byte %d: %w", what, syntax.Offset, err)}
	}
	return err
}
