package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"golang.org/x/net/http2"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// The framings have no door but a socket, which cuts where it likes; here each cut is tried.

func TestMessagesArriveWholeHoweverTheConnectionCutsThem(t *testing.T) {
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprintf("message %d %s", i, bytes.Repeat([]byte("x"), i*i*i)))
	}
	for name, build := range map[string]func([]string) (framing, *chunks, []byte, string){
		"sse": sseStream, "chunked": chunkedStream, "websocket": websocketStream, "grpc": grpcStream,
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f, c, stream, position := build(texts)
				s := &subscriber{framing: f, chunks: c, conn: &streamed{}}
				var got []string
				s.take = func(message []byte) { got = append(got, string(message)) }
				for len(stream) > 0 {
					n := rapid.IntRange(1, min(len(stream), 3000)).Draw(t, "n")
					data := append(bytes.Clone(s.rest), stream[:n]...)
					if err := s.feed(data, n); err != nil {
						t.Fatal(err)
					}
					clear(data) // it belongs to the next read
					stream = stream[n:]
				}
				if len(got) != len(texts) {
					t.Fatalf("got %d messages, want %d", len(got), len(texts))
				}
				for i, text := range texts {
					if !strings.Contains(got[i], text) {
						t.Fatalf("message %d: got %q, want %q in it", i, got[i], text)
					}
				}
				if string(s.after) != position {
					t.Fatalf("position: got %q, want %q", s.after, position)
				}
			})
		})
	}
}

func sseStream(texts []string) (framing, *chunks, []byte, string) {
	var all bytes.Buffer
	for i, text := range texts {
		fmt.Fprintf(&all, "event: a\ndata: %s\nid: b-%d\n\n", text, i)
	}
	return new(sse), nil, all.Bytes(), fmt.Sprintf("b-%d", len(texts)-1)
}

func chunkedStream(texts []string) (framing, *chunks, []byte, string) {
	var all bytes.Buffer
	w := httputil.NewChunkedWriter(&all)
	for i, text := range texts {
		fmt.Fprintf(w, "id: b-%d\r\n", i) // each write is a chunk
		fmt.Fprintf(w, "data: %s\r\n\r", text)
		fmt.Fprintf(w, "\n")
	}
	return new(sse), new(chunks), all.Bytes(), fmt.Sprintf("b-%d", len(texts)-1)
}

func websocketStream(texts []string) (framing, *chunks, []byte, string) {
	var all bytes.Buffer
	for i, text := range texts {
		message := fmt.Appendf(nil, `{"op":"event","id":"b-%d","data":%q}`, i, text)
		switch i % 3 {
		case 0:
			writeFrames(&all, ws.NewTextFrame(message))
		case 1:
			writeFrames(&all, ws.NewPongFrame(nil), ws.NewFrame(ws.OpText, false, message[:5]),
				ws.NewFrame(ws.OpContinuation, false, message[5:9]), ws.NewFrame(ws.OpContinuation, true, message[9:]))
		case 2:
			writeFrames(&all, ws.NewFrame(ws.OpText, false, message[:7]), ws.NewPongFrame([]byte("x")), ws.NewFrame(ws.OpContinuation, true, message[7:]))
		}
	}
	return new(websocket), nil, all.Bytes(), fmt.Sprintf("b-%d", len(texts)-1)
}

func writeFrames(w io.Writer, frames ...ws.Frame) {
	for _, frame := range frames {
		if err := ws.WriteFrame(w, frame); err != nil {
			panic(err)
		}
	}
}

func grpcStream(texts []string) (framing, *chunks, []byte, string) {
	var messages, all bytes.Buffer
	for i, text := range texts {
		message, err := proto.Marshal(&leatv1.SubscribeResponse{Event: &leatv1.Event{Stream: "s", Id: fmt.Sprintf("b-%d", i), Data: []byte(text)}})
		if err != nil {
			panic(err)
		}
		messages.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...))
	}
	framer := http2.NewFramer(&all, nil)
	for payload := range slices.Chunk(messages.Bytes(), 700) {
		if err := framer.WriteDataPadded(subscribeID, false, payload, []byte{0, 0}); err != nil {
			panic(err)
		}
		if err := framer.WriteWindowUpdate(0, 5); err != nil {
			panic(err)
		}
	}
	return new(grpc), nil, all.Bytes(), fmt.Sprintf("b-%d", len(texts)-1)
}

func TestWhatAPeerIsOwedIsAnswered(t *testing.T) {
	var ping bytes.Buffer
	writeFrames(&ping, ws.NewPingFrame([]byte("are you there")))
	w := new(websocket)
	if _, err := w.feed(ping.Bytes(), nil); err != nil {
		t.Fatal(err)
	}
	pong := bytes.NewReader(w.owed())
	header, err := ws.ReadHeader(pong)
	payload := make([]byte, pong.Len())
	pong.Read(payload)
	ws.Cipher(payload, header.Mask, 0)
	if err != nil || header.OpCode != ws.OpPong || !header.Masked || string(payload) != "are you there" {
		t.Errorf("websocket: got %+v %q, %v, want a masked pong", header, payload, err)
	}
	var frames bytes.Buffer
	framer := http2.NewFramer(&frames, nil)
	if err := framer.WritePing(false, [8]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	g := new(grpc)
	if _, err := g.feed(frames.Bytes(), nil); err != nil {
		t.Fatal(err)
	}
	answer, err := http2.NewFramer(nil, bytes.NewReader(g.owed())).ReadFrame()
	if ack, ok := answer.(*http2.PingFrame); !ok || !ack.IsAck() || ack.Data != [8]byte{1, 2, 3} {
		t.Errorf("grpc: got %v, %v, want the ping's ack", answer, err)
	}
}

func TestATallyKnowsWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		sequences                   []int
		sent                        int
		unanswered                  []int
		lost, duplicate, outOfOrder int
	}{
		"all":                     {sequences: []int{0, 1, 2}, sent: 3},
		"none":                    {sent: 3, lost: 3},
		"the first":               {sequences: []int{1, 2}, sent: 3, lost: 1},
		"the last":                {sequences: []int{0, 1}, sent: 3, lost: 1},
		"between":                 {sequences: []int{0, 4}, sent: 5, lost: 3},
		"twice":                   {sequences: []int{0, 1, 1, 0}, sent: 2, duplicate: 2},
		"late":                    {sequences: []int{0, 4, 2, 2}, sent: 5, lost: 2, outOfOrder: 1, duplicate: 1},
		"all late":                {sequences: []int{3, 0, 1, 2}, sent: 4, outOfOrder: 3},
		"nobody knows":            {sequences: []int{0, 3}, sent: 5, unanswered: []int{1, 4}, lost: 1},
		"unanswered, but arrived": {sequences: []int{0, 1, 2}, sent: 3, unanswered: []int{1}},
	} {
		var tallied tally
		got := make(map[verdict]int)
		for _, sequence := range test.sequences {
			got[tallied.see(sequence)]++
		}
		lost := tallied.lost(test.sent, test.unanswered)
		if lost != test.lost || got[duplicate] != test.duplicate || got[outOfOrder] != test.outOfOrder {
			t.Errorf("%s: lost %d, twice %d, late %d; want %d, %d, %d", name, lost, got[duplicate], got[outOfOrder],
				test.lost, test.duplicate, test.outOfOrder)
		}
	}
}
