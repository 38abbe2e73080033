package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// Connections shows who is connected, ends connections, and pushes events to one of them.
type Connections struct {
	hub     *hub.Hub
	ingest  *ingest.Ingest
	streams func() []string // of the contract as it is now
}

// NewConnections makes the Connections of a hub; ingest knows what may be pushed.
func NewConnections(h *hub.Hub, in *ingest.Ingest, streams func() []string) *Connections {
	return &Connections{h, in, streams}
}

func (c *Connections) handle(mux *http.ServeMux) {
	mux.Handle("/connections", methods{http.MethodGet: c.list})
	mux.Handle("/connections/{id}", methods{http.MethodGet: c.show, http.MethodDelete: c.end})
	mux.Handle("/connections/{id}/events", methods{http.MethodPost: c.push})
}

// methods answer on a path; what they return is answered as a problem. HEAD is GET's.
type methods map[string]func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP answers with the method of the request.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := m[r.Method]
	if r.Method == http.MethodHead {
		answer = m[http.MethodGet]
	}
	var err error
	if answer == nil {
		err = m.refuse(r)
	} else {
		err = answer(w, r)
	}
	if err != nil {
		ingest.Refuse(w, r, problem.From(err))
	}
}

func (m methods) refuse(r *http.Request) error {
	var known []string
	for method := range m {
		known = append(known, method)
	}
	if m[http.MethodGet] != nil {
		known = append(known, http.MethodHead)
	}
	slices.Sort(known)
	allow := strings.Join(known, ", ")
	err := problem.New(problem.MethodNotAllowed, "%s is not for %s; it takes %s", r.Method, r.URL.Path, allow)
	err.Allow = allow
	return err
}

// A connection is what is shown of one.
type connection struct {
	ID            string             `json:"id"`
	Transport     contract.Transport `json:"transport"`
	Remote        string             `json:"remote,omitempty"`
	Since         string             `json:"since"`
	Subscriptions []subscription     `json:"subscriptions"`
}

type subscription struct {
	Stream     string   `json:"stream"`
	Key        string   `json:"key,omitempty"`
	EventTypes []string `json:"eventTypes,omitempty"`
	Position   string   `json:"position,omitempty"`
	Lag        uint64   `json:"lag"`
}

func look(c *hub.Connection) connection {
	g := c.Look()
	shown := connection{
		ID:            g.ID,
		Transport:     g.Transport,
		Since:         string(event.AppendTime(nil, g.Since)),
		Subscriptions: make([]subscription, len(g.Subscriptions)),
	}
	if g.Remote.IsValid() {
		shown.Remote = g.Remote.String()
	}
	for i, s := range g.Subscriptions {
		shown.Subscriptions[i] = subscription{s.Stream, s.Key, s.Types, s.Position, s.Lag}
	}
	return shown
}

// A page is a stretch of the list.
type page struct {
	Connections []connection `json:"connections"`
	Next        string       `json:"next,omitempty"` // what to give as after; left out where this is the end
}

func (c *Connections) list(w http.ResponseWriter, r *http.Request) error {
	f, err := c.parse(r.URL)
	if err != nil {
		return err
	}
	all, err := c.hub.Connections(f.after)
	if err != nil {
		return err
	}
	list := page{Connections: []connection{}}
	for _, one := range all {
		if !f.match(one) {
			continue
		}
		if n := len(list.Connections); n == f.limit {
			list.Next = list.Connections[n-1].ID
			break
		}
		list.Connections = append(list.Connections, look(one))
	}
	return write(w, list)
}

func (c *Connections) show(w http.ResponseWriter, r *http.Request) error {
	one, err := c.find(r)
	if err != nil {
		return err
	}
	return write(w, look(one))
}

