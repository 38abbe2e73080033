package grpc_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
)

// Trailers need no window, so a client that gives none can still be told why its stream ends; what else is on its
// connection goes on.
func TestAStreamWithoutWindowEndsWithItsStatus(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			leat := dial(t, n, n.native)
			stalled := newTrickle(t, n.address(way))
			for range 3 { // more than is queued
				leat.publish(t, blob())
			}
			stalled.wantsComeBack(t)
			for range 2 {
				stalled.call(t, leatv1.StreamService_Subscribe_FullMethodName, &leatv1.SubscribeRequest{Stream: "ticks"}, true)
				leat.publish(t, &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "ticks", Type: "tick", Data: []byte(`{}`)}})
				stalled.allow(t, 1<<20)
				if got := stalled.message(t); got.Type != "tick" {
					t.Errorf("another stream on the connection gets %v", got)
				}
			}
		})
	}
}

// A conversation's client has not said that it will send no more, so it is told to stop.
func TestAConversationWithoutWindowEndsWithItsStatus(t *testing.T) {
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			n := start(t)
			conn, err := net.Dial("tcp", n.address(way))
			if err != nil {
				t.Fatal(err)
			}
			stalled := quietTrickle(t, conn, n.address(way))
			stalled.call(t, leatv1.StreamService_Connect_FullMethodName, &leatv1.ConnectRequest{Json: []byte(`{"op":"subscribe","stream":"large"}`)}, false)
			n.drainAndGiveUp(t)
			stalled.wantsComeBack(t)
			stalled.until(t, func(frame http2.Frame) bool {
				reset, ok := frame.(*http2.RSTStreamFrame)
				if ok && reset.ErrCode != http2.ErrCodeNo {
					t.Errorf("the client is told %v", reset.ErrCode)
				}
				return ok
			})
		})
	}
}

func TestAClientThatReadsAgainSoonIsToldWhereItsStreamEnded(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			leat := dial(t, n, n.native)
			stalled := newTrickle(t, n.address(way))
			for range 3 {
				leat.publish(t, blob())
			}
			time.Sleep(hub.SlowAfter + time.Second) // nothing on the wire tells that it counts as slow
			stalled.allow(t, 1<<30)
			var last *leatv1.Event
			for last == nil || last.Type == "blob" {
				was := last
				if last = stalled.message(t); last.Type == "leat.end" && (was == nil || last.Id != was.Id) {
					t.Errorf("it ends at %s, after %v", last.Id, was.GetId())
				}
			}
			var end event.End
			if err := json.Unmarshal(last.Data, &end); err != nil || last.Type != "leat.end" || end.Reason != event.EndSlow {
				t.Errorf("the last event is %v, want leat.end for slow", last)
			}
			stalled.wantsComeBack(t)
		})
	}
}

// Neither of these has anything blocked or counts as slow yet.
func TestADrainEndsStreamsWithoutWindowWithTheirStatus(t *testing.T) {
	for name, events := range map[string]int{"nothing sent": 0, "some queued": 1, "a write blocked": 3} {
		for _, way := range []string{"native", "http"} {
			t.Run(name+" "+way, func(t *testing.T) {
				n := start(t)
				leat := dial(t, n, n.native)
				stalled := newTrickle(t, n.address(way))
				for range events {
					leat.publish(t, blob())
				}
				n.drainAndGiveUp(t)
				stalled.wantsComeBack(t)
			})
		}
	}
}

// drainAndGiveUp is what package leat does, but in no time.
func (n *node) drainAndGiveUp(t *testing.T) {
	t.Helper()
	n.server.SetDraining()
	drained := make(chan error, 1)
	go func() { drained <- n.hub.Drain(within(t), 0) }()
	<-n.hub.Draining()
	n.server.GiveUp()
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}

// message reads a response; other streams' frames are passed over.
func (s *trickle) message(t *testing.T) *leatv1.Event {
	t.Helper()
	s.until(t, func(frame http2.Frame) bool {
		switch frame := frame.(type) {
		case *http2.DataFrame:
			if frame.StreamID == s.stream {
				s.data = append(s.data, frame.Data()...)
			}
		case *http2.HeadersFrame, *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatalf("the stream has ended: %v", frame)
		}
		return len(s.data) >= 5 && len(s.data) >= 5+int(binary.BigEndian.Uint32(s.data[1:]))
	})
	size := 5 + int(binary.BigEndian.Uint32(s.data[1:]))
	var response leatv1.SubscribeResponse
	if err := proto.Unmarshal(s.data[5:size], &response); err != nil {
		t.Fatal(err)
	}
	s.data = s.data[size:]
	return response.Event
}

// wantsComeBack reads trailers that say UNAVAILABLE, and when to come back.
func (s *trickle) wantsComeBack(t *testing.T) {
	t.Helper()
	s.until(t, func(frame http2.Frame) bool {
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			t.Fatalf("the stream is reset: %v", frame.ErrCode)
		case *http2.HeadersFrame:
			fields := s.fields(t, frame)
			if !frame.StreamEnded() {
				return false
			}
			details, err := base64.RawStdEncoding.DecodeString(fields["grpc-status-details-bin"])
			if err != nil {
				t.Fatal(err)
			}
			var told spb.Status
			if err := proto.Unmarshal(details, &told); err != nil {
				t.Fatal(err)
			}
			if fields["grpc-status"] != "14" || told.Code != int32(codes.Unavailable) || fields["grpc-message"] != told.Message {
				t.Errorf("trailers %v", fields)
			}
			detail[*errdetails.RetryInfo](t, status.ErrorProto(&told))
			return true
		}
		return false
	})
	s.data = nil
}
