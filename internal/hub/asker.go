package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leatstream/leat/internal/eventlog"
)

// An asker asks a stream's log for its state. Requests that come while one is under way wait for the next one
// together: an answer begun before a request might not know what was acknowledged in between.
type asker struct {
	ask   func(context.Context) (eventlog.State, error) // set once
	group sync.WaitGroup                                // of run; added to only before ended is set

	mu      sync.Mutex // guards the fields below; the innermost lock
	running bool
	ended   bool
	next    *answer
}

type answer struct {
	done  chan struct{} // closed when state and err are there
	state eventlog.State
	err   error
}

// errEnded is for requests that come when the hub is gone: HTTP servers around it end by themselves.
var errEnded = errors.New("the hub has ended")

// stateTimeout bounds one round trip to the log.
const stateTimeout = 5 * time.Second

// state gives what the log says to a question asked from now on.
func (a *asker) state(ctx context.Context) (eventlog.State, error) {
	a.mu.Lock()
	if a.ended {
		a.mu.Unlock()
		return eventlog.State{}, errEnded
	}
	if a.next == nil {
		a.next = &answer{done: make(chan struct{})}
	}
	mine := a.next
	if !a.running {
		a.running = true
		a.group.Go(a.run)
	}
	a.mu.Unlock()
	select {
	case <-mine.done:
		return mine.state, mine.err
	case <-ctx.Done():
		return eventlog.State{}, context.Cause(ctx)
	}
}

// end takes no more questions, and waits for the answer to the last one.
func (a *asker) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.group.Wait()
}

// run answers until nobody waits.
func (a *asker) run() {
	for {
		a.mu.Lock()
		current := a.next
		a.next = nil
		if current == nil {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), stateTimeout) // not a client's: others wait too
		current.state, current.err = a.ask(ctx)
		cancel()
		close(current.done)
	}
}
