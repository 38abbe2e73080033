package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// A folder holds the data of one process at a time.
type folder struct {
	path      string
	temporary bool
	lock      *flock.Flock
}

func openFolder(path string) (*folder, error) {
	f := &folder{path: path}
	if path == "" {
		var err error
		if f.path, err = os.MkdirTemp("", "leat-data-"); err != nil {
			return nil, fmt.Errorf("temporary data folder: %w", err)
		}
		f.temporary = true
	}
	if info, err := os.Stat(f.path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("data folder %s: it is a file: name a folder, which is made where it is missing", f.path)
	}
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		return nil, fmt.Errorf("data folder %s cannot be made: %w: name one that this user may write to", f.path, err)
	}
	f.lock = flock.New(f.file("lock"))
	switch locked, err := f.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("data folder %s cannot be used: %w: name one that this user may write to", f.path, err)
	case !locked:
		return nil, fmt.Errorf("data folder %s: another process uses it: stop that one, or give this one a folder of its own", f.path)
	}
	return f, nil
}

// close lets the next process have the folder.
func (f *folder) close() error {
	if f.temporary {
		return errors.Join(f.lock.Close(), os.RemoveAll(f.path))
	}
	return f.lock.Close()
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// A mark says that the log was stopped cleanly, and what each stream on disk held then. It is gone before anything
// is stored, so it is never there after a process was killed; and a stream that differs from it has lost something
// while nobody was looking.
type mark map[string]span

type span struct {
	First  uint64    `json:"first"`
	Last   uint64    `json:"last"`
	End    uint64    `json:"end"`    // of the newest event that was there: before Last where a torn tail is known
	Newest time.Time `json:"newest"` // when the newest event was stored
}

const markFile = "clean-shutdown.json"

// takeMark reads the mark and removes it for good.
func (f *folder) takeMark() (mark, error) {
	text, err := os.ReadFile(f.file(markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := os.Remove(f.file(markFile)); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := syncPath(f.path); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	var m mark
	if json.Unmarshal(text, &m) != nil {
		return nil, nil // half written, so the stop was not clean
	}
	return m, nil
}

// leaveMark writes the mark, after everything else is on disk.
func (f *folder) leaveMark(m mark) error {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	if err := os.WriteFile(f.file(markFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := errors.Join(syncPath(f.file(markFile)), syncPath(f.path)); err != nil {
		return fmt.Errorf("data folder %s: %w", f.path, err)
	}
	return nil
}

// syncPath brings a file or a folder to the disk.
func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
