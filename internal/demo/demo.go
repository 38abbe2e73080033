// Package demo is what leat demo adds to a node: a contract, producers of its events, a chat's backend, and pages that show them.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
)

// A Demo is one run of leat demo.
type Demo struct {
	Settings node.Settings
	Logger   *slog.Logger
	Output   io.Writer // gets the addresses, and then what to try
	Command  string    // how the reader of Output calls leat
	// ChatBackend makes a process that does ServeChatBackend with the address.
	ChatBackend func(address string) *exec.Cmd
	// Started, where not nil, is called once, when the demo answers and has said what to try.
	Started func(node.Addresses)
}

//go:embed leat.yaml
var contractText []byte

// Contract is what the demo serves.
func Contract() (*contract.Contract, error) { return contract.Parse("leat.yaml", contractText) }

// DataDir is where the demo keeps its data if it is not told otherwise: a second run finds the first one's there,
// wherever it is started.
func DataDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = "." // a user without a home
	}
	return filepath.Join(cache, "leat-demo")
}

// Run serves the demo until ctx ends, then drains and returns nil.
func (d *Demo) Run(ctx context.Context) error {
	c, err := Contract()
	if err != nil {
		return fmt.Errorf("the demo's own contract: %w", err)
	}
	backend, err := d.startChatBackend(ctx, c)
	if err != nil {
		return err
	}
	defer backend.end() // after the drain: commands under way get their answers
	running := false
	n := &node.Node{
		Settings: d.Settings,
		Contract: c,
		Logger:   d.Logger,
		Output:   d.Output,
		Pages:    map[string]http.Handler{"/": serve(page), "/chat": serve(chatPage), "/typed": serve(typedPage)},
		Actions:  map[string]http.Handler{"/chat/backend/start": backend.order(true), "/chat/backend/stop": backend.order(false)},
		Started: func(a node.Addresses) {
			running = true
			if err := d.printGuide(a, backend.status()); err != nil {
				d.Logger.Warn("cannot print what to try", "error", err)
			}
			if d.Started != nil {
				d.Started(a)
			}
		},
		Workers: []func(context.Context, *leat.Server) error{d.publishTelemetry, d.publishOrders, d.publishPrices, backend.tell},
	}
	err = n.Run(ctx)
	if _, wrong := errors.AsType[*node.SettingError](err); err != nil && !running && !wrong {
		return fmt.Errorf("%w\nanother demo beside one that runs: %s demo --listen 127.0.0.1:0 --listen-admin off --listen-grpc off --data DIR",
			err, d.Command)
	}
	return err
}
