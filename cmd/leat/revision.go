package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/leatstream/leat/contract"
)

// loadOld loads a contract from a file; where there is none of that name, from a git revision, in which it has the path
// of another one, or that after the colon.
func loadOld(ctx context.Context, name, file string) (*contract.Contract, error) {
	if _, err := os.Stat(name); err == nil {
		c, _, err := readWith(name, os.ReadFile)
		return c, err
	}
	r, file, err := newRevision(ctx, name, file)
	if err != nil {
		return nil, err
	}
	c, _, err := readWith(file, r.read)
	if wrong, ok := errors.AsType[contract.Errors](err); ok {
		for i := range wrong {
			wrong[i].File = r.name + ":" + wrong[i].File
		}
	}
	return c, err
}

// A revision reads files as git has them.
type revision struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one comparison
	name string
	dir  string // in the repository
}

func newRevision(ctx context.Context, name, file string) (*revision, string, error) {
	r := &revision{ctx: ctx, name: name, dir: filepath.Dir(file)}
	rest, path, explicit := strings.Cut(name, ":")
	if r.name = rest; explicit {
		r.dir = "."
	}
	if _, err := r.git("rev-parse", "--verify", "--quiet", "--end-of-options", r.name+"^{commit}"); err != nil {
		return nil, "", fmt.Errorf("%s is neither a file nor a git revision", name)
	}
	if !explicit {
		return r, file, nil
	}
	if strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../") {
		return r, filepath.Clean(path), nil
	}
	top, err := r.git("rev-parse", "--show-cdup") // paths in revisions begin there
	if err != nil {
		return nil, "", err
	}
	return r, filepath.Join(strings.TrimSpace(string(top)), filepath.FromSlash(path)), nil
}

// read gives a file's text in the revision.
func (r *revision) read(path string) ([]byte, error) {
	folder, err := filepath.Abs(r.dir)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(folder, absolute)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	if !strings.HasPrefix(relative, "../") {
		relative = "./" + relative
	}
	text, err := r.git("show", "--end-of-options", r.name+":"+relative)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is not in git's %s", r.name)}
	}
	return text, nil
}

func (r *revision) git(args ...string) ([]byte, error) {
	var complaint bytes.Buffer
	cmd := exec.CommandContext(r.ctx, "git", args...)
	cmd.Dir, cmd.Stderr = r.dir, &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
