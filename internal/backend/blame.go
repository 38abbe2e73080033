package backend

import (
	"errors"
	"sync"

	"github.com/leatstream/leat/internal/problem"
)

// A blame tells a backend that fails from a client whose commands it fails on: of the failures in a row that a command may
// be the cause of, one client has a share, and what it has beyond that says nothing of the backend. So one client alone
// cannot open the circuit for all.
type blame struct {
	mu sync.Mutex     // guards of
	of map[string]int // failures since the last success, by client; never more than tripAfter clients
}

// share is how many of the failures that open a circuit one client can have.
const share = tripAfter / 2

// errOwn marks a failure that is one too many of its client.
type errOwn struct{ error }

func (e errOwn) Unwrap() error { return e.error }

// judge marks what does not count against the backend. Clients without a name are each another one.
func (b *blame) judge(client string, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case isSuccess(err):
		clear(b.of)
		return err
	case client == "" || !isOfCommand(err):
		return err
	case b.of[client] >= share:
		return errOwn{err}
	}
	if b.of == nil || b.of[client] == 0 && len(b.of) == tripAfter { // then it is not for one of these
		b.of = map[string]int{}
	}
	b.of[client]++
	return err
}

// isOfCommand tells whether a command may be what the backend has failed on, and not only have met a backend that is down.
func isOfCommand(err error) bool {
	p, ok := errors.AsType[*problem.Error](err)
	return ok && (p.Kind == problem.BackendFailed || p.Kind == problem.BackendLate)
}

// isSuccess tells whether the backend has done its part; a refusal is that too.
func isSuccess(err error) bool {
	p, ok := errors.AsType[*problem.Error](err)
	return err == nil || ok && p.Kind == problem.Refused
}
