package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/leatstream/leat/client"
	"github.com/spf13/cobra"
)

const defaultServer = "http://127.0.0.1:8080"

// addServerFlag adds --server, which every command has that speaks to a server.
func addServerFlag(cmd *cobra.Command) *string {
	server := os.Getenv("LEAT_SERVER")
	if server == "" {
		server = defaultServer
	}
	return cmd.Flags().String("server", server, "`URL` of the server's public listener; the default is LEAT_SERVER where that is set")
}

// newClient makes the client of the server that --server names.
func newClient(server string) (*client.Client, error) {
	c, err := client.New(server)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--server: %w", err)}
	}
	return c, nil
}

// remoteError gives an error of the client its exit status, and says what to do where nobody answers; a contract's
// violations stand one on a line.
func remoteError(err error) error {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		lines := []string{refused.Detail}
		for _, v := range refused.Violations {
			if strings.Contains(refused.Detail, v.Detail) {
				continue // it is all that is wrong
			}
			lines = append(lines, v.Pointer+": "+v.Detail)
		}
		return errors.New(strings.Join(lines, "\n"))
	}
	if unreachable, ok := errors.AsType[*client.UnreachableError](err); ok {
		text := "no leat server answers at " + unreachable.Server + `: is "leat serve" running? --server says where`
		if why := unreachable.Err.Error(); !strings.Contains(why, "connection refused") {
			text += "\n" + why
		}
		return &exitError{exitUnreachable, errors.New(text)}
	}
	return err
}
