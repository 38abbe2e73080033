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

func TestAllSubscribersAreSentTheSameBytes(t *testing.T) {
	n := start(t)
	leat := dial(t, n, n.native)
	request, err := proto.Marshal(&leatv1.SubscribeRequest{Stream: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0, 0, 0, 0, byte(len(request))}, request...) // gRPC's length-prefixed message
	ctx, cancel := context.WithCancel(within(t))
	served := make(chan struct{})
	recorders := make([]*recorder, 3)
	for i := range recorders {
		r := &recorder{httptest.NewRecorder(), make(chan struct{}, 1), make(chan []byte, 1), []byte("or_shared")}
		recorders[i] = r
		call := httptest.NewRequestWithContext(ctx, http.MethodPost, leatv1.StreamService_Subscribe_FullMethodName, bytes.NewReader(body))
		call.ProtoMajor, call.ProtoMinor = 2, 0
		call.Header.Set("Content-Type", "application/grpc")
		go func() {
			n.server.ServeHTTP(r, call)
			served <- struct{}{}
		}()
		<-r.flushed
	}
	leat.publish(t, shipped("or_shared"))
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
}
