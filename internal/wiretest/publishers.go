package wiretest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A Publisher is a way to publish.
type Publisher struct {
	Name string
	// NoTime tells that it cannot say the event's time.
	NoTime bool
	// Publish stores one event and gives its id, empty where the protocol does not tell.
	Publish func(ctx context.Context, s *Server, e Event) (id string, err error)
}

// Publishers are all ways to publish.
func Publishers() []Publisher {
	return []Publisher{
		{"HTTP JSON", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return s.post(ctx, "/events/"+e.Stream, "application/json", e.object("key"))
		}},
		{"HTTP JSON to the key's path", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			path := "/events/" + e.Stream + "/" + url.PathEscape(e.Key)
			e.Key = ""
			return s.post(ctx, path, "application/json", e.object("key"))
		}},
		{"HTTP array", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return s.post(ctx, "/events/"+e.Stream, "application/json", " [\n"+e.object("key")+"\t]")
		}},
		{"NDJSON", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return s.post(ctx, "/events/"+e.Stream, "application/x-ndjson", e.object("key")+"\n")
		}},
		{"CloudEvents structured", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return s.post(ctx, "/events/"+e.Stream, "application/cloudevents+json; charset=utf-8", e.cloudEvent())
		}},
		{"CloudEvents batch", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return s.post(ctx, "/events/"+e.Stream, "application/cloudevents-batch+json", "["+e.cloudEvent()+"]")
		}},
		{"CloudEvents binary", false, publishBinary},
		{"WebSocket leat.v1", false, publishSocket},
		{"WebSocket flat", true, publishFlat},
		{"WebSocket CloudEvents", false, publishCloudEvent},
		{"gRPC Publish", false, func(ctx context.Context, s *Server, e Event) (string, error) {
			return publishGRPC(ctx, s.GRPC, e)
		}},
		{"gRPC PublishStream", false, publishUpload},
		{"gRPC Connect", false, publishConnect},
	}
}

// object is the event as JSON, with the name that a protocol has for the key.
func (e Event) object(key string, members ...string) string {
	members = append(members, `"type":`+quote(e.Type))
	if e.Key != "" {
		members = append(members, fmt.Sprintf("%q:%s", key, quote(e.Key)))
	}
	if e.Time != "" {
		members = append(members, `"time":`+quote(e.Time))
	}
	return "{" + strings.Join(append(members, `"data":`+e.Data), ",") + "}"
}

func (e Event) cloudEvent() string {
	return e.object("subject", `"specversion":"1.0","id":`+quote(fmt.Sprint(time.Now().UnixNano())), `"source":"/wiretest"`, `"other":7`)
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func (e Event) request() *leatv1.PublishRequest {
	told := &leatv1.Event{Stream: e.Stream, Type: e.Type, Data: []byte(e.Data)}
	if e.Key != "" {
		told.Key = &e.Key
	}
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		told.Time = timestamppb.New(at)
	}
	return &leatv1.PublishRequest{Event: told}
}

// post publishes, and gives the id of the newest event.
func (s *Server) post(ctx context.Context, path, contentType, body string, header ...string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return "", HTTPProblem(response)
	}
	var answer struct {
		ID, Last string
		IDs      []string
		Errors   []json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if len(answer.Errors) > 0 {
		return "", asError(parseProblem(answer.Errors[0]))
	}
	for _, id := range answer.IDs {
		answer.ID = id
	}
	return answer.ID + answer.Last, nil
}

func asError(p *Problem, err error) error {
	if err != nil {
		return err
	}
	return p
}

func publishBinary(ctx context.Context, s *Server, e Event) (string, error) {
	header := []string{"ce-specversion", "1.0", "ce-id", fmt.Sprint(time.Now().UnixNano()), "ce-source", "/wiretest", "ce-type", e.Type}
	if e.Key != "" { // HTTP binding, section 3.1.3.2
		header = append(header, "ce-subject", strings.ReplaceAll(url.PathEscape(e.Key), "%2F", "/"))
	}
	if e.Time != "" {
		header = append(header, "ce-time", e.Time)
	}
	return s.post(ctx, "/events/"+e.Stream, "application/json", e.Data, header...)
}

// publishFlat publishes an event whose data is an object. Success is silent, so the event itself is waited for.
func publishFlat(ctx context.Context, s *Server, e Event) (string, error) {
	path := strings.Replace(s.URL, "http", "ws", 1) + "/ws/" + e.Stream
	if e.Key != "" {
		path += "/" + url.PathEscape(e.Key)
	}
	conn, response, err := websocket.Dial(ctx, path, nil)
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return "", HTTPProblem(response)
		}
		return "", err
	}
	defer conn.CloseNow()
	members := strings.TrimSpace(e.Data)[1:]
	if members != "}" {
		members = "," + members
	}
	message := `{"type":` + quote(e.Type) + members
	if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return "", err
	}
	_, text, err := conn.Read(ctx)
	if err != nil {
		return "", err
	}
	var answer struct {
		Type  string
		Error json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Type != e.Type && answer.Type != "leat.error" {
		return "", fmt.Errorf("the answer to %s: %s (%w)", message, text, err)
	}
	if answer.Type == "leat.error" {
		return "", asError(parseProblem(answer.Error))
	}
	return "", nil
}

func publishUpload(ctx context.Context, s *Server, e Event) (string, error) {
	conn, err := dialGRPC(s.GRPC, Plain)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	upload, err := leatv1.NewStreamServiceClient(conn).PublishStream(ctx)
	if err != nil {
		return "", grpcProblem(err)
	}
	if err := upload.Send(&leatv1.PublishStreamRequest{Publish: e.request()}); err != nil && !errors.Is(err, io.EOF) { // the answer says why it is over
		return "", err
	}
	answer, err := upload.CloseAndRecv()
	if err != nil {
		return "", grpcProblem(err)
	}
	if len(answer.Errors) > 0 {
		return "", asError(parseProblem(answer.Errors[0].Problem))
	}
	return answer.LastId, nil
}
