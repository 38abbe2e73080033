// Package reference makes the page that explains a contract to people and lets them try it: HTML made of the contract,
// and the files that it loads. All of it comes from the server itself.
package reference

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"path"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/typed"
)

// A Reference is the page of one contract. It never changes.
type Reference struct {
	contract *contract.Contract
	streams  []stream
	data     []byte
}

// A File is what the page loads.
type File struct {
	MediaType string
	Text      []byte
}

// Policy is the page's Content-Security-Policy: it needs nothing from elsewhere, and nothing that stands in it runs.
const Policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// dataName is the file that tells the page's scripts of the contract.
const dataName = "contract.json"

//go:embed page
var files embed.FS

//go:embed page.html stream.html
var pages embed.FS

var layout = template.Must(template.ParseFS(pages, "*.html"))

// New makes the page of a contract, of which api has the typed services.
func New(c *contract.Contract, api *typed.API) (*Reference, error) {
	r := &Reference{contract: c}
	for i, s := range c.Streams {
		shown, err := newStream(c, s, api, i)
		if err != nil {
			return nil, fmt.Errorf("reference of stream %q: %w", s.Name, err)
		}
		r.streams = append(r.streams, shown)
	}
	var err error
	r.data, err = document.JSON(facts(c))
	return r, err
}

// HTML is the page of a server at an address such as http://127.0.0.1:8080, with no slash at the end.
func (r *Reference) HTML(address string) ([]byte, error) {
	type shown struct {
		stream
		Snippets []snippet
	}
	view := struct {
		*contract.Contract
		Address    string
		Versions   []document.Version
		Paragraphs []string
		Shown      []shown
	}{r.contract, address, []document.Version{document.OpenAPI30, document.OpenAPI31, document.OpenAPI32}, paragraphs(r.contract.Info.Description), nil}
	for _, s := range r.streams {
		view.Shown = append(view.Shown, shown{s, s.snippets(address)})
	}
	var b bytes.Buffer
	if err := layout.ExecuteTemplate(&b, "page.html", view); err != nil {
		return nil, fmt.Errorf("reference page: %w", err)
	}
	return b.Bytes(), nil
}

// mediaTypes are of the files, by how their names end.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// File gives what the page loads from docs/NAME; ok is false where there is no such file.
func (r *Reference) File(name string) (file File, ok bool) {
	if name == dataName {
		return File{"application/json", r.data}, true
	}
	mediaType := mediaTypes[path.Ext(name)]
	text, err := files.ReadFile("page/" + name)
	return File{mediaType, text}, err == nil && mediaType != ""
}
