// Package chat is a chat's backend: one HTTP handler that leat sends commands to, with nothing but the standard library.
package chat

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Chat is an http.Handler that gives everyone who speaks a name.
type Chat struct {
	names *names
}

// New gives a chat in which nobody has spoken.
func New() *Chat { return &Chat{names: newNames(maxConnections)} }

// maxConnections bounds the memory where leat does not tell of disconnects: who has been silent the longest is forgotten.
const maxConnections = 1000

// An answer is what leat makes of a command: replies to the sender, and events for everyone.
type answer struct {
	Reply   []message `json:"reply,omitempty"`
	Publish []message `json:"publish,omitempty"`
}

type message struct {
	Type string `json:"type"`
	Data about  `json:"data"`
}

// about is the data of every event, in the order in which people read it.
type about struct {
	User string `json:"user"`
	Was  string `json:"was,omitempty"`
	Text string `json:"text,omitempty"`
}

// A refusal is a problem (RFC 9457), which leat hands to the sender as it is.
type refusal struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, http.StatusText(status), fmt.Sprintf(format, args...)}
}

// ServeHTTP takes one command, a CloudEvent in binary mode: its type and its connection are headers, its data the body.
func (c *Chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		respond(w, http.StatusMethodNotAllowed, "application/problem+json", refuse(http.StatusMethodNotAllowed, "commands come by POST"))
		return
	}
	said, refused := c.handle(r)
	switch {
	case refused != nil:
		respond(w, refused.Status, "application/problem+json", refused)
	case said == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		respond(w, http.StatusOK, "application/json", said)
	}
}

// data is that of every command; leat has checked it against the contract.
type data struct {
	Text string  `json:"text"`
	Name *string `json:"name"`
}

func (c *Chat) handle(r *http.Request) (*answer, *refusal) {
	var d data
	// No more is read than a contract allows an event to have.
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&d); err != nil {
		return nil, refuse(http.StatusBadRequest, "the data is no JSON object: %v", err)
	}
	connection, err := url.PathUnescape(r.Header.Get("Leat-Connection"))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the header leat-connection: %v", err)
	}
	switch command := r.Header.Get("Ce-Type"); command {
	case "sendMessage":
		return c.say(connection, d), nil
	case "rename":
		return c.rename(connection, d)
	case "leat.connected":
		return nil, nil // it gets a name when it speaks
	case "leat.disconnected":
		c.names.forget(connection)
		return nil, nil
	default:
		return nil, refuse(http.StatusBadRequest, "there is no command %q: there are sendMessage and rename", command)
	}
}

// guest speaks where a command comes by itself, with no connection that could have a name.
const guest = "Guest"

// say publishes a message. One that wishes for a name, be it the empty one, is told which it has.
func (c *Chat) say(connection string, d data) *answer {
	user := guest
	if connection != "" {
		user = c.names.of(connection, d.Name)
	}
	said := &answer{Publish: []message{{"messageReceived", about{User: user, Text: d.Text}}}}
	if d.Name != nil {
		said.Reply = []message{named(user)}
	}
	return said
}

// rename tells the sender its name, and the room where one that it knows has another.
func (c *Chat) rename(connection string, d data) (*answer, *refusal) {
	if connection == "" {
		return nil, refuse(http.StatusBadRequest, "a name belongs to a connection: rename over a WebSocket or gRPC")
	}
	if d.Name == nil || !valid(*d.Name) {
		return nil, refuse(http.StatusBadRequest, "a name has 1 to %d bytes, with no white space around it", maxNameBytes)
	}
	was, taken := c.names.rename(connection, *d.Name)
	if taken {
		return nil, refuse(http.StatusConflict, "%s is somebody else's name", *d.Name)
	}
	a := &answer{Reply: []message{named(*d.Name)}}
	if was != "" && was != *d.Name {
		a.Publish = []message{{"renamed", about{User: *d.Name, Was: was}}}
	}
	return a, nil
}

func named(user string) message { return message{"named", about{User: user}} }

const maxNameBytes = 160

func valid(name string) bool {
	return name != "" && len(name) <= maxNameBytes && strings.TrimSpace(name) == name
}

func respond(w http.ResponseWriter, status int, contentType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text) // where this fails leat is gone, and there is nobody to tell
}
