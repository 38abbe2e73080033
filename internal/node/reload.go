package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
)

// A Reloader has a server serve its contract's file as it changes.
type Reloader struct {
	File string
	// Read makes the contract of the file, and of those that it refers to, and says what of it cannot be served.
	Read   func(file string, read func(path string) ([]byte, error)) (*contract.Contract, error)
	Logger *slog.Logger

	files   []string // that the contract was last read from, or was to be
	known   []byte   // the digest of what was read from them
	watcher *fsnotify.Watcher
}

// settled is how long nothing must happen to the files before they are read: editors and ConfigMaps write in several steps.
// Who writes without a pause is read after longest all the same.
const (
	settled = 200 * time.Millisecond
	longest = time.Second
)

// Run reloads when the contract's file, or one that it refers to, has changed, and on SIGHUP, until ctx ends. Where files
// cannot be watched it says so, and SIGHUP is left.
func (r *Reloader) Run(ctx context.Context, server *leat.Server) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	var events chan fsnotify.Event
	var failures chan error
	var err error
	if r.watcher, err = fsnotify.NewWatcher(); err == nil {
		defer r.watcher.Close()
		events, failures = r.watcher.Events, r.watcher.Errors
	} else {
		r.Logger.Warn("the contract's file is not watched: send SIGHUP when it has changed", "error", err)
	}
	r.begin(ctx, server)
	// What changes while the files are read, or before they are watched, is seen when it fires.
	quiet := time.NewTimer(settled)
	defer quiet.Stop()
	var first time.Time // when the first thing happened that was not looked at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(min(settled, longest-time.Since(first)))
			continue
		case err := <-failures:
			r.Logger.Warn("watching the contract's file has failed; it is read to be sure", "error", err)
			quiet.Reset(settled)
			continue
		case <-hangups:
		case <-quiet.C:
			first = time.Time{}
			if bytes.Equal(r.digest(os.ReadFile), r.known) {
				continue
			}
		}
		r.reload(ctx, server)
		quiet.Reset(settled)
	}
}

// begin finds the files, and reloads if one has changed since the server has begun.
func (r *Reloader) begin(ctx context.Context, server *leat.Server) {
	c, err := r.load()
	r.watch()
	if err != nil || len(contract.Compare(server.Contract(), c).List) > 0 {
		r.reload(ctx, server)
	}
}

func (r *Reloader) reload(ctx context.Context, server *leat.Server) {
	before := server.Contract()
	err := server.Reload(ctx, r.load)
	r.watch()
	wrong, located := errors.AsType[contract.Errors](err)
	switch {
	case err == nil:
		changes := contract.Compare(before, server.Contract())
		r.Logger.Info("serving the contract as it is now", "contract", r.File, "version", changes.To, "changes", len(changes.List))
	case located:
		for _, e := range wrong {
			r.Logger.Error("the contract has changed and is not served, the one before is: "+e.Text, "at", fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Col))
		}
	default:
		r.Logger.Error("the contract has changed and is not served, the one before is", "contract", r.File, "error", err)
	}
}

// load reads the contract, and notes from where, and what was there.
func (r *Reloader) load() (*contract.Contract, error) {
	r.files = []string{typed.LockFile(r.File)}
	found := map[string]read{}
	_, _ = find(found, r.files[0]) // it is read after the contract, and may be missing
	c, err := r.Read(r.File, func(path string) ([]byte, error) {
		r.files = append(r.files, path)
		return find(found, path)
	})
	r.known = r.digest(func(path string) ([]byte, error) { return found[path].text, found[path].err })
	return c, err
}

// read is what was read from a file.
type read struct {
	text []byte
	err  error
}

func find(found map[string]read, path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	found[path] = read{text, err}
	return text, err
}

// watch watches the folders: a ConfigMap swaps links, and an editor files, which no watch of a file survives. Of a folder
// that is to come it watches where that will be.
func (r *Reloader) watch() {
	for _, file := range r.files {
		if r.watcher == nil {
			return
		}
		r.watchFolder(filepath.Dir(file))
		if target, err := filepath.EvalSymlinks(file); err == nil && target != file {
			r.watchFolder(filepath.Dir(target)) // a change in there does not touch the link
		}
	}
}

func (r *Reloader) watchFolder(folder string) {
	for !exists(folder) && folder != filepath.Dir(folder) {
		folder = filepath.Dir(folder)
	}
	if err := r.watcher.Add(folder); err != nil {
		r.Logger.Warn("a folder of the contract is not watched: send SIGHUP when something in it has changed", "folder", folder, "error", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// digest changes with the files, and with which there are.
func (r *Reloader) digest(read func(string) ([]byte, error)) []byte {
	sum := sha256.New()
	for _, file := range r.files {
		text, err := read(file)
		fmt.Fprintf(sum, "%s %d %t\n", file, len(text), err == nil)
		sum.Write(text)
	}
	return sum.Sum(nil)
}
