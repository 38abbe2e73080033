package leat

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// serveDocument answers GET and HEAD with a document, which clients ask for again only to hear that it is the same (RFC
// 9110, section 13).
func serveDocument(w http.ResponseWriter, r *http.Request, mediaType string, text []byte) {
	sum := sha256.Sum256(text)
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// placeholder stands for the server's own address in documents that were made before it was known.
const placeholder = "http://leat.invalid/9f4b2c"

// ownAddress is the URL of the server as the request names it, with the path that it is mounted under.
func ownAddress(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	host := strings.TrimRight(r.Host, ":")
	if !plainHost.MatchString(host) {
		host = "localhost" // of HTTP/1.0, or of somebody who plays
	}
	target, _, _ := strings.Cut(r.RequestURI, "?")
	mount, found := strings.CutSuffix(target, r.URL.EscapedPath())
	if !found || !plainPath.MatchString(mount) {
		mount = ""
	}
	return scheme + "://" + host + mount
}

// These mean the same in YAML and in JSON, without quotes (RFC 3986, sections 3.2 and 3.3).
var (
	plainHost = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]+$`)
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&'()*+,;=@%-]+)*$`)
)

// openAPI serves the OpenAPI documents: /openapi.yaml and /openapi.json.
type openAPI struct {
	contract *contract.Contract

	mu   sync.Mutex // guards made; held while one is made
	made map[openAPIKey][]byte
}

// openAPIKey tells the documents apart.
type openAPIKey struct {
	version document.Version
	json    bool
}

func newOpenAPI(c *contract.Contract) *openAPI {
	return &openAPI{contract: c, made: map[openAPIKey][]byte{}}
}

func (o *openAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version, err := openAPIVersion(r.URL)
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
		return
	}
	key := openAPIKey{version, strings.HasSuffix(r.URL.Path, ".json")}
	text, err := o.document(key)
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
		return
	}
	w.Header().Add("Vary", "X-Forwarded-Proto")
	serveDocument(w, r, mediaTypeOf(key.json), bytes.Replace(text, []byte(placeholder), []byte(ownAddress(r)), 1))
}

// openAPIVersion reads the only parameter that there is.
func openAPIVersion(u *url.URL) (document.Version, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", problem.New(problem.Malformed, "the query of the URL cannot be read: %w", err)
	}
	for name := range query {
		if name != "version" && !strings.HasPrefix(name, "_") {
			return "", problem.New(problem.Malformed, "no parameter is named %.100q: there is version", name)
		}
	}
	if !query.Has("version") {
		return document.DefaultOpenAPI, nil
	}
	version, err := document.ParseOpenAPIVersion(query.Get("version"))
	if err != nil {
		return "", problem.New(problem.Malformed, "version: %w", err)
	}
	return version, nil
}

// document makes a document when it is asked for first.
func (o *openAPI) document(key openAPIKey) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if text := o.made[key]; text != nil {
		return text, nil
	}
	encode := document.YAML
	if key.json {
		encode = document.JSON
	}
	text, err := encode(document.OpenAPI(o.contract, key.version, placeholder))
	if err == nil {
		o.made[key] = text
	}
	return text, err
}

// asyncAPI serves the AsyncAPI document: /asyncapi.yaml and /asyncapi.json.
type asyncAPI struct {
	contract *contract.Contract

	mu      sync.Mutex // guards the fields below; held while a document is made
	address string     // of the server, in what was made last
	made    map[bool][]byte
}

func (a *asyncAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asJSON := strings.HasSuffix(r.URL.Path, ".json")
	text, err := a.document(ownAddress(r), asJSON)
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
		return
	}
	w.Header().Add("Vary", "X-Forwarded-Proto")
	serveDocument(w, r, mediaTypeOf(asJSON), text)
}

// document makes a document when it is asked for first, or by another address: host and path stand apart in it.
func (a *asyncAPI) document(address string, asJSON bool) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if address != a.address {
		a.address, a.made = address, map[bool][]byte{}
	}
	if text := a.made[asJSON]; text != nil {
		return text, nil
	}
	encode := document.YAML
	if asJSON {
		encode = document.JSON
	}
	text, err := encode(document.AsyncAPI(a.contract, address))
	if err == nil {
		a.made[asJSON] = text
	}
	return text, err
}

func mediaTypeOf(asJSON bool) string {
	if asJSON {
		return "application/json"
	}
	return "application/yaml" // RFC 9512
}

// schemas serves the schema of each event type and command: /schemas/{stream}/{type}.
type schemas struct {
	contract *contract.Contract
}

func (s schemas) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stream, t, err := s.find(r.PathValue("stream"), r.PathValue("type"))
	if err != nil {
		ingest.Refuse(w, r, err)
		return
	}
	text, failed := document.JSON(document.Schema(t, ownAddress(r)+"/schemas/"+stream+"/"+t.Name))
	if failed != nil {
		ingest.Refuse(w, r, problem.From(failed))
		return
	}
	w.Header().Add("Vary", "X-Forwarded-Proto")
	serveDocument(w, r, "application/schema+json", text)
}

func (s schemas) find(stream, name string) (string, *contract.EventType, *problem.Error) {
	declared := s.contract.Stream(stream)
	if declared == nil {
		return "", nil, problem.From(ingest.UnknownStream(stream, s.contract.StreamNames()))
	}
	if t := declared.Event(name); t != nil {
		return stream, t, nil
	}
	if t := declared.Command(name); t != nil {
		return stream, t, nil
	}
	known := slices.Concat(declared.EventNames(), declared.CommandNames())
	return "", nil, problem.New(problem.NotFound, "stream %q has no event type or command %.100q%s (there are %s)", stream, name,
		problem.DidYouMean(name, known), strings.Join(known, ", "))
}
