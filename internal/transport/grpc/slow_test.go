package grpc_test

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
)

func blob() *leatv1.PublishRequest {
	return &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "large", Type: "blob", Data: []byte(`"` + strings.Repeat("x", 200<<10) + `"`)}}
}

func TestAClientThatStopsReadingIsEndedAndDelaysNobody(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			// A window of fixed size: by default the client's grows with what it is sent.
			leat := dial(t, n, n.address(way), grpcgo.WithStaticStreamWindowSize(64<<10), grpcgo.WithStaticConnWindowSize(1<<20))
			stuck := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "large"})
			reading := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "large"})
			ticks := time.NewTicker(100 * time.Millisecond) // the machine is not to be kept busy
			defer ticks.Stop()
			for began := time.Now(); time.Since(began) < hub.SlowAfter+2*time.Second; <-ticks.C {
				published := time.Now()
				id := leat.publish(t, blob())
				if got := reading.next(t); got.Id != id || time.Since(published) > 5*time.Second {
					t.Fatalf("got %s after %v, want %s at once", got.Id, time.Since(published), id)
				}
			}
			wantComeBack(t, stuck.end(t)) // it has taken up the rest in time
		})
	}
}

// A foreign client need not follow any of grpc-go's habits: one gives no window, another never reads its socket.
func TestForeignClientsThatStallAreEndedInTimeAndDelayNobody(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			leat := dial(t, n, n.native)
			reading := dial(t, n, n.address(way)).subscribe(t, &leatv1.SubscribeRequest{Stream: "large"})
			windowless, deaf := newTrickle(t, n.address(way)), newTrickle(t, n.address(way))
			deaf.allow(t, 1<<30)
			publish := func() {
				t.Helper()
				published := time.Now()
				if id, got := leat.publish(t, blob()), reading.next(t); got.Id != id || time.Since(published) > 5*time.Second {
					t.Fatalf("got %s after %v, want %s at once", got.Id, time.Since(published), id)
				}
			}
			began := time.Now()
			for range 60 { // more than the kernel's buffers
				publish()
			}
			filled := time.Now()
			ticks := time.NewTicker(100 * time.Millisecond)
			defer ticks.Stop()
			for n.gone(t) < 2 {
				<-ticks.C
				// Over net/http it can take more than three times as long: a socket that is as good as full takes the rest of a piece
				// when a write is tried again, and net/http gives up when a try has moved no byte at all (seen: 26 s).
				if publish(); time.Since(filled) > 4*hub.SlowAfter {
					t.Fatalf("%v of 2 ended after %v", n.gone(t), time.Since(filled))
				}
			}
			if took := time.Since(began); took < hub.SlowAfter {
				t.Errorf("ended after %v", took)
			}
			windowless.wantsComeBack(t)
		})
	}
}

// gone is how many connections have ended.
func (n *node) gone(t *testing.T) (count float64) {
	t.Helper()
	families, err := n.ended.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "leat_connections_ended_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			count += metric.GetCounter().GetValue()
		}
	}
	return count
}

func TestAClientThatReadsSlowlyIsNotEnded(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := start(t)
			leat := dial(t, n, n.native)
			slow := newTrickle(t, n.address(way))
			for range 3 { // more than is buffered on the way: each waits for the one before
				leat.publish(t, blob())
			}
			rest := uint32(3 * 200 << 10)
			ticks := time.NewTicker(time.Second)
			defer ticks.Stop()
			for began := time.Now(); time.Since(began) < hub.SlowAfter+2*time.Second; <-ticks.C {
				slow.take(t, 8<<10)
				rest -= 8 << 10
			}
			slow.take(t, rest) // all three came: the end of a stream comes after what is buffered, and so would show here
		})
	}
}

