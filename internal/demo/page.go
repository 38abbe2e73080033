package demo

import (
	_ "embed"
	"net/http"
)

//go:embed page.html
var page []byte

//go:embed chat.html
var chatPage []byte

//go:embed typed.html
var typedPage []byte

// serve answers with a page. Everything that it needs is in it, and its policy forbids the rest.
func serve(page []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-cache") // another version of leat may answer here tomorrow
		header.Set("Content-Security-Policy",
			"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "+
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(page) // the browser is gone, and there is nobody to tell
	})
}