func (c *Connections) end(w http.ResponseWriter, r *http.Request) error {
	one, err := c.find(r)
	if err != nil {
		return err
	}
	one.End(event.EndDisconnected)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// find gives the connection of the path; none of its routes takes parameters.
func (c *Connections) find(r *http.Request) (*hub.Connection, error) {
	if _, err := query(r.URL, nil); err != nil {
		return nil, err
	}
	return c.hub.Connection(r.PathValue("id"))
}

// maxPushBytes is the most that one push may have: the largest event that a contract can allow, and what is around it.
// It waits in memory for its connection.
const maxPushBytes = 2 << 20

func (c *Connections) push(w http.ResponseWriter, r *http.Request) error {
	one, err := c.find(r)
	if err != nil {
		return err
	}
	home, err := one.Home()
	if err != nil {
		return err
	}
	body, err := readJSON(w, r)
	if err != nil {
		return err
	}
	events, err := c.ingest.DecodePushed(body, home)
	if err != nil {
		return err
	}
	if err := one.Push(events); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readJSON reads a body. That it must say what it is keeps pages of other origins out: a browser asks before it sends
// this type, and nobody here says yes.
func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, problem.New(problem.UnsupportedMedia, "Content-Type %.100q is not accepted; accepted: application/json (an event, or an array of events)",
			r.Header.Get("Content-Type"))
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxPushBytes))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, problem.New(problem.TooLarge, "the body has more than %d bytes: send several arrays", maxPushBytes)
	}
	if err != nil {
		return nil, problem.New(problem.Malformed, "the body broke off after %d bytes; nothing was sent: %w", body.Len(), err)
	}
	return body.Bytes(), nil
}

// A filter is which connections are listed.
type filter struct {
	limit     int
	after     string
	stream    string             // empty: any
	transport contract.Transport // empty: any
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (f *filter) match(c *hub.Connection) bool {
	return (f.transport == "" || c.Transport() == f.transport) && (f.stream == "" || c.Subscribes(f.stream))
}

// parse reads the parameters of the list.
func (c *Connections) parse(u *url.URL) (filter, error) {
	f := filter{limit: defaultLimit}
	values, err := query(u, []string{"limit", "after", "stream", "transport"})
	if err != nil {
		return f, err
	}
	if text, ok := values["limit"]; ok {
		limit, err := strconv.ParseUint(text, 10, 64)
		if err != nil || limit < 1 || limit > maxLimit {
			return f, problem.New(problem.Malformed, "limit=%.100s: it takes a number from 1 to %d", text, maxLimit)
		}
		f.limit = int(limit)
	}
	after, given := values["after"]
	if given && after == "" {
		return f, problem.New(problem.Malformed, "after is empty: it takes the next of the page before; leave it out for the first page")
	}
	f.after = after
	if f.stream, err = oneOf(values, "stream", c.streams()); err != nil {
		return f, err
	}
	transports := []string{string(contract.SSE), string(contract.WebSocket), string(contract.GRPC)}
	transport, err := oneOf(values, "transport", transports)
	f.transport = contract.Transport(transport)
	return f, err
}

// query reads the parameters of a URL, each of which has one value; names that begin with "_" are nobody's, as on the
// public listener.
func query(u *url.URL, known []string) (map[string]string, error) {
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, problem.New(problem.Malformed, "the query of the URL cannot be read: %w", err)
	}
	values := map[string]string{}
	for name, texts := range given {
		switch {
		case strings.HasPrefix(name, "_"):
		case len(known) == 0:
			return nil, problem.New(problem.Malformed, "no parameter is named %.100q: %s takes none", name, u.Path)
		case !slices.Contains(known, name):
			return nil, problem.New(problem.Malformed, "no parameter is named %.100q%s (the parameters are %s)",
				name, problem.DidYouMean(name, known), strings.Join(known, ", "))
		case len(texts) > 1:
			return nil, problem.New(problem.Malformed, "%s is there %d times: it takes one value", name, len(texts))
		default:
			values[name] = texts[0]
		}
	}
	return values, nil
}

// oneOf gives a parameter that must be a known word, empty where it is not given.
func oneOf(values map[string]string, name string, known []string) (string, error) {
	text, given := values[name]
	if !given || slices.Contains(known, text) {
		return text, nil
	}
	return "", problem.New(problem.Malformed, "%s=%.100s%s: it takes one of %s", name, text, problem.DidYouMean(text, known), strings.Join(known, ", "))
}

func write(w http.ResponseWriter, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err // strings and numbers alone: our bug
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(text)+1))
	_, _ = io.WriteString(w, string(text)+"\n") // the client is gone, and there is nobody to tell
	return nil
}
