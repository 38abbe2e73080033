// Package leat is the streaming server as a library: it serves the streams of one contract over Server-Sent Events,
// WebSocket and gRPC, in any Go program. Open it, mount Handler in a mux, and Publish.
package leat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/admin"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/grpc"
	"github.com/leatstream/leat/internal/transport/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// A Server serves one contract. It has no listener of its own: mount Handler, and give ServeGRPC one.
type Server struct {
	logger   *slog.Logger
	registry *prometheus.Registry
	log      *eventlog.Log
	hub      *hub.Hub
	ingest   *ingest.Ingest
	backends *backend.Backends
	grpc     *grpc.Server
	sockets  *websocket.Handler
	requests *requests
	reloads  *prometheus.CounterVec
	serving  atomic.Pointer[serving]
	public   http.Handler
	admin    http.Handler
	stop     context.CancelFunc // ends the hub
	stopped  chan error         // the hub has ended
	close    func() error       // closeOnce, once

	reloading sync.Mutex // held for a reload; taken before all others
}

// Open starts the event log and makes a server of the contract. ctx bounds the opening alone. Everything that Open
// starts ends with Close.
func Open(ctx context.Context, c *contract.Contract, options ...Option) (*Server, error) {
	if c == nil {
		return nil, errors.New("there is no contract to serve: give Open one, of contract.Load or contract.Parse")
	}
	var o settings
	for _, option := range options {
		option(&o)
	}
	rule, err := o.rule()
	if err != nil {
		return nil, err
	}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	if missing := c.NotBuilt(); len(missing) > 0 {
		return nil, contract.Errors(missing)
	}
	lock, api, err := typedAPI(c, o.logger)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	log, err := eventlog.Open(ctx, eventlog.Options{Dir: o.data, Logger: o.logger, Registry: registry})
	if err != nil {
		return nil, err
	}
	s := &Server{
		logger:   o.logger,
		registry: registry,
		log:      log,
		ingest:   ingest.New(o.logger, registry),
		requests: newRequests(),
		reloads:  newReloads(registry),
		stopped:  make(chan error, 1),
	}
	s.backends = backend.New(backend.Options{Ingest: s.ingest, Logger: o.logger, Registry: registry})
	s.hub = hub.New(hub.Options{Logger: o.logger, Registry: registry, TailEvents: o.tailEvents, Joined: s.joined})
	s.close = sync.OnceValue(s.closeOnce)
	streams, err := log.Streams(ctx, c.Streams)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.grpc = grpc.New(s.hub, s.ingest, s.backends, c, api, o.logger)
	s.sockets = websocket.New(c, s.hub, s.ingest, s.backends, o.logger)
	first := newServing(c, lock, api)
	for i, declared := range c.Streams {
		first.logs[declared.Name] = streams[i]
	}
	s.apply(&serving{contract: &contract.Contract{}}, first)
	s.admin = admin.New(registry, admin.Health(s.Ready, s.note), admin.NewConnections(s.hub, s.ingest, s.streamNames), rule)
	s.public = s.routes(rule)
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.stopped <- s.hub.Run(run) }()
	return s, nil
}

// Handler is all of the public listener: subscribing, publishing, health, Connect and gRPC-Web, and gRPC where the
// request is HTTP/2 (for h2c, the http.Server needs Protocols with UnencryptedHTTP2). A middleware's http.ResponseWriter around it needs
// Unwrap() http.ResponseWriter, or Flush and Hijack. It refuses paths with ".", ".." and empty segments; an
// http.ServeMux before it redirects them instead, to another room or stream, so mount it without one where clients
// are not to be trusted to encode their keys.
func (s *Server) Handler() http.Handler { return s.public }

// AdminHandler is the admin listener: metrics, profiles, health, and the connections, which it can end and push events
// to. It is not for the public; pages of other origins, but for those that WithOrigins names, can change nothing.
func (s *Server) AdminHandler() http.Handler { return s.admin }

