package grpc

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
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
	ctx := context.WithValue(r.Context(), responseKey{}, response)
	if r.Body != nil {
		body := newIntake(r.Body)
		ctx = context.WithValue(ctx, intakeKey{}, body)
		r = r.WithContext(ctx)
		r.Body = body
	}
	s.grpc.ServeHTTP(response, r.WithContext(ctx))
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

// A response notices when a write makes no progress for hub.SlowAfter. It then cuts its HTTP/2 stream, unless that has a
// sender: its handler does so in time. A status of the handler's would wait behind the write.
type response struct {
	http.ResponseWriter
	controller *http.ResponseController
	timer      *time.Timer
	stalled    chan struct{}          // closed when a write has made no progress for hub.SlowAfter
	sender     atomic.Pointer[sender] // nil where the handler has none
	written    int64                  // bytes; belongs to who writes
	writing    atomic.Bool

	mu   sync.Mutex // guards done, and is held while the stream is cut
	done bool       // net/http has the ResponseWriter back
}

// responseKey is the response's in the context of its call.
type responseKey struct{}

func newResponse(w http.ResponseWriter) *response {
	r := &response{ResponseWriter: w, controller: http.NewResponseController(w), stalled: make(chan struct{})}
	r.timer = time.AfterFunc(hub.SlowAfter, sync.OnceFunc(func() {
		close(r.stalled)
		if r.sender.Load() == nil {
			r.cut()
		}
	}))
	r.timer.Stop()
	return r
}

// piece is how much one write hands to net/http, so that a large message to a slow but reading client is seen to
// make progress: the size of an HTTP/2 frame.
const piece = 16 << 10

// Write writes to the client, in pieces.
func (r *response) Write(p []byte) (n int, err error) {
	for {
		r.begin()
		written, err := r.ResponseWriter.Write(p[n:min(n+piece, len(p))])
		r.end()
		n += written
		r.written += int64(written)
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// begin and end are around what may block.
func (r *response) begin() {
	r.timer.Reset(hub.SlowAfter)
	r.writing.Store(true)
}

func (r *response) end() {
	r.writing.Store(false)
	r.timer.Stop()
}

// Flush sends what is written.
func (r *response) Flush() {
	r.begin()
	_ = r.controller.Flush() // the next write fails too, and grpc-go sees the request's context end
	r.end()
	if s := r.sender.Load(); s != nil {
		s.pass(r.written)
	}
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
	r.timer.Stop()
}
