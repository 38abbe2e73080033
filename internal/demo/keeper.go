package demo

import (
	"context"
	"log/slog"
	"os/exec"
	"sync"
	"time"
)

// A keeper has the chat's backend run in a process of its own: again after a crash, not again once it was told to end.
type keeper struct {
	command func(address string) *exec.Cmd
	address string
	logger  *slog.Logger
	orders  chan bool // whether it shall run

	mu      sync.Mutex
	status  status
	changed chan struct{} // closed when there is another status
}

// status is what the stream processes tells.
type status struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	PID    int    `json:"pid,omitzero"`
	Detail string `json:"detail,omitempty"`
}

const (
	starting  = "starting"
	up        = "running"
	stopped   = "stopped"
	crashed   = "crashed"
	elsewhere = "elsewhere" // the user runs one, and has said where
)

// againAfter is how long a crash is to be seen before the next process.
const againAfter = time.Second

func newKeeper(command func(string) *exec.Cmd, address string, logger *slog.Logger) *keeper {
	k := &keeper{command: command, address: address, logger: logger, orders: make(chan bool), changed: make(chan struct{})}
	k.status = status{Name: "chat-backend", State: starting}
	return k
}

// now gives the status, and a channel that is closed when it is no longer true.
func (k *keeper) now() (status, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status, k.changed
}

func (k *keeper) set(state string, pid int, detail string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.State, k.status.PID, k.status.Detail = state, pid, detail
	close(k.changed)
	k.changed = make(chan struct{})
}

// run keeps the backend until ctx ends, and then ends it.
func (k *keeper) run(ctx context.Context) {
	for wanted := true; ctx.Err() == nil; {
		if wanted {
			wanted = k.live(ctx)
			continue
		}
		select {
		case wanted = <-k.orders:
		case <-ctx.Done():
		}
	}
}

// live has one process run to its end, and tells whether another is wanted.
func (k *keeper) live(ctx context.Context) bool {
	k.set(starting, 0, "")
	p, err := start(k.command(k.address))
	if err != nil {
		k.logger.Warn("the backend of the chat does not start", "error", err)
		k.set(stopped, 0, "it does not start: "+err.Error())
		return false
	}
	k.set(up, p.pid(), "")
	for {
		select {
		case err := <-p.ended:
			return k.ended(ctx, err)
		case run := <-k.orders:
			if run {
				continue // it does
			}
			p.end()
			k.set(stopped, 0, "")
			return false
		case <-ctx.Done():
			p.end()
			return false
		}
	}
}

// ended is for a process that nobody here has ended.
func (k *keeper) ended(ctx context.Context, err error) bool {
	if err == nil {
		k.set(stopped, 0, "somebody has told it to end")
		return false
	}
	k.logger.Warn("the backend of the chat has crashed, and is started again", "error", err)
	k.set(crashed, 0, err.Error())
	again := time.NewTimer(againAfter)
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case run := <-k.orders:
		if !run {
			k.set(stopped, 0, "")
		}
		return run
	case <-ctx.Done():
		return false
	}
}
