package websocket_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// frame is one as a client sends it: masked.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	masked := []byte(payload)
	ws.Cipher(masked, mask, 0)
	return append(b, masked...)
}

const (
	text, continuation, binaryFrame, closing, ping = 0x81, 0x80, 0x82, 0x88, 0x89
	textBegin, continuationMore                    = 0x01, 0x00
)

func closePayload(code int, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// next reads a frame of the server's, which must be whole and unmasked.
func next(t *testing.T, conn net.Conn) ws.Frame {
	t.Helper()
	f := try(t, conn)
	if f == nil {
		t.Fatal("the connection ended where a frame was due")
	}
	return *f
}

// try is next, or nil at the end of the connection.
func try(t *testing.T, conn net.Conn) *ws.Frame {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	h, err := ws.ReadHeader(conn)
	if err != nil {
		return nil
	}
	if err := ws.CheckHeader(h, ws.StateClientSide); err != nil || !h.Fin {
		t.Fatalf("the server sent an illegal frame %+v: %v", h, err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(conn, payload); err != nil {
		t.Fatalf("the server's frame is cut: %v", err)
	}
	return &ws.Frame{Header: h, Payload: payload}
}

func closeCode(f ws.Frame) int {
	if f.Header.OpCode != ws.OpClose || len(f.Payload) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(f.Payload))
}

func TestBrokenFramesEndTheConnectionWithTheirCode(t *testing.T) {
	server := idle(t)
	unmasked := []byte{text, 2, '{', '}'}
	huge := binary.BigEndian.AppendUint64([]byte{text, 0x80 | 127}, 1<<40)
	msb := binary.BigEndian.AppendUint64([]byte{text, 0x80 | 127}, 1<<63)
	overLimit := binary.BigEndian.AppendUint64([]byte{text, 0x80 | 127}, 64<<10+8<<10+1)
	mask := []byte{1, 2, 3, 4}
	for name, c := range map[string]struct {
		sent []byte
		code int
	}{
		"not masked":                         {unmasked, 1002},
		"RSV1":                               {frame(text|0x40, "{}"), 1002},
		"RSV2 in a control frame":            {frame(ping|0x20, ""), 1002},
		"reserved data opcode":               {frame(0x83, "{}"), 1002},
		"reserved control opcode":            {frame(0x8b, ""), 1002},
		"fragmented ping":                    {frame(0x09, ""), 1002},
		"long ping":                          {frame(ping, strings.Repeat("x", 126)), 1002},
		"continuation of nothing":            {frame(continuation, "{}"), 1002},
		"text within a fragmented text":      {append(frame(textBegin, "{"), frame(text, "{}")...), 1002},
		"length with its first bit set":      {append(msb, mask...), 1002},
		"binary":                             {frame(binaryFrame, "{}"), 1003},
		"fragmented binary":                  {frame(0x02, "{}"), 1003},
		"not UTF-8":                          {frame(text, "{\"\xff\"}"), 1007},
		"a surrogate in UTF-8":               {frame(text, "\xed\xa0\x80"), 1007},
		"cut UTF-8":                          {frame(text, "\xe2\x82"), 1007},
		"not UTF-8, seen before the end":     {append(frame(textBegin, "\xce\xba\xe1"), frame(continuationMore, "\xff")...), 1007},
		"too large":                          {append(overLimit, mask...), 1009},
		"larger than anything":               {append(huge, mask...), 1009},
		"too large together":                 {append(frame(textBegin, strings.Repeat(" ", 70<<10)), frame(continuation, strings.Repeat(" ", 3<<10))...), 1009},
		"close with half a code":             {frame(closing, "x"), 1002},
		"close with 999":                     {frame(closing, closePayload(999, "")), 1002},
		"close with 1004":                    {frame(closing, closePayload(1004, "")), 1002},
		"close with 1005":                    {frame(closing, closePayload(1005, "")), 1002},
		"close with 1006":                    {frame(closing, closePayload(1006, "")), 1002},
		"close with 1016":                    {frame(closing, closePayload(1016, "")), 1002},
		"close with 2999":                    {frame(closing, closePayload(2999, "")), 1002},
		"close with 5000":                    {frame(closing, closePayload(5000, "")), 1002},
		"close with a reason not UTF-8":      {frame(closing, closePayload(1000, "\xce\xba\xed\xa0")), 1007},
		"close with a reason that is cut":    {frame(closing, closePayload(1000, "\xe2\x82")), 1007},
		"close with 1000":                    {frame(closing, closePayload(1000, "bye")), 1000},
		"close with 1011":                    {frame(closing, closePayload(1011, "")), 1011},
		"close with 1012":                    {frame(closing, closePayload(1012, "")), 1012},
		"close with 3000":                    {frame(closing, closePayload(3000, "")), 3000},
		"close with 4999":                    {frame(closing, closePayload(4999, "")), 4999},
		"close with the longest reason":      {frame(closing, closePayload(1000, strings.Repeat("x", 123))), 1000},
		"close, and then what may not come":  {append(frame(closing, closePayload(1000, "")), frame(ping, "")...), 1000},
		"close within a fragmented text":     {append(frame(textBegin, "{"), frame(closing, closePayload(1001, ""))...), 1001},
		"close without a code (echoed bare)": {frame(closing, ""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsWith(t, server, c.sent, c.code)
		})
	}
}

// endsWith sends what ends the connection with a close code, 0 for none.
func endsWith(t *testing.T, server *httptest.Server, sent []byte, code int) {
	t.Helper()
	conn := dialRaw(t, server, "/ws", "leat.v1")
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	got := next(t, conn)
	if got.Header.OpCode != ws.OpClose || closeCode(got) != code {
		t.Errorf("got opcode %v, code %d; want a close frame with %d", got.Header.OpCode, closeCode(got), code)
	}
	if f := try(t, conn); f != nil {
		t.Errorf("after the close frame came %+v", f)
	}
	_ = conn.Close()
}

func TestPingsAreAnsweredWithTheirPayload(t *testing.T) {
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	for _, payload := range []string{"", "hello", strings.Repeat("x", 125)} {
		if _, err := conn.Write(frame(ping, payload)); err != nil {
			t.Fatal(err)
		}
		if got := next(t, conn); got.Header.OpCode != ws.OpPong || string(got.Payload) != payload {
			t.Errorf("ping %q: got %v %q", payload, got.Header.OpCode, got.Payload)
		}
	}
}

func TestMessagesCanComeInPiecesWithPingsBetween(t *testing.T) {
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	message := `{"op":"dance","ref":"größer €"}`
	var sent []byte
	for i := range len(message) { // also within characters
		first := byte(continuationMore)
		if i == 0 {
			first = textBegin
		}
		sent = append(append(sent, frame(first, message[i:i+1])...), frame(ping, "p")...)
	}
	sent = append(sent, frame(continuation, "")...)
	go func() {
		for _, b := range sent { // byte by byte
			_, _ = conn.Write([]byte{b})
		}
	}()
	for range len(message) {
		if got := next(t, conn); got.Header.OpCode != ws.OpPong {
			t.Fatalf("got %v, want a pong", got.Header.OpCode)
		}
	}
	if got := next(t, conn); !bytes.HasPrefix(got.Payload, []byte(`{"op":"error","ref":"größer €","error":{`)) {
		t.Errorf("got %s", got.Payload)
	}
}

func TestAMessageOfTheLargestSizeIsTaken(t *testing.T) {
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	message := `{"op":"dance","ref":1}`
	message += strings.Repeat(" ", 64<<10+8<<10-len(message))
	if _, err := conn.Write(frame(text, message)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, conn); !bytes.HasPrefix(got.Payload, []byte(`{"op":"error","ref":1,`)) {
		t.Errorf("got %s", got.Payload)
	}
}

// Whatever a client sends, the connection goes on or ends with a legal close frame.
func FuzzFrames(f *testing.F) {
	f.Add(frame(text, `{"op":"publish"}`))
	f.Add(append(frame(textBegin, `{"op":`), frame(continuation, `"x"}`)...))
	f.Add(append(frame(ping, "x"), frame(closing, closePayload(1000, "bye"))...))
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, 0xff})
	server := idle(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn := dialRaw(t, server, "/ws", "leat.v1")
		go func() {
			_, _ = conn.Write(sent)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		for {
			got := try(t, conn)
			switch {
			case got == nil:
				return
			case got.Header.OpCode != ws.OpClose:
			case len(got.Payload) == 1, len(got.Payload) > 1 && ws.CheckCloseFrameData(ws.ParseCloseFrameData(got.Payload)) != nil &&
				(closeCode(*got) < 1012 || closeCode(*got) > 1014):
				t.Fatalf("illegal close frame % x", got.Payload)
			}
		}
	})
}
