package main

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"github.com/leatstream/leat/internal/demo"
	"github.com/leatstream/leat/internal/node"
	"github.com/spf13/cobra"
)

func newDemoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve a demo: readings of this machine, made-up orders and prices, and a chat",
		Long: "Serve a demo until Ctrl-C, and say what to try: a page for the browser, curl, leat tail and others. telemetry\n" +
			"is this machine's real processor, memory, network and disk; orders and prices are made up. The next start goes\n" +
			"on where this one ended, but for telemetry, which is kept in memory. The chat's backend is a process of its own; with\n" +
			"CHAT_BACKEND=URL it is yours.\n\n" +
			"It takes the flags, LEAT_ variables and --config file of leat serve.",
		Example: "  leat demo\n" +
			"  leat demo --listen 127.0.0.1:0 --listen-admin off --listen-grpc off --data another-folder",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := node.NewLogger(cmd.ErrOrStderr(), slog.LevelWarn) // what goes well is to be seen on the page
			loaded, err := node.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			for _, warning := range loaded.Warnings {
				logger.Warn(warning)
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			d := &demo.Demo{
				Settings:    loaded.Settings,
				Logger:      logger,
				Output:      plainUnlessWanted(cmd.OutOrStdout()),
				Command:     ownName(),
				ChatBackend: chatBackend,
			}
			return d.Run(ctx)
		},
	}
	// Whoever ends a demo waits for it, and three streams of a page need no spreading over 20 seconds.
	node.AddFlags(cmd.Flags(), map[string]string{"data": demo.DataDir(), "drain": "1s"})
	return cmd
}

// chatBackend is this program once more. Its name goes with it: a link to the file may decide what the program is.
func chatBackend(address string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	cmd := exec.Command(path, "chat-backend", "--listen", address) //nolint:gosec,noctx // the path is this program's own; it ends with its input
	cmd.Args[0] = os.Args[0]
	return cmd
}

// newChatBackendCommand is what leat demo starts: nobody else needs it.
func newChatBackendCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:    "chat-backend",
		Short:  "Be the backend of the demo's chat, until standard input ends",
		Hidden: true,
		Args:   checkArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.ServeChatBackend(cmd.Context(), listen, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "the address to listen on")
	return cmd
}

// ownName is how the user would call this program again: go run leaves it in a folder that is gone afterwards.
func ownName() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/leat"
	}
	return os.Args[0]
}
