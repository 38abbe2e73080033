package websocket

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

var parameters = []string{"eventTypes", "after", "since", "last", "allKeys"}

// subscription reads what the address subscribes to; nil for /ws.
func (h *Handler) subscription(r *http.Request) (*hub.Subscription, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.New(problem.Malformed, "the query is malformed: %w", err)
	}
	if r.PathValue("stream") == "" {
		for name := range query {
			if !strings.HasPrefix(name, "_") {
				return nil, problem.New(problem.Malformed, "unknown parameter %.100q: /ws takes none, because nothing is subscribed until a message asks for it", name)
			}
		}
		return nil, nil
	}
	p := hub.Params{Stream: r.PathValue("stream")}
	if key := r.PathValue("key"); key != "" {
		p.Key = &key
	}
	for name, values := range query {
		if strings.HasPrefix(name, "_") {
			continue
		}
		if err := set(&p, name, values); err != nil {
			return nil, err
		}
	}
	sub, err := h.hub.Parse(contract.WebSocket, p)
	if err != nil {
		return nil, err
	}
	return &sub, nil
}

func set(p *hub.Params, name string, values []string) error {
	if !slices.Contains(parameters, name) {
		return problem.New(problem.Malformed, "unknown parameter %.100q%s (known are %s)",
			name, problem.DidYouMean(name, parameters), strings.Join(parameters, ", "))
	}
	if name == "eventTypes" {
		p.EventTypes = &values
		return nil
	}
	if len(values) > 1 {
		return problem.New(problem.Malformed, "parameter %q is given %d times: once is enough", name, len(values))
	}
	switch value := &values[0]; name {
	case "after":
		p.After = value
	case "since":
		p.Since = value
	case "last":
		p.Last = value
	case "allKeys":
		p.AllKeys = value
	}
	return nil
}
