package leat

import (
	"net/http"
	"sync"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/reference"
	"github.com/leatstream/leat/internal/typed"
)

// docs serves the reference page, /docs, and below it what the page loads.
type docs struct {
	made func() (*reference.Reference, error) // once, when it is asked for first
}

func newDocs(c *contract.Contract, api *typed.API) docs {
	return docs{sync.OnceValues(func() (*reference.Reference, error) { return reference.New(c, api) })}
}

func (d docs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	page, err := d.made()
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
		return
	}
	name := r.PathValue("file")
	if name == "" {
		servePage(w, r, page)
		return
	}
	file, ok := page.File(name)
	if !ok {
		ingest.Refuse(w, r, problem.New(problem.NotFound, "the page /docs has no %.100q", name))
		return
	}
	serveDocument(w, r, file.MediaType, file.Text)
}

func servePage(w http.ResponseWriter, r *http.Request, page *reference.Reference) {
	text, err := page.HTML(ownAddress(r))
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
		return
	}
	w.Header().Set("Content-Security-Policy", reference.Policy)
	w.Header().Add("Vary", "X-Forwarded-Proto")
	serveDocument(w, r, "text/html; charset=utf-8", text)
}
