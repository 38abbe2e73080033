package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A mark says that the log was stopped cleanly, and what each stream on disk held then. It is gone before anything
// is stored, so it is never there after a process was killed; and a stream that differs from it has lost something
// while nobody was looking.
type mark map[string]span

type span struct {
	First  uint64    `json:"first"`
	Last   uint64    `json:"last"`
	Newest time.Time `json:"newest"` // when the newest event was stored
}

const markFile = "clean-shutdown.json"

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

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
