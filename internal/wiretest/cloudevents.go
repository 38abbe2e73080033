package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/leatstream/leat/contract"
)

const cloudEventsJSON = "cloudevents.json"

// cloudEventsWire subscribes by the address, in the WebSockets binding of CloudEvents.
func cloudEventsWire() Wire {
	return Wire{"websocket-cloudevents", func(ctx context.Context, s *Server, sub Subscription, dial Dial) (Reader, error) {
		sub.Resume = false // there is no header for it
		m, err := dialSocket(ctx, s, sub.path("/ws/"), cloudEventsJSON, dial)
		if err != nil {
			return nil, err
		}
		return &cloudEventReader{m, sub.resumeID(), sub.Heartbeats}, nil
	}, func(ctx context.Context, s *Server, stream, key, eventType, data string) (string, error) {
		path := "/" + stream
		if key != "" {
			path += "/" + url.PathEscape(key)
		}
		return publishCloudEventTo(ctx, s, path, Event{Stream: stream, Type: eventType, Data: data})
	}}
}

type cloudEventReader struct {
	messages

	lastID     string
	heartbeats bool
}

func (r *cloudEventReader) Next(ctx context.Context) (Event, error) {
	for {
		text, err := r.receive(ctx)
		if err != nil {
			return Event{}, err
		}
		e, err := parseCloudEvent(text)
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

func (*cloudEventReader) Start() string    { return "" }
func (*cloudEventReader) ShowsStart() bool { return false }
func (r *cloudEventReader) LastID() string { return r.lastID }
func (r *cloudEventReader) Close()         { r.close() }

var positionLike = regexp.MustCompile(`^[a-z0-9]{1,32}-[0-9]+$`)

// parseCloudEvent reads a CloudEvent as CloudEvents 1.0 and the wire reference have it. An id that is no position is not
// given in the Event.
func parseCloudEvent(text []byte) (e Event, err error) {
	head, data, ok := bytes.Cut(text, []byte(`,"datacontenttype":"application/json","data":`)) // which can be in no string before it
	if !ok || !bytes.HasPrefix(head, []byte(`{"specversion":"1.0","id":"`)) || !bytes.HasSuffix(data, []byte("}")) {
		return Event{}, fmt.Errorf("not a CloudEvent as it should be: %s", text)
	}
	data = data[:len(data)-1]
	var got map[string]string
	if err := json.Unmarshal(append(bytes.Clone(head), '}'), &got); err != nil || !json.Valid(data) {
		return Event{}, fmt.Errorf("%s: %w", text, err)
	}
	stream, ok := strings.CutPrefix(got["source"], "/events/")
	e = Event{stream, got["id"], got["type"], got["subject"], got["time"], string(data)}
	delete(got, "subject")
	if !ok || len(got) != 5 || e.ID == "" || e.Type == "" {
		return Event{}, fmt.Errorf("not a CloudEvent as it should be: %s", text)
	}
	if !positionLike.MatchString(e.ID) {
		e.ID = ""
	}
	return e, nil
}

func publishCloudEvent(ctx context.Context, s *Server, e Event) (string, error) {
	return publishCloudEventTo(ctx, s, "/"+e.Stream, e)
}

// publishCloudEventTo publishes to the address of a stream or key. Success is silent: the answer to a second message,
// which is wrong, tells that the first is stored, and a repeat over HTTP tells its id.
func publishCloudEventTo(ctx context.Context, s *Server, path string, e Event) (string, error) {
	m, err := dialSocket(ctx, s, "/ws"+path, cloudEventsJSON, Plain)
	if err != nil {
		return "", err
	}
	defer m.close()
	text := e.cloudEvent()
	for _, message := range []string{text, "{}"} {
		if err := m.send(ctx, []byte(message)); err != nil {
			return "", err
		}
	}
	for {
		answer, err := m.receive(ctx)
		if err != nil {
			return "", err
		}
		told, err := parseCloudEvent(answer)
		if err != nil {
			return "", err
		}
		if told.Type != "leat.error" {
			continue
		}
		var data struct {
			ID, Source string
			Error      json.RawMessage
		}
		if err := json.Unmarshal([]byte(told.Data), &data); err != nil {
			return "", err
		}
		if data.ID == "" {
			return s.idOf(ctx, path, e.Stream, text)
		}
		if data.Source != "/wiretest" || !strings.Contains(text, quote(data.ID)) {
			return "", fmt.Errorf("the answer to %s: %s", text, answer)
		}
		return "", asError(parseProblem(data.Error))
	}
}

// idOf gives the id of a CloudEvent that was published; on a stream of durability none there is none.
func (s *Server) idOf(ctx context.Context, path, stream, text string) (string, error) {
	for _, declared := range s.contract.Streams {
		if declared.Name == stream && declared.Durability == contract.None {
			return "", nil
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/events"+path, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		ID        string
		Duplicate bool
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if !answer.Duplicate {
		return "", errors.New("an event was neither stored nor refused: " + text)
	}
	return answer.ID, nil
}
