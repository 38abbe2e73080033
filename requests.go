package leat

import (
	"context"
	"net/http"
	"sync"

	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// requests are those over HTTP that publish or command. A drain sends new ones elsewhere, and waits for those under way.
type requests struct {
	mu       sync.Mutex // guards the fields below
	underWay int
	draining bool
	ended    chan struct{} // closed when none is under way, draining
}

func newRequests() *requests { return &requests{ended: make(chan struct{})} }

// unlessDraining refuses what comes in a drain.
func (rs *requests) unlessDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rs.begin() {
			ingest.Refuse(w, r, problem.New(problem.Draining, "this node is shutting down; nothing was stored or sent: send it again"))
			return
		}
		defer rs.end()
		next.ServeHTTP(w, r)
	})
}

func (rs *requests) begin() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.draining {
		return false
	}
	rs.underWay++
	return true
}

func (rs *requests) end() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.underWay--; rs.draining && rs.underWay == 0 {
		close(rs.ended)
	}
}

// drain takes no more.
func (rs *requests) drain() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.draining {
		return
	}
	if rs.draining = true; rs.underWay == 0 {
		close(rs.ended)
	}
}

// wait waits until those under way have their answers, or ctx ends.
func (rs *requests) wait(ctx context.Context) error {
	select {
	case <-rs.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
