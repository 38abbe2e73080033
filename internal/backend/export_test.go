package backend

// Slots for a test, without goroutines: who waits is told by a channel.
type Slots struct{ slots *slots }

// NewSlots makes n places.
func NewSlots(n int) Slots { return Slots{newSlots(n)} }

// Join takes the last place in a lane; given is closed when its turn has come, and quit is for who waits no longer.
func (s Slots) Join(name string) (given <-chan struct{}, leave func(), quit func() bool) {
	l, got, err := s.slots.join(name)
	if err != nil {
		panic(err)
	}
	return got.Value.(chan struct{}), func() { s.slots.leave(l) }, func() bool { return s.slots.quit(l, got) }
}

// Lanes is how many are kept.
func (s Slots) Lanes() int { return len(s.slots.lanes) + s.slots.waiting.Len() }
