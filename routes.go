package leat

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/admin"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/origin"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/sse"
)

// routes is the public listener (wire reference, "Routes"). It is no http.ServeMux, because that answers a path with
// ".", ".." or an empty segment with a redirect to what is left without: a POST to /events/rooms/.. that follows it
// publishes to another room or stream.
type routes struct {
	rule    origin.Rule
	events  route
	command route
	sockets route
	health  route
	nothing route // for every other path
	grpc    http.Handler
	browser route // the gRPC services, for browsers
	serves  func(service string) bool
	streams func() []string
	// documents
	openAPI, asyncAPI, protos, schemas, docs route
}

// A route is what answers on a path, by method.
type route struct {
	handlers map[string]http.Handler
	allow    string // the methods, comma-separated
}

func newRoute(handlers map[string]http.Handler) route {
	methods := []string{http.MethodOptions}
	for method := range handlers {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	return route{handlers, strings.Join(methods, ", ")}
}

// readRoute is for what is only read.
func readRoute(handler http.Handler) route {
	return newRoute(map[string]http.Handler{http.MethodGet: handler, http.MethodHead: handler})
}

// routes puts the public listener together.
func (s *Server) routes(rule origin.Rule) http.Handler {
	subscribe := sse.New(s.hub, s.logger)
	browser := s.grpc.Web()
	documents := func(of func(*serving) http.Handler) route {
		return readRoute(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { of(s.serving.Load()).ServeHTTP(w, r) }))
	}
	return &routes{
		rule: rule,
		events: newRoute(map[string]http.Handler{
			http.MethodGet:  subscribe,
			http.MethodHead: subscribe,
			http.MethodPost: s.requests.unlessDraining(s.ingest),
		}),
		command: newRoute(map[string]http.Handler{http.MethodPost: s.requests.unlessDraining(s.backends)}),
		sockets: newRoute(map[string]http.Handler{
			http.MethodGet: s.sockets,
		}),
		health: readRoute(s.health()),
		// A page that mistakes the address can read so, whatever it asked for.
		nothing:  route{allow: "GET, HEAD, OPTIONS, POST"},
		openAPI:  documents(func(now *serving) http.Handler { return now.openAPI }),
		asyncAPI: documents(func(now *serving) http.Handler { return now.asyncAPI }),
		protos:   documents(func(now *serving) http.Handler { return now.protos }),
		schemas:  documents(func(now *serving) http.Handler { return schemas{now.contract} }),
		docs:     documents(func(now *serving) http.Handler { return now.docs }),
		grpc:     s.grpc,
		streams:  s.streamNames,
		browser:  newRoute(map[string]http.Handler{http.MethodPost: browser}),
		serves:   browser.Has,
	}
}

// streamNames lists the streams as they are now.
func (s *Server) streamNames() []string { return s.Contract().StreamNames() }

// health is of the public listener, whose callers are told no more than that there is something to know.
func (s *Server) health() http.Handler {
	return admin.Health(s.Ready, func() string {
		if s.serving.Load().refused == nil {
			return ""
		}
		return notServed
	})
}

// ServeHTTP keeps foreign origins out, answers OPTIONS, and leaves the rest to the path's handler.
func (rs *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := r.Header.Get("Origin")
	trusted := from == "" || rs.rule.Trusts(from, r.Host)
	if r.ProtoMajor == 2 && isGRPC(r.Header.Get("Content-Type")) {
		if !trusted {
			problem.Write(w, rs.rule.Foreign(from))
			return
		}
		rs.grpc.ServeHTTP(w, r)
		return
	}
	w.Header().Add("Vary", "Origin")
	if from != "" && trusted {
		w.Header().Set("Access-Control-Allow-Origin", from)
		w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After, Preference-Applied, Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin")
	}
	to, wrong := rs.find(r)
	handler := to.handlers[r.Method]
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r, to.allow, from != "" && trusted)
	case wrong != nil:
		ingest.Refuse(w, r, wrong)
	case handler == nil:
		err := problem.New(problem.MethodNotAllowed, "%s is not for %s; it takes %s", r.Method, r.URL.Path, to.allow)
		err.Allow = to.allow
		ingest.Refuse(w, r, err)
	case !trusted && (r.Method == http.MethodPost || isUpgrade(r)):
		ingest.Refuse(w, r, rs.rule.Foreign(from))
	default:
		handler.ServeHTTP(w, r)
	}
}

