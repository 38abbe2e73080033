// Package node is one leat process: its settings, its listeners, and the drain that ends it.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"golang.org/x/sync/errgroup"
)

// A Node is one leat process, ready to run.
type Node struct {
	Settings Settings
	Contract *contract.Contract
	Logger   *slog.Logger
	Output   io.Writer // gets the bound addresses, for people and scripts

	// Pages are served on the public listener before leat's own routes: path to handler of GET and HEAD.
	Pages map[string]http.Handler
	// Actions likewise: path to handler of POST.
	Actions map[string]http.Handler
	// Started, where not nil, is called once, when every listener answers.
	Started func(Addresses)
	// Workers run beside the server from the moment it answers until the drain begins. One that returns an error
	// ends the node.
	Workers []func(context.Context, *leat.Server) error
}

// Addresses are where a node listens, as one gives them to a client; empty where a listener is off.
type Addresses struct {
	Public, Admin string // URLs
	GRPC          string // HOST:PORT: with a URL grpcurl waits in vain
}

// goodbye is for clients and backends that take longer than the drain, and then for the last answers to go out. It is short because a
// browser's spare connections, opened and never used, look like those until it is over.
const goodbye = 3 * time.Second

// Run serves until ctx ends, then drains over Settings.Drain, closes the log and returns nil. A *SettingError says
// that the settings do not allow a start.
func (n *Node) Run(ctx context.Context) error {
	bound, err := n.listen(ctx)
	if err != nil {
		return err
	}
	defer bound.close()
	options := []leat.Option{leat.WithData(n.Settings.Data), leat.WithLogger(n.Logger)}
	if bound.public.onLoopback() {
		options = append(options, leat.WithLoopback())
	}
	if origins := n.Settings.origins(); len(origins) > 0 {
		options = append(options, leat.WithOrigins(origins...))
	}
	server, err := leat.Open(ctx, n.Contract, options...)
	if err != nil {
		return err
	}
	err = n.serve(ctx, server, bound)
	return errors.Join(err, server.Close())
}

// serve runs the listeners and the workers until ctx ends or one of them fails, and returns when all are gone.
func (n *Node) serve(ctx context.Context, server *leat.Server, bound *listeners) error {
	group, ctx := errgroup.WithContext(ctx)
	fronts := n.fronts(server, bound)
	for _, front := range fronts {
		group.Go(front.serve)
	}
	addresses := bound.addresses()
	if err := addresses.print(n.Output); err != nil {
		n.Logger.Warn("cannot print the addresses", "error", err)
	}
	n.Logger.Info("serving", "contract", n.Contract.File, "public", addresses.Public, "admin", addresses.Admin,
		"grpc", addresses.GRPC, "data", n.Settings.Data)
	if n.Started != nil {
		n.Started(addresses)
	}
	for _, work := range n.Workers {
		group.Go(func() error {
			if err := work(ctx, server); ctx.Err() == nil {
				return err
			}
			return nil // it was told to stop, and how it did is no failure
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		return n.stop(context.WithoutCancel(ctx), server, fronts)
	})
	return group.Wait()
}

// stop ends the subscriptions one by one while the listeners still answer, and waits for answers under way; then it ends the
// listeners.
func (n *Node) stop(ctx context.Context, server *leat.Server, fronts []front) error {
	n.Logger.Info("draining", "over", n.Settings.Drain.String())
	drain, cancel := context.WithTimeout(ctx, n.Settings.Drain+goodbye)
	defer cancel()
	if err := server.Drain(drain, n.Settings.Drain); err != nil {
		n.Logger.Warn("not every connection ended in time", "error", err)
	}
	last, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	var all errgroup.Group
	for _, front := range fronts {
		all.Go(func() error { return front.stop(last) })
	}
	err := all.Wait()
	n.Logger.Info("stopped")
	return err
}

// print writes one line for each listener that is on, all at once: who has read the first can read the others.
func (a Addresses) print(w io.Writer) error {
	var lines strings.Builder
	for _, line := range []struct{ name, address string }{{"public", a.Public}, {"admin", a.Admin}, {"grpc", a.GRPC}} {
		if line.address != "" {
			fmt.Fprintf(&lines, "leat: %s %s\n", line.name, line.address)
		}
	}
	_, err := io.WriteString(w, lines.String())
	return err
}
