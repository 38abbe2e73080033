package eventlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// survived tells whether the stream is known to hold all that it held at the last clean stop, and else which of its
// events is the newest that is left.
//
// JetStream's word is not enough. Where its index is as new as the events, a tail that was torn off changes neither the
// last sequence nor the number of events: what was there is just missing when it is read. Where the index is older, as
// after a kill, the last sequence goes back, and the numbers are given out again.
func (s *Stream) survived(ctx context.Context, info *streamInfo) (end uint64, whole bool, err error) {
	before, clean := s.log.found[s.name]
	// Looking for the newest event loads a block of 8 MiB: with 100 streams of 10 MiB each it took 2 s.
	if untouched, err := s.lastBlock(); clean && err == nil && untouched == before.Block && info.State.Last == before.Last {
		end = before.End
	} else if end, err = s.newest(ctx, info); err != nil {
		return 0, false, err
	}
	switch {
	case !clean:
		return end, false, nil
	case end != before.End || info.State.Last != before.Last:
		return min(end, before.End), false, nil
	case info.State.Messages == 0 && before.First <= before.Last && time.Now().Before(before.Newest.Add(info.Config.MaxAge)):
		return before.First - 1, false, nil // nothing is left, and age has not taken it
	}
	return end, true, nil
}

// end gives the sequence of the newest event at a clean stop, where last is the log's last: a tail that is known to be
// torn is told once.
func (s *Stream) end(last uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last > 0 && last == s.torn.Last {
		return s.torn.First - 1
	}
	return last
}

// newest gives the sequence of the newest event that can be read; of a stream with none, its last.
func (s *Stream) newest(ctx context.Context, info *streamInfo) (uint64, error) {
	last := info.State.Last
	if info.State.Messages == 0 {
		return last, nil
	}
	var failed error
	// The number of sequences up to the newest: from the next one on there is nothing more.
	n := sort.Search(int(last-info.State.First)+1, func(i int) bool {
		m, err := s.next(ctx, last-uint64(i))
		failed = errors.Join(failed, err)
		return m != nil || err != nil
	})
	return last - uint64(n), failed
}

func (s *Stream) blockFile(name string) string { return filepath.Join(s.folder(), "msgs", name) }

// lastBlock gives the file that the newest events are in; the zero block where there is none.
func (s *Stream) lastBlock() (last block, err error) {
	files, err := os.ReadDir(s.blockFile(""))
	if err != nil {
		return block{}, err
	}
	highest := -1
	for _, file := range files {
		number, isBlock := strings.CutSuffix(file.Name(), ".blk")
		if n, err := strconv.Atoi(number); isBlock && err == nil && n > highest {
			highest, last.Name = n, file.Name()
		}
	}
	if last.Name == "" {
		return block{}, nil
	}
	info, err := os.Stat(s.blockFile(last.Name))
	if err != nil {
		return block{}, err
	}
	last.Size = info.Size()
	return last, nil
}
