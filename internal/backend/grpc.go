package backend

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatstream/leat/contract"
	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// overGRPC forwards commands over one call of leat.backend.v1.BackendService, which is made anew when it has ended.
type overGRPC struct {
	stream  string
	headers metadata.MD // the contract's
	timeout time.Duration
	conn    *grpcgo.ClientConn
	logger  *slog.Logger
	dropped prometheus.Counter // see call
	calls   sync.WaitGroup     // goroutines of calls

	opening chan struct{} // has room for the one who makes a call

	mu     sync.Mutex // guards the fields below
	call   *call      // nil before the first command
	number uint64     // of the newest request
}

// maxResponseBytes is where grpc-go gives up a call. A single answer above maxAnswerBytes is refused before.
const maxResponseBytes = 16 << 20

func newOverGRPC(s *contract.Stream, logger *slog.Logger, dropped prometheus.Counter) (*overGRPC, error) {
	u, err := url.Parse(s.Backend.URL)
	if err != nil {
		return nil, err
	}
	secured := insecure.NewCredentials()
	if u.Scheme == "grpcs" {
		secured = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	headers, authority := metadata.MD{}, ""
	for name, value := range s.Backend.Headers {
		if strings.EqualFold(name, "Host") {
			authority = value
			continue
		}
		headers.Append(name, value)
	}
	conn, err := grpcgo.NewClient("dns:///"+u.Host, grpcgo.WithTransportCredentials(secured), grpcgo.WithAuthority(authority),
		grpcgo.WithDefaultCallOptions(grpcgo.MaxCallRecvMsgSize(maxResponseBytes)),
		// The circuit decides how often a backend that is down is tried.
		grpcgo.WithConnectParams(grpcgo.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: openFor},
			MinConnectTimeout: s.Backend.Timeout,
		}),
		// grpc-go's servers throw out who pings more often than every 5 minutes, unless told otherwise.
		grpcgo.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 10 * time.Second}))
	if err != nil {
		return nil, err
	}
	return &overGRPC{
		stream: s.Name, headers: headers, timeout: s.Backend.Timeout, conn: conn, logger: logger, dropped: dropped,
		opening: make(chan struct{}, 1),
	}, nil
}

// close ends the call; nothing is forwarded any more.
func (g *overGRPC) close() error {
	g.mu.Lock()
	if g.call != nil {
		g.call.cancel()
	}
	g.mu.Unlock()
	err := g.conn.Close()
	g.calls.Wait()
	if status.Code(err) == codes.Canceled {
		return nil // it was closed before
	}
	return err
}

func (g *overGRPC) forward(ctx context.Context, c Command) (Answer, error) {
	call, err := g.current(ctx)
	if err != nil {
		return Answer{}, g.unreachable(err)
	}
	request := g.request(ctx, c)
	answered := call.expect(request.Id)
	defer call.forget(request.Id)
	select {
	case call.requests <- request:
	case <-call.ended:
		return Answer{}, g.unreachable(call.err)
	case <-ctx.Done(): // it takes nothing: what is before this command waits for room
		return Answer{}, g.unreachable(ctx.Err())
	}
	select {
	case response := <-answered:
		return answerOfResponse(response)
	case <-call.ended:
		select {
		case response := <-answered: // both had come, and select picks either
			return answerOfResponse(response)
		default:
			return Answer{}, call.lost()
		}
	case <-ctx.Done():
		return Answer{}, late(g.timeout).Because(ctx.Err())
	}
}

// notServed is the problem of a command to an address where no backend is, but another service.
func notServed(err error) error {
	return problem.New(problem.BackendFailed, "the backend has not handled the command: nothing at its address serves "+
		"leat.backend.v1.BackendService").Because(err)
}

func (g *overGRPC) unreachable(err error) error {
	if status.Code(err) == codes.Unimplemented { // the call ended before the command was taken
		return notServed(err)
	}
	return problem.New(problem.BackendUnavailable, "the backend cannot be reached; the command was not sent: send it again").Because(err)
}

