package hub

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// A stream is what the hub keeps for one stream of the contract: its tail, its history, and who subscribes to it.
type stream struct {
	name     string
	contract atomic.Pointer[contract.Stream] // as it is now
	log      Log
	logger   *slog.Logger
	live     bool // durability none: nothing is stored, and there are no positions
	asker    asker
	history  *history

	lineage atomic.Pointer[eventlog.Lineage]
	moved   atomic.Uint64     // counts the tail's changes
	met     *eventlog.Lineage // as it was when the tail was last compared with the log; run's alone

	// follow is taken by whoever appends to the tail, before mu: filling a hole reads the log in between.
	follow chan struct{}
	joined chan struct{} // of size 1: somebody has subscribed

	mu      sync.Mutex // guards the fields below; never held during a read of the log or a write to a socket
	tail    tail
	woken   uint64                                 // up to here, who waits has been woken; the tail's last but for the contract's coalesce
	pausing bool                                   // a pause of coalesce runs
	reset   uint64                                 // counts how often the tail went back
	to      uint64                                 // where it went back to last
	all     []*Subscriber                          // subscribers to everything
	byKey   map[event.Key]map[*Subscriber]struct{} // to one key
	byType  map[string]map[*Subscriber]struct{}    // to some types of every key; each stands under each of its types
	eager   map[*Subscriber]struct{}               // those who wait for the tail to move at all
	count   int
	// listening is closed while the follower of a stream of durability none hears what is published.
	listening chan struct{}
}

func newStream(s *contract.Stream, log Log, o Options) *stream {
	st := &stream{
		name:    s.Name,
		log:     log,
		logger:  o.Logger.With("stream", s.Name),
		live:    s.Durability == contract.None,
		history: newHistory(log),
		follow:  make(chan struct{}, 1),
		joined:  make(chan struct{}, 1),
		tail:    newTail(o.TailEvents, o.TailBytes),
		byKey:   map[event.Key]map[*Subscriber]struct{}{},
		byType:  map[string]map[*Subscriber]struct{}{},
		eager:   map[*Subscriber]struct{}{},

		listening: make(chan struct{}),
	}
	st.contract.Store(s)
	st.asker.ask = log.State
	st.lineage.Store(&eventlog.Lineage{})
	return st
}

// position names a sequence, the zero Position on a stream of durability none.
func (st *stream) position(sequence uint64) event.Position {
	if st.live {
		return event.Position{}
	}
	return st.lineage.Load().Position(sequence)
}

// join puts a subscriber into the index.
func (st *stream) join(s *Subscriber) {
	st.mu.Lock()
	st.count++
	s.resets = st.reset
	s.sent = s.at
	if s.filter.all() {
		s.place = len(st.all)
		st.all = append(st.all, s)
	}
	for _, set := range st.sets(s, true) {
		set[s] = struct{}{}
	}
	st.mu.Unlock()
	s.counters.subscribers.Inc()
	select {
	case st.joined <- struct{}{}:
	default:
	}
}

// standLive puts a subscriber of durability none at the tail's end.
func (st *stream) standLive(s *Subscriber) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s.at, s.sent, s.resets = st.tail.last, st.tail.last, st.reset
}

// leave takes a subscriber out of the index.
func (st *stream) leave(s *Subscriber) {
	st.mu.Lock()
	st.count--
	if s.filter.all() {
		last := st.all[len(st.all)-1]
		st.all[s.place], last.place = last, s.place
		st.all[len(st.all)-1] = nil
		st.all = st.all[:len(st.all)-1]
	}
	for _, set := range st.sets(s, false) {
		delete(set, s)
	}
	delete(st.eager, s)
	if s.inWheel {
		s.pump.forget(s)
	}
	if !s.key.IsZero() && len(st.byKey[s.key]) == 0 {
		delete(st.byKey, s.key)
	}
	st.mu.Unlock()
	s.counters.subscribers.Dec()
}

