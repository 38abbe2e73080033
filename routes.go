package leat

import (
	"net/http"
	"slices"
	"strings"

	"github.com/leatstream/leat/internal/admin"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/sse"
	"github.com/leatstream/leat/internal/transport/websocket"
)

// routes puts the public listener together (wire reference, "Routes").
func (s *Server) routes(o settings) http.Handler {
	events := s.methods(o.origins, o.loopback, map[string]http.Handler{
		http.MethodGet:  sse.New(s.hub, s.logger),
		http.MethodHead: sse.New(s.hub, s.logger),
		http.MethodPost: s.unlessDraining(s.ingest),
	})
	sockets := s.methods(o.origins, o.loopback, map[string]http.Handler{
		http.MethodGet: websocket.New(s.contract, s.hub, s.ingest, s.logger),
	})
	mux := http.NewServeMux()
	mux.Handle("/events/{stream}", events)
	mux.Handle("/events/{stream}/{key}", events)
	mux.Handle("/ws", sockets)
	mux.Handle("/ws/{stream}", sockets)
	mux.Handle("/ws/{stream}/{key}", sockets)
	health := admin.Health(s.Ready)
	mux.Handle("/healthz", health)
	mux.Handle("/readyz", health)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.New(problem.NotFound,
			"nothing is at %s; there are /events/{stream}, /events/{stream}/{key}, /ws/{stream}, /ws/{stream}/{key}, /ws, /healthz and /readyz, for the streams %s",
			r.URL.Path, strings.Join(s.contract.StreamNames(), ", ")))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && isGRPC(r.Header.Get("Content-Type")) {
			s.grpc.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isGRPC knows application/grpc and application/grpc+proto, but not grpc-web.
func isGRPC(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	rest, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(mediaType)), "application/grpc")
	return ok && (rest == "" || rest[0] == '+')
}

// methods chooses the handler by method, answers OPTIONS, and keeps foreign origins out.
func (s *Server) methods(origins []string, loopback bool, handlers map[string]http.Handler) http.Handler {
	methods := []string{http.MethodOptions}
	for method := range handlers {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		trusted := origin == "" || trustedOrigin(origin, r.Host, origins, loopback)
		if origin != "" && trusted {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After, Preference-Applied")
		}
		handler := handlers[r.Method]
		switch {
		case r.Method == http.MethodOptions:
			preflight(w, r, allow, origin != "" && trusted)
		case handler == nil:
			err := problem.New(problem.MethodNotAllowed, "%s is not for %s; it takes %s", r.Method, r.URL.Path, allow)
			err.Allow = allow
			problem.Write(w, err)
		case !trusted && (r.Method == http.MethodPost || isUpgrade(r)):
			problem.Write(w, problem.New(problem.Forbidden,
				"pages of origin %q may not do this; the server's allow-origin setting lists those that may", origin))
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

// preflight answers OPTIONS (Fetch standard, "CORS-preflight request").
func preflight(w http.ResponseWriter, r *http.Request, allow string, trusted bool) {
	w.Header().Set("Allow", allow)
	if trusted {
		w.Header().Set("Access-Control-Allow-Methods", allow)
		if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
			w.Header().Add("Vary", "Access-Control-Request-Headers")
			w.Header().Set("Access-Control-Allow-Headers", wanted)
		}
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// unlessDraining sends publishers elsewhere while the node shuts down.
func (s *Server) unlessDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-s.hub.Draining():
			problem.Write(w, problem.New(problem.Draining, "this node is shutting down; nothing was stored: publish again"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}
