package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/farewell"
)

// A front is one server on one listener.
type front struct {
	serve func() error                // until stop; nil then
	stop  func(context.Context) error // lets answers under way end until the context does
}

// Limits of the HTTP listeners.
const (
	maxHeaderBytes = 16 << 10
	// Beyond what net/http reads it answers by itself, in text, and on HTTP/2 it ends the connection with all its
	// streams. So it reads more than is taken.
	readHeaderBytes = 4 * maxHeaderBytes
	headersWithin   = 5 * time.Second
	idleFor         = 2 * time.Minute
	// One gRPC client puts all its streams on one HTTP/2 connection and waits silently for the rest: net/http's 250
	// would stop a service with 251 subscriptions.
	maxStreams = 4096
	// As long as a reader on HTTP/1.1 may make no progress.
	stuckAfter = 10 * time.Second
	// Pings find peers that are gone without a word, as the WebSocket's do.
	pingEvery  = 25 * time.Second
	pongWithin = 10 * time.Second
)

func (n *Node) fronts(server *leat.Server, bound *listeners) []front {
	var all []front
	if bound.public != nil {
		all = append(all, n.httpFront("public", farewell.Listen(bound.public), n.withPages(server.Handler())))
	}
	if bound.admin != nil {
		all = append(all, n.httpFront("admin", bound.admin, server.AdminHandler()))
	}
	if bound.grpc != nil {
		all = append(all, front{
			serve: func() error { return unlessClosed(server.ServeGRPC(bound.grpc)) },
			// Its streams have ended with the drain; what else is under way ends when the server is closed.
			stop: func(context.Context) error { return unlessClosed(bound.grpc.Close()) },
		})
	}
	return all
}

// withPages needs no http.ServeMux, which would answer paths that it cleans before leat's routes refuse them.
func (n *Node) withPages(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var own http.Handler
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			own = n.Pages[r.URL.Path]
		case http.MethodPost:
			own = n.Actions[r.URL.Path]
		}
		if own != nil {
			own.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})
}

func (n *Node) httpFront(name string, l net.Listener, h http.Handler) front {
	server := newHTTPServer(h, n.Logger.With("listener", name))
	return front{
		serve: func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("%s listener: %w", name, err)
			}
			return nil
		},
		stop: func(ctx context.Context) error {
			if err := server.Shutdown(ctx); err != nil {
				return server.Close() // who has not ended by now is cut
			}
			return nil
		},
	}
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// newHTTPServer speaks HTTP/1.1 and HTTP/2 without TLS. It sets no timeout for a whole request or answer: streams
// have no end, and their writers time themselves.
func newHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           limitHeaders(h),
		Protocols:         protocols,
		ConnContext:       farewell.Context,
		ReadHeaderTimeout: headersWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    readHeaderBytes,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: stuckAfter,
			SendPingTimeout: pingEvery, PingTimeout: pongWithin},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// limitHeaders refuses what is over the limit, but not beyond what is read.
func limitHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.Method) + len(r.RequestURI) + len(r.Host)
		for name, values := range r.Header {
			for _, value := range values {
				size += len(name) + len(": ") + len(value) + len("\r\n")
			}
		}
		if size > maxHeaderBytes {
			ingest.Refuse(w, r, problem.New(problem.HeadersTooLarge,
				"the headers of the request have %d bytes together: at most %d KiB are taken", size, maxHeaderBytes>>10))
			return
		}
		next.ServeHTTP(w, r)
	})
}
