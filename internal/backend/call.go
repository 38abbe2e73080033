package backend

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	grpcgo "google.golang.org/grpc"
)

// A call carries requests to a backend, and its responses back, in whatever order they come.
type call struct {
	stream   grpcgo.BidiStreamingClient[backendv1.HandleRequest, backendv1.HandleResponse]
	cancel   context.CancelFunc
	logger   *slog.Logger
	requests chan *backendv1.HandleRequest // without room: who cannot be sent yet can still give up
	ended    chan struct{}                 // closed when it carries nothing any more
	err      error                         // why; set before ended is closed

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
				err = errors.New("the backend has returned from Handle")
			}
			c.err = err
			close(c.ended)
			return
		}
		c.mu.Lock()
		answered := c.waiting[r.GetId()]
		delete(c.waiting, r.GetId())
		c.mu.Unlock()
		if answered == nil {
			c.logger.Warn("a backend's response reaches nobody: it is late, or answers no request", "id", r.GetId())
			continue
		}
		answered <- r // has room for one
	}
}
