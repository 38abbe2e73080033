package bench

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Transport is a wire on which subscribers receive.
type Transport string

// The transports; WebSocket speaks leat.v1 to leat, and takes whatever text another server sends.
const (
	SSE       Transport = "sse"
	WebSocket Transport = "websocket"
	GRPC      Transport = "grpc"
)

var transports = []Transport{SSE, WebSocket, GRPC}

// A mix says which transport each subscriber has.
type mix []Transport // one per share

// parseMix reads "sse", or shares such as "sse=50,websocket=50".
func parseMix(text string) (mix, error) {
	var all mix
	for part := range strings.SplitSeq(text, ",") {
		name, share, given := strings.Cut(part, "=")
		n := 1
		if given {
			var err error
			if n, err = strconv.Atoi(share); err != nil || n < 1 || n > 1000 {
				return nil, fmt.Errorf("transport %q: the share of %s is from 1 to 1000, as in sse=50,websocket=50", text, name)
			}
		}
		transport, ok := parseTransport(name)
		if !ok {
			return nil, fmt.Errorf("transport %q: there are sse, websocket and grpc, and shares of them, as in sse=50,websocket=50", name)
		}
		for range n {
			all = append(all, transport)
		}
	}
	return all, nil
}

func parseTransport(name string) (Transport, bool) {
	for _, transport := range transports {
		if string(transport) == name {
			return transport, true
		}
	}
	return "", false
}

// of spreads the shares evenly: the begin of the list has the mix as well as the whole of it.
func (m mix) of(subscriber int) Transport {
	const stride = 7919 // a prime above the largest number of shares
	return m[subscriber*stride%len(m)]
}

// A target is where the run subscribes and publishes.
type target struct {
	transports mix
	subscribe  map[Transport]*url.URL // the key stands as {key} in the path
	publish    *url.URL
	headers    http.Header
	stream     string // of leat; for gRPC
	foreign    bool   // no leat: its answers, ids and publishing are its own
}

const placeInURL = "{key}"

func newTarget(p *Plan) (*target, error) {
	t := &target{stream: p.Stream, headers: make(http.Header), subscribe: make(map[Transport]*url.URL), foreign: p.Target != ""}
	for _, line := range p.Headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header %q: one looks like Authorization: Bearer abc", line)
		}
		t.headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	server, err := parseURL(p.Server, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("server %w", err)
	}
	server.Path = strings.TrimSuffix(server.Path, "/")
	key := ""
	if p.keyed() {
		key = "/" + placeInURL
	}
	at := func(path string) *url.URL {
		u := *server
		u.Path += path + p.Stream + key
		return &u
	}
	t.publish = at("/events/")
	if t.foreign {
		if err := t.another(p); err != nil {
			return nil, err
		}
	} else {
		if t.transports, err = parseMix(cmp.Or(p.Transport, string(SSE))); err != nil {
			return nil, err
		}
		t.subscribe[SSE], t.subscribe[WebSocket], t.subscribe[GRPC] = at("/events/"), at("/ws/"), server
	}
	if p.PublishURL != "" {
		if t.publish, err = parseURL(p.PublishURL, "http", "https"); err != nil {
			return nil, fmt.Errorf("publish URL %w", err)
		}
	}
	return t, nil
}

// another sets where to subscribe at a server that --target names; the scheme of its URL is the transport.
func (t *target) another(p *Plan) error {
	u, err := parseURL(p.Target, "http", "https", "ws", "wss", "grpc", "grpcs")
	if err != nil {
		return fmt.Errorf("target %w", err)
	}
	transport := map[string]Transport{"http": SSE, "https": SSE, "ws": WebSocket, "wss": WebSocket, "grpc": GRPC, "grpcs": GRPC}[u.Scheme]
	if p.Transport != "" && p.Transport != string(transport) {
		return fmt.Errorf("transport %s: the target %s is subscribed over %s", p.Transport, p.Target, transport)
	}
	t.transports = mix{transport}
	t.subscribe[transport] = u
	if transport == GRPC {
		// leat's own listener for gRPC: publishing is over HTTP where not said otherwise.
		t.foreign = p.PublishURL != ""
		return nil
	}
	if p.PublishURL == "" && !p.Idle {
		return errors.New("target: say where to publish with the publish URL, which gets the data as it is as a POST")
	}
	return nil
}

func parseURL(text string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme) {
		return u, nil
	}
	return nil, fmt.Errorf("%q is not an address: one begins with %s://", text, strings.Join(schemes, ":// or "))
}

// withKey puts a key where the URL has a place for one.
func withKey(u *url.URL, key string) string {
	return strings.NewReplacer(placeInURL, key, url.PathEscape(placeInURL), key).Replace(u.RequestURI())
}

// address is where to connect, and whether with TLS.
func address(u *url.URL) (host string, secure bool) {
	secure = u.Scheme == "https" || u.Scheme == "wss" || u.Scheme == "grpcs"
	if u.Port() != "" {
		return u.Host, secure
	}
	if secure {
		return u.Host + ":443", secure
	}
	return u.Host + ":80", secure
}