func (g *overGRPC) request(ctx context.Context, c Command) *backendv1.HandleRequest {
	g.mu.Lock()
	g.number++
	id := strconv.FormatUint(g.number, 36)
	g.mu.Unlock()
	r := &backendv1.HandleRequest{
		Id: id, Stream: c.Stream, Type: c.Type, Key: c.Key, Data: c.Data,
		Connection: c.Connection, Principal: c.Principal, Source: c.Source, Time: timestamppb.Now(),
	}
	if deadline, ok := ctx.Deadline(); ok {
		r.Timeout = durationpb.New(time.Until(deadline))
	}
	r.Traceparent, r.Tracestate = traceContext(c.Traceparent, c.Tracestate)
	return r
}

// current gives the call that carries commands, and makes one where there is none.
func (g *overGRPC) current(ctx context.Context) (*call, error) {
	if c := g.running(); c != nil {
		return c, nil
	}
	select {
	case g.opening <- struct{}{}:
		defer func() { <-g.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c := g.running(); c != nil { // whoever was opening has made one
		return c, nil
	}
	life, cancel := context.WithCancel(metadata.NewOutgoingContext(context.Background(), g.headers))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := backendv1.NewBackendServiceClient(g.conn).Handle(life)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	c := &call{
		stream: stream, cancel: cancel, logger: g.logger.With("stream", g.stream), dropped: g.dropped,
		requests: make(chan *backendv1.HandleRequest), ended: make(chan struct{}), waiting: map[string]chan *backendv1.HandleResponse{},
	}
	g.calls.Go(c.send)
	g.calls.Go(c.receive)
	g.mu.Lock()
	g.call = c
	g.mu.Unlock()
	return c, nil
}

// running gives the call where there is one that has not ended.
func (g *overGRPC) running() *call {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.call == nil {
		return nil
	}
	select {
	case <-g.call.ended:
		return nil
	default:
		return g.call
	}
}

// answerOfResponse makes of a response what it says; nothing of it is checked yet.
func answerOfResponse(r *backendv1.HandleResponse) (Answer, error) {
	if len(r.GetProblem()) > 0 {
		return Answer{}, refusalOf(r.GetProblem(), len(r.GetReply())+len(r.GetPublish()))
	}
	var a Answer
	size := 0
	for _, m := range r.GetReply() {
		size += len(m.GetData())
		a.Reply = append(a.Reply, Reply{m.GetType(), m.GetData()})
	}
	for _, m := range r.GetPublish() {
		size += len(m.GetData())
		a.Publish = append(a.Publish, Publication{m.GetType(), m.Key, m.GetData()})
	}
	if size > maxAnswerBytes {
		return Answer{}, problem.New(problem.BackendFailed, "the backend may have handled the command, but its answer has more than %d bytes",
			maxAnswerBytes)
	}
	return a, nil
}

// refusalOf makes an error of a response's problem.
func refusalOf(body []byte, events int) error {
	code := problem.StatusIn(body)
	switch {
	case events > 0:
		return problem.New(problem.BackendFailed, "the backend has answered with a problem and with %d events, and both cannot be", events)
	case code == http.StatusServiceUnavailable:
		return problem.New(problem.BackendUnavailable, "the backend says that it cannot handle commands now (503): send it again")
	case code == 0:
		return problem.New(problem.BackendFailed, "the backend has answered with a problem that has no status: it is a JSON object of at most %d bytes, "+
			"with a status of 400 to 499; the backend may have handled the command", problem.MaxForeign).Because(beginning(body))
	case !isRefusal(code):
		return problem.New(problem.BackendFailed, "the backend has answered with a problem of the status %d instead of 400 to 499; "+
			"it may have handled the command", code).Because(beginning(body))
	}
	return problem.Foreign(code, body)
}
