package grpc_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/protobuf/proto"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// A recorder is a client's side of an HTTP/2 stream, which sees the very slices that are written to it.
type recorder struct {
	*httptest.ResponseRecorder
	flushed chan struct{} // once for the headers
	written chan []byte   // slices with the mark
	mark    []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	if bytes.Contains(p, r.mark) {
		r.written <- p
	}
	return len(p), nil
}

func (r *recorder) Flush() {
	select {
	case r.flushed <- struct{}{}:
	default:
	}
}

// An event is encoded once: whoever gets it, however many, is sent one slice.
func TestAllSubscribersAreSentTheSameBytes(t *testing.T) {
	const mark = "or_shared"
	request, err := proto.Marshal(&leatv1.SubscribeRequest{Stream: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	event := shipped(mark)
	said := &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "chat", Type: "said", Data: []byte(`{"text":"` + mark + `"}`)}}
	for name, test := range map[string]struct {
		method      string
		request     string
		answer      bool // has the mark, and comes before the event
		event       *leatv1.PublishRequest
		subscribers int
	}{
		"generic":       {leatv1.StreamService_Subscribe_FullMethodName, string(request), false, event, 3},
		"typed":         {"/orders.v1.OrdersService/Subscribe", "", false, event, 1000},
		"typed connect": {"/chat.v1.ChatService/Connect", "\x0a\x09" + mark + "\x12\x00", true, said, 100}, // its ref, and subscribe
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			body := append([]byte{0, 0, 0, 0, byte(len(test.request))}, test.request...) // gRPC's length-prefixed message
			ctx, cancel := context.WithCancel(within(t))
			served := make(chan struct{})
			recorders := make([]*recorder, test.subscribers)
			for i := range recorders {
				r := &recorder{httptest.NewRecorder(), make(chan struct{}, 1), make(chan []byte, 1), []byte(mark)}
				recorders[i] = r
				call := httptest.NewRequestWithContext(ctx, http.MethodPost, test.method, bytes.NewReader(body))
				call.ProtoMajor, call.ProtoMinor = 2, 0
				call.Header.Set("Content-Type", "application/grpc")
				go func() {
					n.server.ServeHTTP(r, call)
					served <- struct{}{}
				}()
				<-r.flushed
				if test.answer {
					<-r.written
				}
			}
			dial(t, n, n.native).publish(t, test.event)
			first := <-recorders[0].written
			for _, r := range recorders[1:] {
				if other := <-r.written; &other[0] != &first[0] || len(other) != len(first) {
					t.Errorf("a subscriber was sent %p, another %p: want one frame for both", first, other)
				}
			}
			cancel()
			for range recorders {
				<-served
			}
		})
	}
}