// sets gives where a subscriber with a filter stands in the index. The caller has the lock.
func (st *stream) sets(s *Subscriber, create bool) []map[*Subscriber]struct{} {
	switch {
	case !s.key.IsZero():
		set := st.byKey[s.key]
		if set == nil && create {
			set = map[*Subscriber]struct{}{}
			st.byKey[s.key] = set
		}
		return []map[*Subscriber]struct{}{set}
	case s.types != nil:
		var sets []map[*Subscriber]struct{}
		for name := range s.types {
			if st.byType[name] == nil {
				st.byType[name] = map[*Subscriber]struct{}{}
			}
			sets = append(sets, st.byType[name])
		}
		return sets
	default:
		return nil
	}
}

// subscribed tells whether there is anybody to follow the log for.
func (st *stream) subscribed() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.count > 0
}

// append adds entries to the tail, and wakes who waits for them: at once, or when the contract's coalesce is over. Those
// known already are passed over. The caller is the follower.
func (st *stream) append(entries []eventlog.Entry) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		sequence := e.Sequence()
		if st.live {
			sequence = st.tail.last + 1
		}
		if sequence > st.tail.last {
			st.tail.append(item{e.Event, sequence, e.StoredAt})
			st.moved.Add(1)
		}
	}
	switch pause := st.contract.Load().Coalesce; {
	case st.woken == st.tail.last, st.pausing:
	case pause > 0:
		st.pausing = true
		time.AfterFunc(pause, st.pauseOver)
	default:
		st.announce()
	}
}

// pauseOver wakes who waits for what came meanwhile.
func (st *stream) pauseOver() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.pausing = false
	st.announce()
}

// announce wakes who waits for what is in the tail and was not announced: the cost of an event is proportional to those
// who get it. The caller has the lock.
func (st *stream) announce() {
	from := st.woken
	if from >= st.tail.last {
		return // it began anew meanwhile
	}
	if from < st.tail.base {
		st.wakeAll(from) // some of it has left the tail already
	}
	for at := max(from, st.tail.base); at < st.tail.last; {
		b := st.tail.block(at)
		for i := b.index(at); i < len(b.items); i++ {
			if b.hole(at, i) > 0 {
				st.wakeAll(at) // the log has lost what is between, and everybody is to be told
			}
			e := &b.items[i]
			wakeSet(st.byKey[e.Key], at)
			wakeSet(st.byType[e.Type.String()], at)
			at = e.sequence
		}
	}
	for _, s := range st.all {
		s.rouse(from)
	}
	wakeSet(st.eager, from)
	clear(st.eager)
	st.woken = st.tail.last
}

// settle waits until an announcement that is under way has reached all.
func (st *stream) settle() {
	st.mu.Lock()
	defer st.mu.Unlock()
}

// begin starts the tail anew behind a sequence. Where it goes back, subscribers who are further on are told.
func (st *stream) begin(last uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.tail.started && last < st.tail.last {
		st.reset++
		st.to = last
	}
	before := st.woken
	st.tail.begin(last)
	st.woken = last
	st.moved.Add(1)
	st.wakeAll(before)
}

// wakeAll moves everybody on who waits, from where the tail ended before.
func (st *stream) wakeAll(from uint64) {
	for _, s := range st.all {
		s.rouse(from)
	}
	wakeSet(st.eager, from)
	for _, set := range st.byKey {
		wakeSet(set, from)
	}
	for _, set := range st.byType {
		wakeSet(set, from)
	}
}

func wakeSet(set map[*Subscriber]struct{}, from uint64) {
	for s := range set {
		s.rouse(from)
	}
}

// rouse moves a subscriber on if it waits. Nothing that it wants is at or before from: its cursor need not go over
// what it would have been woken for. The caller has the stream's lock.
func (s *Subscriber) rouse(from uint64) {
	if !s.waiting {
		return
	}
	s.claim(from)
	if s.wake != nil {
		s.wake <- struct{}{} // has room: it is filled once per wait
		return
	}
	s.pump.push(s)
}

// claim makes a subscriber that waits the caller's, who has the stream's lock. Nothing that it wants is at or before
// from: where nobody woke it, that is up to where all have been woken.
func (s *Subscriber) claim(from uint64) {
	s.waiting = false
	s.at = max(s.at, from)
	s.sent = s.at
}
