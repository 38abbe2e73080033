package wiretest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/grpc/metadata"

	"github.com/leatstream/leat/internal/wiretest"
)

const (
	connectionTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	eventTrace      = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// traced serves the chat with a backend that tells of the traces of what it is sent.
func traced(t *testing.T) (*wiretest.Server, <-chan string) {
	t.Helper()
	told := make(chan string, 100)
	s := chatWith(t, true, func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Ce-Type") + " " + r.Header.Get("Traceparent") + " " + r.Header.Get("Tracestate")
		w.WriteHeader(http.StatusNoContent)
	})
	return s, told
}

func wantTraces(t *testing.T, told <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := within(t, told); got != w {
			t.Errorf("the backend was sent %q, want %q", got, w)
		}
	}
}

// dialTraced opens a WebSocket as a client does that is traced.
func dialTraced(t *testing.T, s *wiretest.Server, path, subprotocol string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(wiretest.Context(t), strings.Replace(s.URL, "http", "ws", 1)+path, &websocket.DialOptions{
		Subprotocols: []string{subprotocol},
		HTTPHeader:   http.Header{"Traceparent": {connectionTrace}, "Tracestate": {"a=1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func say(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(wiretest.Context(t), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestATraceOfAConnectionIsThatOfAllThatTheBackendHearsOfIt(t *testing.T) {
	t.Parallel()
	want := []string{"leat.connected " + connectionTrace + " a=1", "sendMessage " + connectionTrace + " a=1"}
	for _, f := range framings() {
		t.Run(f.name, func(t *testing.T) {
			s, told := traced(t)
			say(t, dialTraced(t, s, "/ws/chat", f.name), f.command)
			wantTraces(t, told, want...)
		})
	}
	t.Run("sse", func(t *testing.T) {
		s, told := traced(t)
		request, err := http.NewRequestWithContext(wiretest.Context(t), http.MethodGet, s.URL+"/events/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{"Traceparent": {connectionTrace}, "Tracestate": {"a=1", "b=2"}}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		wantTraces(t, told, "leat.connected "+connectionTrace+" a=1,b=2")
	})
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !strings.HasPrefix(c.Name, "grpc") {
			return
		}
		s, told := traced(t)
		ctx := metadata.AppendToOutgoingContext(wiretest.Context(t), "traceparent", connectionTrace, "tracestate", "a=1")
		talk, err := c.Dial(ctx, s, "chat", "", wiretest.Plain)
		if err != nil {
			t.Fatal(err)
		}
		defer talk.Close()
		if _, err := answer(t, talk, says("x")); err != nil {
			t.Fatal(err)
		}
		wantTraces(t, told, want[1]) // it subscribes to nothing
	})
}

func TestATraceOfACloudEventGoesBeforeThatOfItsConnection(t *testing.T) {
	t.Parallel()
	s, told := traced(t)
	conn := dialTraced(t, s, "/ws/chat", "cloudevents.json")
	wantTraces(t, told, "leat.connected "+connectionTrace+" a=1")
	for attributes, want := range map[string]string{
		`"traceparent":"` + eventTrace + `","tracestate":"b=2"`: eventTrace + " b=2",
		`"traceparent":"` + eventTrace + `"`:                    eventTrace + " ",
		`"tracestate":"b=2"`:                                    connectionTrace + " a=1",
		`"traceparent":"0","tracestate":"b=2"`:                  connectionTrace + " a=1",
		`"traceparent":7,"tracestate":{}`:                       connectionTrace + " a=1",
		`"traceparent":null`:                                    connectionTrace + " a=1",
	} {
		say(t, conn, `{"specversion":"1.0","id":"1","source":"/me","type":"sendMessage",`+attributes+`,"data":{"text":"x"}}`)
		wantTraces(t, told, "sendMessage "+want)
	}
}
