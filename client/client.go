// Package client publishes events to a leat server and follows its streams, over any of its transports.
//
// A subscription lives through lost connections, restarted servers and other nodes: it asks again for what comes after
// the last event it got, so that its reader sees every event once and in order, or a leat.gap that says what is missing.
package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
)

// A Client speaks to one leat server. It is safe for concurrent use and holds nothing that must be closed.
type Client struct {
	server string // without a slash at the end
	http   *http.Client

	// Waits between connections.
	firstPause time.Duration // the longest after one failure; it doubles with each further one
	maxAsked   time.Duration // the longest that a server can ask for
}

// New makes a client of the server at serverURL, such as http://127.0.0.1:8080: its public listener, which answers
// every transport. A path is where the server is mounted.
func New(serverURL string) (*Client, error) {
	u, err := url.Parse(serverURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server: one looks like http://127.0.0.1:8080", serverURL)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server address %q has a query or fragment: leave them out", serverURL)
	}
	return &Client{server: strings.TrimRight(serverURL, "/"), http: http.DefaultClient, firstPause: time.Second, maxAsked: 5 * time.Minute}, nil
}

// Server is the address that New was given.
func (c *Client) Server() string { return c.server }

// url is the address of a stream's route, or of one key in it. Every byte of the key that means something in a path is
// escaped, "/" as %2F too: it is part of the key.
func (c *Client) url(route, stream string, key event.Key, query url.Values) string {
	var b strings.Builder
	b.WriteString(c.server)
	b.WriteString("/" + route + "/" + url.PathEscape(stream))
	if !key.IsZero() {
		b.WriteString("/" + url.PathEscape(key.String()))
	}
	if len(query) > 0 {
		b.WriteString("?" + query.Encode())
	}
	return b.String()
}