// ServeGRPC serves the gRPC services on a listener of their own, at half the cost per message, until Close.
func (s *Server) ServeGRPC(l net.Listener) error { return s.grpc.Serve(l) }

// An Event is what Publish takes.
type Event struct {
	Type string
	Key  string    // empty: where the contract finds it in the data, or the default room
	Time time.Time // zero: when the event log stores it
	Data any       // marshalled as JSON; json.RawMessage as it is
	// IdempotencyKey makes a repeat within 2 minutes store nothing and give the first one's position.
	IdempotencyKey string
}

// Publish checks an event against the contract and stores it. It returns when the event is as durable as the
// contract asks, with its position (zero on a stream of durability none). The error says what is wrong, as an HTTP
// client would be told.
func (s *Server) Publish(ctx context.Context, stream string, e Event) (event.Position, error) {
	data, err := marshal(e.Data)
	if err != nil {
		return event.Position{}, fmt.Errorf("publish to %s: data of %s: %w", stream, e.Type, err)
	}
	given := ingest.Event{Type: e.Type, Data: data}
	if e.Key != "" {
		given.Key = &e.Key
	}
	if !e.Time.IsZero() {
		text := e.Time.Format(time.RFC3339Nano)
		given.Time = &text
	}
	result, err := s.ingest.Publish(ctx, stream, given, ingest.Options{
		IdempotencyKey: e.IdempotencyKey, Names: ingest.Names{IdempotencyKey: "IdempotencyKey"},
	})
	if err != nil {
		return event.Position{}, fmt.Errorf("publish to %s: %w", stream, err)
	}
	return result.ID, nil
}

// marshal gives data as JSON, with no more escapes than it needs; raw JSON passes as it is.
func marshal(data any) ([]byte, error) {
	if raw, ok := data.(json.RawMessage); ok {
		return raw, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(data)
	return text.Bytes(), err
}

// Ready asks the event log for a round trip; an error says why the server should get no requests now.
func (s *Server) Ready(ctx context.Context) error {
	select {
	case <-s.hub.Draining():
		return problem.New(problem.Draining, "this node is shutting down")
	default:
		return s.log.Ping(ctx)
	}
}

// Drain says goodbye to every client, spread evenly over a time, and returns when the last one has gone and what was
// published or commanded has its answer, or ctx ends: the commands that are still with a backend then are answered with
// an error that says to send them again. From now on Ready fails, and who comes is sent elsewhere. Keep the listeners
// answering until it returns.
func (s *Server) Drain(ctx context.Context, over time.Duration) error {
	s.requests.drain()
	s.grpc.SetDraining()
	defer time.AfterFunc(over, s.grpc.GiveUp).Stop()
	return cmp.Or(s.hub.Drain(ctx, over), s.requests.wait(ctx), s.backends.Drain(ctx))
}

// closePatience is how long Close waits for clients that take no goodbye.
const closePatience = 2 * time.Second

// answerPatience is how long Close waits for clients to take the answers to commands that it has ended.
const answerPatience = time.Second

// Close ends all connections, gives the commands that are with a backend a moment for their answers, and closes the event
// log cleanly. Drain first to be gentle. Further calls wait for the
// first one, and return the same.
func (s *Server) Close() error { return s.close() }

func (s *Server) closeOnce() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if err := s.Drain(ctx, 0); err != nil {
		s.logger.Warn("closing with clients that took no goodbye", "error", err)
	}
	s.reloading.Lock()   // one that is under way ends, and no other begins
	s.reloading.Unlock() //nolint:staticcheck // see above
	answered, cancel := context.WithTimeout(context.Background(), answerPatience)
	defer cancel()
	_ = s.hub.Drain(answered, 0) // whoever is left was told of before
	s.grpc.Stop(answered)
	s.stop()
	return errors.Join(s.backends.Close(), <-s.stopped, s.log.Close())
}
