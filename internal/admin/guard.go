package admin

import (
	"net"
	"net/http"
	"slices"

	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/origin"
)

// guard lets pages of foreign origins look, which their browser keeps from them, but change nothing. Whoever has opened
// the streams to pages of all origins has not opened this to them.
func guard(rule origin.Rule, next http.Handler) http.Handler {
	rule.Allowed = slices.DeleteFunc(slices.Clone(rule.Allowed), func(o origin.Origin) bool { return o == origin.Any })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := r.Header.Get("Origin")
		if from == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		here := rule
		// This listener can be on loopback where the public one is not.
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
			here.Loopback = local.IP.IsLoopback()
		}
		if !here.Trusts(from, r.Host) {
			ingest.Refuse(w, r, here.Foreign(from))
			return
		}
		next.ServeHTTP(w, r)
	})
}
