// Package grpc serves leat.v1.StreamService, and the typed services of a contract: it hands subscriptions to the hub and events to ingest, over grpc-go's
// own transport and, for the public port, over net/http's.
package grpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/leatstream/leat/contract"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/typed"
)

// A Server answers gRPC calls: leat.v1.StreamService, grpc.health.v1 and server reflection. The same server stands
// behind any number of listeners, and behind ServeHTTP.
type Server struct {
	grpc     *grpcgo.Server
	health   *health.Server
	logger   *slog.Logger
	draining chan struct{} // closed by SetDraining
	givenUp  chan struct{} // closed by GiveUp
	stopping chan struct{} // closed by Stop
	generic  *service
	served   atomic.Pointer[served]
	cut      context.Context    //nolint:containedctx // what ctx of Stop ends is not the calls: cutNow does, after it
	cutNow   context.CancelFunc // ends what does not end by itself
	work     sync.WaitGroup     // goroutines that may outlive the handler that started them

	mu       sync.Mutex     // guards the closing of the channels, and that no request begins after stopping
	requests sync.WaitGroup // calls through ServeHTTP
}

// keepalivePings is the shortest time between two pings of a client: 10 s, with a second for clocks and schedulers,
// as clients that keep to it exactly would be thrown out otherwise.
const keepalivePings = 9 * time.Second

// An idle client is asked as often as a WebSocket's, but has longer for its answer: that comes behind all which a slow one
// has yet to read, up to 4 MB in the kernel. Who takes nothing is ended by the sender, after hub.SlowAfter.
const (
	pingEvery  = 25 * time.Second
	answerWait = 2 * time.Minute
)

// maxMessage is where grpc-go stops reading and decompressing, and writes a status of its own before any handler hears of
// it. What comes over net/http is read past it, see intake and webBody, so that the answer says what would be right.
const maxMessage = 4 << 20

// New makes a server; it starts nothing.
func New(h *hub.Hub, in *ingest.Ingest, b *backend.Backends, c *contract.Contract, api *typed.API, logger *slog.Logger) *Server {
	s := &Server{
		health:   health.NewServer(),
		logger:   logger,
		draining: make(chan struct{}),
		givenUp:  make(chan struct{}),
		stopping: make(chan struct{}),
	}
	s.cut, s.cutNow = context.WithCancel(context.Background())
	s.generic = &service{server: s, hub: h, ingest: in, backends: b}
	s.served.Store(&served{})
	s.grpc = grpcgo.NewServer(
		grpcgo.Creds(plaintext{insecure.NewCredentials()}),
		grpcgo.ForceServerCodecV2(newCodec(func() int { return s.served.Load().limit })),
		grpcgo.MaxRecvMsgSize(maxMessage),
		grpcgo.MaxHeaderListSize(16<<10),
		grpcgo.ConnectionTimeout(5*time.Second), // from accept to HTTP/2's preface
		grpcgo.WaitForHandlers(true),
		grpcgo.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepalivePings, PermitWithoutStream: true}),
		grpcgo.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: answerWait}),
		grpcgo.UnaryInterceptor(s.guardUnary),
		grpcgo.StreamInterceptor(s.guardStream),
		grpcgo.UnknownServiceHandler(s.unknown),
	)
	s.grpc.RegisterService(describe(), s.generic)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	s.health.SetServingStatus(leatv1.StreamService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	s.Change(c, api)
	s.reflect()
	return s
}

// messageLimit is the largest message that is taken: the largest event of the contract, and what is around it.
func messageLimit(c *contract.Contract) int {
	largest := 0
	for _, s := range c.Streams {
		largest = max(largest, s.MaxEventBytes)
	}
	return largest + 8<<10
}

// Serve answers calls on a listener until Stop, and then returns nil; it closes the listener.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(plain{l}); !errors.Is(err, grpcgo.ErrServerStopped) {
		return err
	}
	return nil // stopped before it began
}

// A plain listener hides from grpc-go that its connections are TCP's: it would set TCP_USER_TIMEOUT to the keepalive's
// timeout, and the kernel ends a connection so whose client reads all the time, but with a buffer smaller than what is to
// be sent next (seen after 11 s).
type plain struct{ net.Listener }

// Accept waits for a connection.
func (l plain) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{conn}, nil
}

// SetDraining refuses new calls that subscribe or publish from now on, and tells health checks so. It does not end
// what runs: hub.Drain does.
func (s *Server) SetDraining() {
	s.closeOnce(s.draining)
	s.health.Shutdown()
}

// GiveUp is for when the hub has ended all connections: streams whose clients take nothing get their status without what
// is before it.
func (s *Server) GiveUp() { s.closeOnce(s.givenUp) }

// Stop ends the server when its calls have ended, which is soon after the hub has drained; those that are left when
// ctx ends are cut. It returns when nothing of the server runs any more.
func (s *Server) Stop(ctx context.Context) {
	s.SetDraining()
	s.closeOnce(s.stopping)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.requests.Wait() // first, because GracefulStop would cut these
		s.grpc.GracefulStop()
		s.work.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	s.GiveUp()
	s.cutNow()
	s.grpc.Stop()
	<-ended
}

func (s *Server) closeOnce(c chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !closed(c) {
		close(c)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
