package baseline

import "sync"

// A Broadcaster hands each published message to a channel per client. One that is full loses the message, as in most
// programs of the kind.
type Broadcaster[M any] struct {
	mu      sync.Mutex // guards the fields below
	last    int
	clients map[chan M]bool
}

// room is how many messages a client may be behind.
const room = 1024

// Subscribe gives a client its channel, and the way out.
func (b *Broadcaster[M]) Subscribe() (messages chan M, leave func()) {
	messages = make(chan M, room)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clients == nil {
		b.clients = make(map[chan M]bool)
	}
	b.clients[messages] = true
	return messages, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.clients, messages)
	}
}

// Publish makes the message of an id, and hands it out.
func (b *Broadcaster[M]) Publish(message func(id int) M) (id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	m := message(b.last)
	for client := range b.clients {
		select {
		case client <- m:
		default:
		}
	}
	return b.last
}
