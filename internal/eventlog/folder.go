package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// syncPath brings a file or a folder to the disk.
func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
