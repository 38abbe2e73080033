package memlog

import "github.com/leatstream/leat/contract"

// DropOldest removes the n oldest events, as retention does.
func (l *Log) DropOldest(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range min(n, len(l.entries)) {
		l.drop()
	}
}

// Lose removes the events from one sequence to another, both included, wherever they are: it makes a hole.
func (l *Log) Lose(from, to uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.entries[:0:0]
	for _, e := range l.entries {
		if e.Sequence() < from || e.Sequence() > to {
			kept = append(kept, e)
		} else {
			l.bytes -= int64(len(e.Data))
		}
	}
	l.entries = kept
}

// GoBack removes what was stored after a sequence and gives the numbers out again, as after a torn tail: a new
// incarnation begins.
func (l *Log) GoBack(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.entries) > 0 && l.entries[len(l.entries)-1].Sequence() > last {
		l.bytes -= int64(len(l.entries[len(l.entries)-1].Data))
		l.entries = l.entries[:len(l.entries)-1]
	}
	for name, first := range l.named {
		if first.position.Sequence() > last {
			delete(l.named, name)
		}
	}
	l.last = last
	l.lineage = l.lineage.Renew(last)
	l.change()
}

// Restart does what stopping and starting the process does: followers are cut, and a stream in memory begins anew.
func (l *Log) Restart(clean bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := New(l.contract)
	switch {
	case l.contract.Durability == contract.Memory:
		l.lineage, l.entries, l.last, l.bytes, l.named = fresh.lineage, nil, 0, 0, fresh.named
	case !clean:
		l.lineage = l.lineage.Renew(l.last)
	}
	l.cuts++
	l.change()
}

// CutFollowers makes each Follow return ErrCut; what it had not delivered yet it never delivers.
func (l *Log) CutFollowers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts++
	l.change()
}

// Mute keeps followers from getting anything, without an error, until it is called with false.
func (l *Log) Mute(muted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muted = muted
	l.change()
}

// Fail makes every call fail as unavailable, until it is called with nil. Follow calls under way go on.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
}

// Reads counts the batches read, as leat_log_reads_total does.
func (l *Log) Reads() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

// Followers counts the calls of Follow that are under way.
func (l *Log) Followers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.followers
}
