package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A mark says that the log was stopped cleanly, and what each stream on disk held then. It is gone before anything
// is stored, so it is never there after a process was killed; and a stream that differs from it has lost something
// while nobody was looking.
type mark map[string]span

type span struct {
	First  uint64    `json:"first"`
	Last   uint64    `json:"last"`
	End    uint64    `json:"end"`    // of the newest event that was there: before Last where a torn tail is known
	Newest time.Time `json:"newest"` // when the newest event was stored
	Block  block     `json:"block"`
}

// A block is the file that a stream's newest events are in, as it was.
type block struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// A markText is the mark as it lies in the folder.
type markText struct {
	Written time.Time `json:"written"`
	Streams mark      `json:"streams"`
}

const (
	markFile = "clean-shutdown.json"
	// writtenWithin is how far the file's change time may be from the time in it. A copy's is further off, and a
	// copy put back would give out the numbers again that the original has given out since.
	writtenWithin = time.Second / 2
)

// takeMark reads the mark and removes it for good. A copy of one says nothing.
func (f *folder) takeMark() (mark, error) {
	name := f.file(markFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	changed, known, err := changeTime(name)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := os.Remove(name); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := syncPath(f.path); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", f.path, err)
	}
	var m markText
	if json.Unmarshal(text, &m) != nil {
		return nil, nil // half written, so the stop was not clean
	}
	if known && changed.Sub(m.Written).Abs() > writtenWithin {
		return nil, nil
	}
	return m.Streams, nil
}

// leaveMark writes the mark, after everything else is on disk.
func (f *folder) leaveMark(m mark) error {
	text, err := json.Marshal(markText{time.Now(), m})
	if err != nil {
		panic(err) // strings, numbers and times alone
	}
	if err := os.WriteFile(f.file(markFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("data folder %s: %w", f.path, err)
	}
	if err := errors.Join(syncPath(f.file(markFile)), syncPath(f.path)); err != nil {
		return fmt.Errorf("data folder %s: %w", f.path, err)
	}
	return nil
}
