package leat

import (
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/typed"
)

// typedAPI makes the typed gRPC services of a contract, with the numbers that the lock beside it keeps.
func typedAPI(c *contract.Contract, logger *slog.Logger) (*typed.Lock, *typed.API, error) {
	file := typed.LockFile(c.File)
	lock, err := typed.ReadLock(file)
	if err != nil {
		return nil, nil, err
	}
	api, err := typed.Build(c, lock)
	if err != nil {
		return nil, nil, err
	}
	if _, err := lock.Assign(c); err != nil {
		return nil, nil, err
	}
	// A contract of a program's own, in no file, has no lock that could be written.
	if given := api.Given(); len(given) > 0 && exists(c.File) {
		logger.Warn("gRPC fields have numbers that are not in the contract's lock: they can change with the contract until "+
			"leat contract lock has written them", "lock", file, "fields", len(given), "first", given[0])
	}
	return lock, api, nil
}

func exists(file string) bool {
	_, err := os.Stat(file) //nolint:gosec // the contract, which is beside
	return err == nil
}

// protos serves the .proto of each typed service.
type protos struct {
	texts map[string]string // by path, as the stream is called and as files import it
	known []string          // paths, in the order of the contract
}

func newProtos(c *contract.Contract, api *typed.API) *protos {
	p := &protos{texts: map[string]string{}}
	for _, name := range c.StreamNames() {
		of := api.Service(name)
		if of == nil {
			continue
		}
		path := "/protos/" + name + "/v1/" + name + ".proto"
		p.known = append(p.known, path)
		p.texts[path] = api.Proto(name)
		p.texts["/protos/"+of.Descriptor.ParentFile().Path()] = api.Proto(name)
	}
	return p
}

func (p *protos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, ok := p.texts[r.URL.Path]
	if !ok {
		ingest.Refuse(w, r, problem.New(problem.NotFound, "no .proto is at %.200s; there are: %s", r.URL.Path, strings.Join(p.known, ", ")))
		return
	}
	serveDocument(w, r, "text/plain; charset=utf-8", []byte(text))
}
