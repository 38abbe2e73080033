package grpc

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/leatstream/leat/internal/hub"
)

// ServeHTTP answers a call that came over net/http: HTTP/2, and a content type that begins with application/grpc.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		// gRPC over HTTP/2, "Trailers-Only": grpc-go would answer nothing at all once it is stopped.
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", strconv.Itoa(int(codes.Unavailable)))
		w.Header().Set("Grpc-Message", drainingText)
		return
	}
	defer s.requests.Done()
	response := newResponse(w)
	defer response.close()
	defer context.AfterFunc(s.cut, response.cut)()
	s.grpc.ServeHTTP(response, r)
}

func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if closed(s.stopping) {
		return false
	}
	s.requests.Add(1)
	return true
}

// A response cuts its HTTP/2 stream when a write makes no progress for hub.SlowAfter. Nothing else would wake the
// goroutine of net/http that writes to a client that has stopped reading.
type response struct {
	http.ResponseWriter
	controller *http.ResponseController
	stalled    *time.Timer

	mu   sync.Mutex // guards done, and is held while the stream is cut
	done bool       // net/http has the ResponseWriter back
}

func newResponse(w http.ResponseWriter) *response {
	r := &response{ResponseWriter: w, controller: http.NewResponseController(w)}
	r.stalled = time.AfterFunc(hub.SlowAfter, r.cut)
	r.stalled.Stop()
	return r
}

// piece is how much one write hands to net/http, so that a large message to a slow but reading client is seen to
// make progress: the size of an HTTP/2 frame.
const piece = 16 << 10

// Write writes to the client, in pieces.
func (r *response) Write(p []byte) (n int, err error) {
	for {
		r.stalled.Reset(hub.SlowAfter)
		written, err := r.ResponseWriter.Write(p[n:min(n+piece, len(p))])
		r.stalled.Stop()
		n += written
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// Flush sends what is written.
func (r *response) Flush() {
	r.stalled.Reset(hub.SlowAfter)
	_ = r.controller.Flush() // the next write fails too, and grpc-go sees the request's context end
	r.stalled.Stop()
}

// cut ends the stream at once; writes under way fail.
func (r *response) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done {
		_ = r.controller.SetWriteDeadline(time.Unix(1, 0)) // a writer without deadlines is a test's
	}
}

func (r *response) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	r.stalled.Stop()
}
