package wiretest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (s Subscription) path(prefix string) string {
	path := prefix + s.Stream
	if s.Key != "" {
		path += "/" + url.PathEscape(s.Key)
	}
	query := url.Values{}
	if s.AllKeys {
		query.Set("allKeys", "true")
	}
	if len(s.EventTypes) > 0 {
		query["eventTypes"] = s.EventTypes
	}
	if s.After != "" && !s.Resume {
		query.Set("after", s.After)
	}
	if !s.Since.IsZero() {
		query.Set("since", s.Since.Format(time.RFC3339Nano))
	}
	if s.Last > 0 {
		query.Set("last", strconv.Itoa(s.Last))
	}
	if s.Heartbeats && prefix == "/events/" {
		query.Set("heartbeats", "events")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// get opens a streaming GET over a connection of its own.
func get(ctx context.Context, s *Server, sub Subscription, accept string, transport *http.Transport) (*http.Response, func(), error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+sub.path("/events/"), nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", accept)
	if sub.Resume {
		r.Header.Set("Last-Event-ID", sub.After)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		transport.CloseIdleConnections()
		return nil, nil, err
	}
	closeAll := func() {
		response.Body.Close()
		transport.CloseIdleConnections()
	}
	if response.StatusCode != http.StatusOK {
		defer closeAll()
		return nil, nil, HTTPProblem(response)
	}
	return response, closeAll, nil
}

// http1 is a transport for one request.
func http1(dial Dial) *http.Transport {
	return &http.Transport{DialContext: dial, DisableKeepAlives: true}
}

// h2c is a transport that speaks HTTP/2 without TLS. It holds little that is not read yet, as browsers do.
func h2c(dial Dial) *http.Transport {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{DialContext: dial, Protocols: &protocols, HTTP2: &http.HTTP2Config{
		MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 128 << 10}}
}

func sseWire(name string, transport func(Dial) *http.Transport) Wire {
	return Wire{name, func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		response, closeAll, err := get(ctx, s, sub, "text/event-stream", transport(dial))
		if err != nil {
			return nil, err
		}
		r := &sseReader{lines: bufio.NewReaderSize(response.Body, 64<<10), close: closeAll, lastID: sub.resumeID()}
		if _, err := r.block(); err != nil {
			closeAll()
			return nil, err
		}
		r.start = r.lastID
		return r, nil
	}, publishHTTP}
}

func (s Subscription) resumeID() string {
	if s.After == "earliest" || s.After == "latest" {
		return ""
	}
	return s.After
}

// sseReader reads an event stream as the WHATWG HTML standard says, section "Interpreting an event stream".
type sseReader struct {
	lines         *bufio.Reader
	close         func()
	start, lastID string
}

// block reads up to an empty line, and gives the event if one was dispatched.
func (r *sseReader) block() (*Event, error) {
	var e Event
	var data []string
	id := r.lastID
	for {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "\r") {
			return nil, fmt.Errorf("a CR in the line %q", line)
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			e.Type = value
		case "data":
			data = append(data, value)
		case "id":
			id = value
		case "retry", "":
		default:
			return nil, fmt.Errorf("an unknown field in the line %q", line)
		}
	}
	r.lastID = id
	if len(data) == 0 {
		return nil, nil
	}
	e.ID, e.Data = id, strings.Join(data, "\n")
	return &e, nil
}

func (r *sseReader) Next(context.Context) (Event, error) {
	for {
		if e, err := r.block(); err != nil || e != nil {
			if e == nil {
				e = &Event{}
			}
			return *e, err
		}
	}
}

func (r *sseReader) Start() string  { return r.start }
func (*sseReader) ShowsStart() bool { return true }
func (r *sseReader) LastID() string { return r.lastID }
func (r *sseReader) Close()         { r.close() }

func ndjsonWire() Wire {
	return Wire{"ndjson", func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		heartbeats := sub.Heartbeats
		sub.Heartbeats = false // it always has them
		response, closeAll, err := get(ctx, s, sub, "application/x-ndjson", http1(dial))
		if err != nil {
			return nil, err
		}
		return &ndjsonReader{bufio.NewReaderSize(response.Body, 64<<10), closeAll, sub.resumeID(), heartbeats}, nil
	}, publishHTTP}
}

type ndjsonReader struct {
	lines      *bufio.Reader
	close      func()
	lastID     string
	heartbeats bool
}

func (r *ndjsonReader) Next(context.Context) (Event, error) {
	for {
		line, err := r.lines.ReadBytes('\n')
		if err != nil {
			return Event{}, err
		}
		e, err := parseEnvelope(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return Event{}, err
		}
		if e.ID != "" {
			r.lastID = e.ID
		}
		if e.Type != "leat.heartbeat" || r.heartbeats {
			return e, nil
		}
	}
}

func (*ndjsonReader) Start() string    { return "" }
func (*ndjsonReader) ShowsStart() bool { return false }
func (r *ndjsonReader) LastID() string { return r.lastID }
func (r *ndjsonReader) Close()         { r.close() }

// parseEnvelope reads an envelope, and insists on the order of its members.
func parseEnvelope(text []byte) (Event, error) {
	head, data, ok := bytes.Cut(text, []byte(`,"data":`)) // which can be in no string before it
	if !ok || !bytes.HasSuffix(data, []byte("}")) {
		return Event{}, fmt.Errorf("no data at the end of %q", text)
	}
	data = data[:len(data)-1]
	var e struct{ Op, Stream, ID, Type, Key, Time string }
	if err := json.Unmarshal(append(bytes.Clone(head), '}'), &e); err != nil || !json.Valid(data) {
		return Event{}, fmt.Errorf("%q: %w", text, err)
	}
	at := 0
	for _, member := range []string{`"stream":`, `"id":`, `"type":`, `"key":`, `"time":`} {
		if i := bytes.Index(head, []byte(member)); i >= 0 {
			if i < at {
				return Event{}, fmt.Errorf("%s is out of order in %s", member, text)
			}
			at = i
		}
	}
	return Event{e.Stream, e.ID, e.Type, e.Key, e.Time, string(data)}, nil
}

func publishHTTP(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
	path := "/events/" + stream
	if key != "" {
		path += "/" + url.PathEscape(key)
	}
	return s.post(ctx, path, "application/json", Event{Type: eventType, Data: data}.object("key"))
}
