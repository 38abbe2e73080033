package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A call carries requests to a backend, and its responses back, in whatever order they come.
type call struct {
	stream   grpcgo.BidiStreamingClient[backendv1.HandleRequest, backendv1.HandleResponse]
	cancel   context.CancelFunc
	logger   *slog.Logger
	dropped  prometheus.Counter            // responses that reach nobody
	requests chan *backendv1.HandleRequest // without room: who cannot be sent yet can still give up
	ended    chan struct{}                 // closed when it carries nothing any more
	err      error                         // why; set before ended is closed
	alone    bool                          // that it ended is one command's doing: no other waited; set before ended is closed
	blamed   atomic.Bool                   // the circuit knows

	mu      sync.Mutex // guards waiting
	waiting map[string]chan *backendv1.HandleResponse
}

// expect gives where the response to a request will be.
func (c *call) expect(id string) <-chan *backendv1.HandleResponse {
	answered := make(chan *backendv1.HandleResponse, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = answered
	return answered
}

func (c *call) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// send writes requests until the call ends. Send blocks where the backend takes none; it fails with the call.
func (c *call) send() {
	for {
		select {
		case r := <-c.requests:
			if c.stream.Send(r) != nil {
				return // receive gets what is wrong
			}
		case <-c.ended:
			return
		}
	}
}

// receive hands responses to those who wait for them.
func (c *call) receive() {
	defer c.cancel()
	for {
		r, err := c.stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errReturned
			}
			c.mu.Lock()
			c.err, c.alone = err, len(c.waiting) == 1
			c.mu.Unlock()
			close(c.ended)
			return
		}
		c.mu.Lock()
		answered := c.waiting[r.GetId()]
		delete(c.waiting, r.GetId())
		c.mu.Unlock()
		if answered == nil {
			c.dropped.Inc()
			c.logger.Warn("a backend's response reaches nobody: it is late, or answers no request", "id", r.GetId())
			continue
		}
		answered <- r // has room for one
	}
}

// lost is the problem of a command that the backend may have got on this call, which has ended before its answer.
func (c *call) lost() error {
	code := status.Code(c.err)
	var wrong *problem.Error
	switch {
	case code == codes.Unimplemented:
		return notServed(c.err)
	case c.alone && code == codes.ResourceExhausted && strings.Contains(c.err.Error(), "received message larger"):
		return problem.New(problem.BackendFailed, "the backend may have handled the command, but its answer has more than %d bytes",
			maxResponseBytes).Because(c.err)
	case c.alone && isFailure(c.err):
		wrong = problem.New(problem.BackendFailed, "the backend has ended the call that carries commands, before its answer; "+
			"it may have handled the command")
	default:
		wrong = problem.New(problem.BackendGone, "the call that carries commands to the backend has ended before this one's answer; "+
			"the backend may have handled it: send it again if twice is as good as once")
	}
	if c.blamed.CompareAndSwap(false, true) {
		return wrong.Because(c.err)
	}
	return wrong.Because(fmt.Errorf("%w: %w", errWithOthers, c.err))
}

// errReturned is the end of a call whose Handle has returned without an error, as that of a backend does that stops.
var errReturned = errors.New("the backend has returned from Handle")

// errWithOthers marks the failure of a command whose call has ended with that of another one: the backend has failed once.
var errWithOthers = errors.New("it was on the call of another one that has failed")

// isFailure tells whether a backend has ended a call because of what it carried, and not as it went away.
func isFailure(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Aborted, codes.DeadlineExceeded:
		return false
	}
	return !errors.Is(err, errReturned)
}
