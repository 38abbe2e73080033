// Package admin serves what operators and backends use: health, metrics, profiles, and the connections.
package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/origin"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// New makes the admin listener's handler; health answers as Health does, and pages are those that may change anything.
func New(metrics prometheus.Gatherer, health http.Handler, c *Connections, pages origin.Rule) http.Handler {
	mux := http.NewServeMux()
	c.handle(mux)
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/healthz", health)
	mux.Handle("/readyz", health)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.New(problem.NotFound,
			"nothing is at %s%s; there are %s, /debug/pprof/ and /connections/{id}/events", r.URL.Path,
			problem.DidYouMean(r.URL.Path, places), strings.Join(places, ", ")))
	})
	return guard(pages, mux)
}

// places are where requests are answered, but for those with an id.
var places = []string{"/connections", "/connections/{id}", "/metrics", "/healthz", "/readyz"}

// readyTimeout bounds how long the event log may take before the server counts as not ready.
const readyTimeout = 2 * time.Second

// Health answers /healthz, which says that the process lives, and /readyz, which is 503 with the reason while the
// server should get no requests. What an operator should know of a server that is ready is in note; "": nothing.
func Health(ready func(context.Context) error, note func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			err := problem.New(problem.MethodNotAllowed, "%s is not for %s; it takes GET", r.Method, r.URL.Path)
			err.Allow = "GET, HEAD"
			problem.Write(w, err)
			return
		}
		state, more := "ok", ""
		if r.URL.Path == "/readyz" {
			// A client that closes its half of the connection is not gone, but its request's context is.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), readyTimeout)
			defer cancel()
			if err := ready(ctx); err != nil {
				problem.Write(w, notReady(err))
				return
			}
			state, more = "ready", note()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if more != "" {
			fmt.Fprintf(w, "{\"status\":%q,\"note\":%s}\n", state, event.AppendString(nil, more))
			return
		}
		fmt.Fprintf(w, "{\"status\":%q}\n", state)
	})
}

func notReady(err error) error {
	if e := problem.From(err); e.Retryable() {
		return e
	}
	return problem.New(problem.Unavailable, "not ready: %w", err)
}
