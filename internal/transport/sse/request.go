package sse

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// A request is what a client asks for, checked.
type request struct {
	subscription hub.Subscription
	media        mediaType
	format       hub.Format    // of a live stream
	limit        int           // of a page: how many events at most
	wait         time.Duration // of a page that would be empty
	prefersWait  bool          // the client gave wait, be it 0
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxWait      = 60 // seconds; what proxies let an idle response live
)

// parameters are the names in the query that this transport knows.
var parameters = []string{"eventTypes", "after", "since", "last", "allKeys", "heartbeats", "lastEventId", "limit"}

// A query is the request's parameters by name, of which all but eventTypes have one value.
type query url.Values

// parseQuery reads the URL's query; names that begin with "_" are for caches to be got round, and nobody's here.
func parseQuery(u *url.URL) (query, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, problem.New(problem.Malformed, "the query of the URL cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case strings.HasPrefix(name, "_"):
		case !slices.Contains(parameters, name):
			return nil, problem.New(problem.Malformed, "no parameter is named %q%s (the parameters are %s)",
				shorten(name), problem.DidYouMean(name, parameters), strings.Join(parameters, ", "))
		case name != "eventTypes" && len(values[name]) > 1:
			return nil, problem.New(problem.Malformed, "%s is there %d times: it takes one value", name, len(values[name]))
		}
	}
	return query(values), nil
}

// value gives a parameter that has one value, nil where it is not given.
func (q query) value(name string) *string {
	if values := q[name]; len(values) > 0 {
		return &values[0]
	}
	return nil
}

// params are the subscribe parameters of the URL and of Last-Event-ID, as they came.
func params(r *http.Request, q query) hub.Params {
	p := hub.Params{
		Stream:  r.PathValue("stream"),
		After:   q.value("after"),
		Since:   q.value("since"),
		Last:    q.value("last"),
		AllKeys: q.value("allKeys"),
		Resume:  q.value("lastEventId"),
	}
	if key := r.PathValue("key"); key != "" {
		p.Key = &key
	}
	if types, ok := q["eventTypes"]; ok {
		p.EventTypes = &types
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		p.Resume = &id
	}
	if p.Resume != nil && *p.Resume == "" { // some EventSource polyfills always send it
		p.Resume = nil
	}
	return p
}

// decode checks the parameters and headers for an answer of a media type.
func (h *Handler) decode(r *http.Request, media mediaType) (request, error) {
	q, err := parseQuery(r.URL)
	if err != nil {
		return request{}, err
	}
	p := params(r, q)
	req := request{media: media}
	if req.subscription, err = h.hub.Parse(contract.SSE, p); err != nil {
		return request{}, err
	}
	if req.format, err = chooseFormat(media, q.value("heartbeats")); err != nil {
		return request{}, err
	}
	if req.limit, err = parseLimit(media, q.value("limit")); err != nil {
		return request{}, err
	}
	if media != jsonPage {
		return req, nil
	}
	if req.subscription.Stream.Durability == contract.None {
		return request{}, problem.New(problem.Malformed,
			"stream %q keeps no events (durability none), so it has no pages: take it live, as text/event-stream or application/x-ndjson", p.Stream)
	}
	if p.After == nil && p.Since == nil && p.Last == nil && p.Resume == nil {
		req.subscription.Start = hub.Start{Kind: hub.StartEarliest}
	}
	req.wait, req.prefersWait, err = parseWait(r.Header.Values("Prefer"))
	return req, err
}

func chooseFormat(media mediaType, heartbeats *string) (hub.Format, error) {
	switch {
	case heartbeats != nil && *heartbeats != "events":
		return hub.Format{}, problem.New(problem.Malformed, "heartbeats=%s: the only value is events", shorten(*heartbeats))
	case heartbeats != nil && media != eventStream:
		return hub.Format{}, problem.New(problem.Malformed,
			"heartbeats is for text/event-stream: leave it out with %s", media)
	case heartbeats != nil:
		return visibleHeartbeatsFormat, nil
	case media == ndjson:
		return ndjsonFormat, nil
	}
	return eventStreamFormat, nil
}

func parseLimit(media mediaType, text *string) (int, error) {
	if text == nil {
		return defaultLimit, nil
	}
	if media != jsonPage {
		return 0, problem.New(problem.Malformed,
			"limit is for application/json pages: leave it out with %s, which is live, or use last for the newest events", media)
	}
	limit, err := strconv.ParseUint(*text, 10, 64)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, problem.New(problem.Malformed, "limit=%s: it takes a number from 1 to %d", shorten(*text), maxLimit)
	}
	return int(limit), nil
}

// parseWait finds wait=N among the preferences (RFC 7240, section 2); the first one counts. Where the RFC has servers
// ignore what they do not like, a wait that is not to be had is an error here, like any other bad number.
func parseWait(headers []string) (wait time.Duration, given bool, err error) {
	for preference := range splitQuoted(strings.Join(headers, ","), ',') {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"`)
		seconds, err := strconv.ParseUint(value, 10, 64)
		if err != nil || seconds > maxWait {
			return 0, false, problem.New(problem.Malformed,
				"Prefer: wait=%s: it takes a whole number of seconds from 0 to %d", shorten(value), maxWait)
		}
		return time.Duration(seconds) * time.Second, true, nil
	}
	return 0, false, nil
}