// find gives the route of a request's path, and sets the path values "stream" and "key". The path is taken as it
// stands, percent-encoded: %2F is no border between segments, and %2E is no dot that others would have cleaned away.
func (rs *routes) find(r *http.Request) (route, *problem.Error) {
	path := r.URL.EscapedPath()
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	first := segments[0]
	streams := first == "events" || first == "commands" || first == "ws"
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "" && last && (!streams || i == 0): // as unknown as without the slash
		case segment == "" || segment == "." || segment == "..":
			return rs.nothing, rs.unclean(path, segment, streams && last && i == 2)
		}
	}
	switch {
	case len(segments) == 2 && rs.serves(first):
		return rs.browser, nil
	case len(segments) == 1 && (first == "healthz" || first == "readyz"):
		return rs.health, nil
	case len(segments) == 1 && (first == "openapi.yaml" || first == "openapi.json"):
		return rs.openAPI, nil
	case len(segments) == 1 && first == "docs":
		return rs.docs, nil
	case len(segments) == 2 && first == "docs" && segments[1] != "":
		return rs.docs, pathValues(r, segments[1:], "file")
	case len(segments) == 1 && (first == "asyncapi.yaml" || first == "asyncapi.json"):
		return rs.asyncAPI, nil
	case len(segments) == 4 && first == "protos":
		return rs.protos, nil
	case len(segments) == 3 && first == "schemas":
		return rs.schemas, pathValues(r, segments[1:], "stream", "type")
	case len(segments) == 1 && first == "ws":
		return rs.sockets, nil
	case !streams || len(segments) == 1 || len(segments) > 3:
		return rs.nothing, problem.New(problem.NotFound, "nothing is at %s; %s", path, rs.whatThereIs())
	}
	wrong := pathValues(r, segments[1:], "stream", "key")
	switch first {
	case "ws":
		return rs.sockets, wrong
	case "commands":
		return rs.command, wrong
	}
	return rs.events, wrong
}

// pathValues sets the names of a path's segments, of which there are no more.
func pathValues(r *http.Request, segments []string, names ...string) *problem.Error {
	for i, name := range names[:min(len(names), len(segments))] {
		segment := segments[i]
		value, err := url.PathUnescape(segment)
		if err != nil { // an EscapedPath has no such segment
			return problem.New(problem.Malformed, "the path %s is not percent-encoded: %w", r.URL.EscapedPath(), err)
		}
		r.SetPathValue(name, value)
	}
	return nil
}

// unclean says what is wrong with a path that others would clean.
func (rs *routes) unclean(path, segment string, key bool) *problem.Error {
	if key {
		_, err := event.ParseKey(segment)
		return problem.New(problem.Malformed, "key in the path %s: %w", path, err)
	}
	what := "an empty segment"
	if segment != "" {
		what = `the segment "` + segment + `"`
	}
	return problem.New(problem.Malformed, "the path %s has %s, and paths are taken as they stand: leave it out; %s", path, what, rs.whatThereIs())
}

func (rs *routes) whatThereIs() string {
	return "there are /events/{stream}, /events/{stream}/{key}, /commands/{stream}, /commands/{stream}/{key}, /ws/{stream}, /ws/{stream}/{key}, /ws, /docs, /openapi.yaml, /openapi.json, /asyncapi.yaml, /asyncapi.json, /schemas/{stream}/{eventType}, /protos/{stream}/v1/{stream}.proto, /{gRPC service}/{method}, /healthz and /readyz, for the streams " +
		strings.Join(rs.streams(), ", ")
}

// isGRPC knows application/grpc and application/grpc+proto, but not grpc-web.
func isGRPC(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	rest, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(mediaType)), "application/grpc")
	return ok && (rest == "" || rest[0] == '+')
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
