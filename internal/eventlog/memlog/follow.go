package memlog

import (
	"context"
	"sort"

	"github.com/leatstream/leat/internal/eventlog"
)

// Follow delivers the events after a sequence as they are stored, until ctx ends or the follower is cut. As soon as
// it follows it delivers an empty batch.
func (l *Log) Follow(ctx context.Context, after uint64, deliver func([]eventlog.Entry)) error {
	l.mu.Lock()
	if err := l.answer(); err != nil {
		l.mu.Unlock()
		return err
	}
	cuts := l.cuts
	l.followers++
	f := &live{}
	if !l.stored() {
		l.live[f] = true
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.followers--
		delete(l.live, f)
	}()
	deliver(nil)
	for {
		batch, changed, cut := l.next(f, after, cuts)
		switch {
		case ctx.Err() != nil:
			return nil
		case cut:
			return ErrCut
		case len(batch) > 0:
			deliver(batch)
			after = batch[len(batch)-1].Sequence()
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// next gives what a follower has not got yet, and what is closed when there is more.
func (l *Log) next(f *live, after uint64, cuts int) (batch []eventlog.Entry, changed <-chan struct{}, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.cuts != cuts:
		return nil, nil, true
	case l.muted:
		return nil, l.changed, false
	case !l.stored():
		batch, f.pending = f.pending, nil
		return batch, l.changed, false
	}
	from := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].Sequence() > after })
	return append(batch, l.entries[from:]...), l.changed, false
}