// Small events go out from a pump, which also moves the others, and which may never wait.
func TestAPumpIsNotHeldUpByClientsThatTakeNothing(t *testing.T) {
	for _, way := range []string{"native", "http"} {
		t.Run(way, func(t *testing.T) {
			n := start(t)
			leat := dial(t, n, n.native)
			newTrickle(t, n.address(way)) // it gives no window
			window := []grpcgo.DialOption{grpcgo.WithStaticStreamWindowSize(64 << 10), grpcgo.WithStaticConnWindowSize(64 << 10)}
			late := dial(t, n, n.address(way), window...).subscribe(t, &leatv1.SubscribeRequest{Stream: "large"})
			var reading []*subscription // on each of the pumps one at least
			for range runtime.GOMAXPROCS(0) {
				reading = append(reading, dial(t, n, n.address(way)).subscribe(t, &leatv1.SubscribeRequest{Stream: "large"}))
			}
			small := &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "large", Type: "blob", Data: []byte(`"` + strings.Repeat("x", 1000) + `"`)}}
			var ids []string
			for range 500 { // more than is queued on the way, which is twice 64 KiB
				ids = append(ids, leat.publish(t, small))
				for _, events := range reading {
					if got := events.next(t); got.Id != ids[len(ids)-1] {
						t.Fatalf("got %s, want %s", got.Id, ids[len(ids)-1])
					}
				}
			}
			for _, id := range ids {
				if got := late.next(t); got.Id != id {
					t.Fatalf("who reads late got %s, want %s", got.Id, id)
				}
			}
			id := leat.publish(t, small)
			if got := late.next(t); got.Id != id {
				t.Errorf("who has caught up got %s, want %s", got.Id, id)
			}
		})
	}
}

// A trickle is a subscriber that takes just as much as the test says, down in HTTP/2's frames.
type trickle struct {
	framer  *http2.Framer
	headers *hpack.Decoder
	encoder *hpack.Encoder
	encoded bytes.Buffer // the encoder's
	address string
	stream  uint32 // the newest one
	data    []byte // of it, not read yet
}

func newTrickle(t *testing.T, address string) *trickle {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newTrickleOver(t, conn, address)
}

func newTrickleOver(t *testing.T, conn net.Conn, address string) *trickle {
	t.Helper()
	s := quietTrickle(t, conn, address)
	s.call(t, leatv1.StreamService_Subscribe_FullMethodName, &leatv1.SubscribeRequest{Stream: "large"}, true)
	return s
}

// quietTrickle makes one that has called nothing yet.
func quietTrickle(t *testing.T, conn net.Conn, address string) *trickle {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	s := &trickle{framer: http2.NewFramer(conn, conn), headers: hpack.NewDecoder(4096, nil), address: address}
	s.encoder = hpack.NewEncoder(&s.encoded)
	if err := s.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	return s
}

// call begins a call, and waits until it stands; last says that the client sends no more than this message.
func (s *trickle) call(t *testing.T, method string, message proto.Message, last bool) {
	t.Helper()
	body, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	s.encoded.Reset()
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method},
		{":authority", s.address}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := s.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	s.stream += 1 + s.stream%2 // 1, 3, 5
	for _, err := range []error{
		s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.stream, BlockFragment: s.encoded.Bytes(), EndHeaders: true}),
		s.framer.WriteData(s.stream, last, append([]byte{0, 0, 0, 0, byte(len(body))}, body...)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.until(t, func(frame http2.Frame) bool { // it stands
		headers, ok := frame.(*http2.HeadersFrame)
		if ok {
			s.fields(t, headers)
		}
		return ok && headers.StreamID == s.stream
	})
}

// fields decodes headers, which has to be done with each of them, as each changes the table.
func (s *trickle) fields(t *testing.T, frame *http2.HeadersFrame) map[string]string {
	t.Helper()
	decoded, err := s.headers.DecodeFull(frame.HeaderBlockFragment())
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]string)
	for _, field := range decoded {
		fields[field.Name] = field.Value
	}
	return fields
}

// take opens the window, and waits until as much has come.
func (s *trickle) take(t *testing.T, n uint32) {
	t.Helper()
	s.allow(t, n)
	s.until(t, func(frame http2.Frame) bool {
		switch frame := frame.(type) {
		case *http2.DataFrame:
			n -= frame.Length
		case *http2.HeadersFrame, *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatalf("the stream has ended: %v", frame)
		}
		return n == 0
	})
}

// allow opens the window.
func (s *trickle) allow(t *testing.T, n uint32) {
	t.Helper()
	for _, stream := range []uint32{0, s.stream} {
		if err := s.framer.WriteWindowUpdate(stream, n); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *trickle) until(t *testing.T, done func(http2.Frame) bool) {
	t.Helper()
	for {
		frame, err := s.framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = s.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = s.framer.WritePing(true, frame.Data)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if done(frame) {
			return
		}
	}
}
