package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// ServeHTTP answers POST /commands/{stream} and POST /commands/{stream}/{key} (path values "stream" and "key").
func (b *Backends) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	replies, err := b.answer(w, r)
	if err != nil {
		p := problem.From(err)
		if p.Kind == problem.Internal {
			b.logger.ErrorContext(r.Context(), "command", "stream", r.PathValue("stream"), "error", p)
		}
		ingest.Refuse(w, r, p)
		return
	}
	text := replyBody(replies)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text) // the client is gone, and there is nobody to tell
}

// answer refuses what it can before the body is read.
func (b *Backends) answer(w http.ResponseWriter, r *http.Request) ([]Reply, error) {
	c := Command{
		Stream:      r.PathValue("stream"),
		Source:      "/commands/" + r.PathValue("stream"),
		Remote:      r.RemoteAddr,
		Traceparent: r.Header.Get("Traceparent"),
		Tracestate:  strings.Join(r.Header.Values("Tracestate"), ","),
	}
	s, err := b.find(c.Stream)
	if err != nil {
		return nil, err
	}
	if key := r.PathValue("key"); key != "" {
		c.PathKey = &key
	}
	if _, err := s.commands.PathKey(c.PathKey); err != nil {
		return nil, err
	}
	message, err := ingest.ReadCommand(w, r)
	if err != nil {
		return nil, err
	}
	c.Type, c.Key, c.Data = message.Type, message.Key, message.Data
	// net/http ends a request's context also for a client that has closed its half of the connection, and waits.
	return b.Send(context.WithoutCancel(r.Context()), c)
}

// replyBody is {"reply":[{"type":…,"data":…}]}.
func replyBody(replies []Reply) []byte {
	type reply struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	body := struct {
		Reply []reply `json:"reply"`
	}{make([]reply, len(replies))}
	for i, r := range replies {
		body.Reply[i] = reply{r.Type, r.Data}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // the data was checked
	}
	return text.Bytes()
}
