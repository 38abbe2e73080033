// Package wheel tells what is due, for as many items as there are connections, with one timer for all.
package wheel

import "time"

// A Wheel holds items under the tick at which they may be due. An item that has been put off in between stays where it is,
// and is looked at again when its tick has come. Whoever owns the wheel guards it with a lock, and asks it every Tick.
type Wheel[T comparable] struct {
	seat  func(T) *Seat // set once
	slots map[int64][]T
	next  int64 // the first tick that has not come yet
}

// Tick is how exact a Wheel is.
const Tick = 50 * time.Millisecond

// A Seat is where in its wheel an item is; the item keeps it.
type Seat struct {
	slot   int64
	number int
}

// New makes a wheel of items that keep their seats.
func New[T comparable](seat func(T) *Seat) Wheel[T] { return Wheel[T]{seat: seat} }

// Add puts an item in that is not in; due are Unix nanoseconds.
func (w *Wheel[T]) Add(item T, due int64) {
	if w.slots == nil {
		w.slots = map[int64][]T{}
		w.next = time.Now().UnixNano() / int64(Tick)
	}
	slot := max((due+int64(Tick)-1)/int64(Tick), w.next)
	*w.seat(item) = Seat{slot, len(w.slots[slot])}
	w.slots[slot] = append(w.slots[slot], item)
}

// Remove takes an item out that may be due at this moment, and then is out already.
func (w *Wheel[T]) Remove(item T) {
	at := *w.seat(item)
	slot := w.slots[at.slot]
	if at.number >= len(slot) || slot[at.number] != item {
		return
	}
	last := slot[len(slot)-1]
	slot[at.number] = last
	w.seat(last).number = at.number
	var none T
	slot[len(slot)-1] = none
	if w.slots[at.slot] = slot[:len(slot)-1]; len(slot) == 1 {
		delete(w.slots, at.slot)
	}
}

// Due takes out all whose tick has come.
func (w *Wheel[T]) Due(now time.Time) []T {
	var due []T
	for ; len(w.slots) > 0 && w.next <= now.UnixNano()/int64(Tick); w.next++ {
		due = append(due, w.slots[w.next]...)
		delete(w.slots, w.next)
	}
	if len(w.slots) == 0 {
		w.slots = nil
	}
	return due
}

// Slots is how many ticks have items: none where nothing is in.
func (w *Wheel[T]) Slots() int { return len(w.slots) }
