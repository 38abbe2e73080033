package websocket_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// The tests here go through what RFC 6455 numbers, in the order of the Autobahn test suite, so far as frames_test.go does not.

// Autobahn 3 and 4.
func TestReservedBitsAndOpcodesAreRefusedAllOfThem(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for _, first := range []byte{text, binaryFrame, closing, ping, 0x8a} {
		for rsv := byte(1); rsv < 8; rsv++ {
			endsWith(t, server, frame(first|rsv<<4, ""), 1002)
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		for _, payload := range []string{"", "{}"} {
			endsWith(t, server, frame(0x80|op, payload), 1002)
			endsWith(t, server, frame(op, payload), 1002)
			endsWith(t, server, append(frame(textBegin, "{"), frame(0x80|op, payload)...), 1002)
		}
	}
}

// Autobahn 2 and 5, and RFC 6455, sections 5.1 and 5.5: for each kind of control frame.
func TestControlFramesKeepTheirRules(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for _, op := range []byte{closing, ping, 0x8a} {
		endsWith(t, server, frame(op&^0x80, ""), 1002)                                              // in fragments
		endsWith(t, server, frame(op, "\x03\xe8"+strings.Repeat("x", 124)), 1002)                   // 126 bytes
		endsWith(t, server, frame(op, "\x03\xe8"+strings.Repeat("x", 1<<16)), 1002)                 // a length of 64 bits
		endsWith(t, server, []byte{op, 0}, 1002)                                                    // not masked
		endsWith(t, server, append(frame(textBegin, "{"), frame(op&^0x80, "")...), 1002)            // in fragments, in a fragmented text
		endsWith(t, server, []byte{op, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 0}, 1002) // the length's first bit is set
	}
}

// Autobahn 5.9 to 5.18.
func TestFragmentsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for name, sent := range map[string][]byte{
		"a fragment of nothing":                      frame(continuationMore, "{}"),
		"an empty fragment of nothing":               frame(continuationMore, ""),
		"the last fragment of nothing, empty":        frame(continuation, ""),
		"two beginnings":                             append(frame(textBegin, "{"), frame(textBegin, "}")...),
		"a text whose middle is another's beginning": bytes.Join([][]byte{frame(textBegin, "{"), frame(continuationMore, " "), frame(text, "}")}, nil),
		"a binary message within a text":             append(frame(textBegin, "{"), frame(binaryFrame, "}")...),
	} {
		t.Run(name, func(t *testing.T) { endsWith(t, server, sent, 1002) })
	}
}

// Autobahn 3.2 and 4.1.3: what came whole before a broken frame is answered.
func TestWhatComesBeforeABrokenFrameIsAnswered(t *testing.T) {
	t.Parallel()
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	sent := bytes.Join([][]byte{frame(text, `{"op":"dance","ref":1}`), frame(ping, "p"), frame(0x83, ""), frame(ping, "q")}, nil)
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	for _, want := range []ws.OpCode{ws.OpText, ws.OpPong, ws.OpClose} {
		if got := next(t, conn); got.Header.OpCode != want {
			t.Fatalf("got %v %s, want %v", got.Header.OpCode, got.Payload, want)
		}
	}
	if f := try(t, conn); f != nil {
		t.Errorf("after the close frame came %+v", f)
	}
}

// Autobahn 2.7 to 2.11: pongs that nobody asked for say nothing, and each ping has its pong, in order.
func TestPongsThatNobodyAskedForAreIgnored(t *testing.T) {
	t.Parallel()
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	var sent []byte
	for i := range 10 {
		sent = append(append(append(sent, frame(0x8a, "")...), frame(0x8a, "unsolicited")...), frame(ping, fmt.Sprint(i))...)
	}
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if got := next(t, conn); got.Header.OpCode != ws.OpPong || string(got.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %v %q, want the pong %d", got.Header.OpCode, got.Payload, i)
		}
	}
}

// Autobahn 1.1, 5.3 to 5.8, 9.3 and 9.5: where a length changes its form, whole, in fragments, and in an empty one.
func TestMessagesOfAllLengthsComeInAnyFragments(t *testing.T) {
	t.Parallel()
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	for _, length := range []int{22, 125, 126, 127, 128, 65535, 65536} {
		for _, size := range []int{length, 64, 125, 126, 4096, 65535} {
			message := `{"op":"dance","ref":1}` + strings.Repeat(" ", length-22)
			sent := frame(textBegin, "")
			for rest := message; rest != ""; rest = rest[min(size, len(rest)):] {
				sent = append(sent, frame(continuationMore, rest[:min(size, len(rest))])...)
			}
			if size == length {
				sent = frame(text, message)
			} else {
				sent = append(append(sent, frame(ping, "")...), frame(continuation, "")...)
			}
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			f := next(t, conn)
			if f.Header.OpCode == ws.OpPong {
				f = next(t, conn)
			}
			if !bytes.HasPrefix(f.Payload, []byte(`{"op":"error","ref":1,`)) {
				t.Fatalf("%d bytes in fragments of %d: got %v %s", length, size, f.Header.OpCode, f.Payload)
			}
		}
	}
	if _, err := conn.Write(frame(text, "")); err != nil {
		t.Fatal(err)
	}
	if f := next(t, conn); !bytes.HasPrefix(f.Payload, []byte(`{"op":"error",`)) {
		t.Errorf("an empty message: got %v %s", f.Header.OpCode, f.Payload)
	}
}

// Autobahn 7.7, 7.9 and 7.13, and the IANA registry of close codes.
func TestACloseFramesCodeIsEchoedOrRefused(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		endsWith(t, server, frame(closing, closePayload(code, "κόσμε")), code)
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		endsWith(t, server, frame(closing, closePayload(code, "")), 1002)
		endsWith(t, server, frame(closing, closePayload(code, "reason")), 1002)
	}
}

// Autobahn 7.1: what comes after a close frame is not looked at.
func TestWhatComesAfterACloseFrameIsIgnored(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for _, after := range [][]byte{
		frame(text, `{"op":"dance"}`), frame(closing, closePayload(1001, "")), frame(0x83, ""), frame(continuation, "}"), {text, 1, 'x'},
		frame(text, strings.Repeat(" ", 200<<10)),
	} {
		endsWith(t, server, append(frame(closing, closePayload(1000, "")), after...), 1000)
	}
}

// Autobahn 6.3 and 6.6 to 6.23: sequences that no character has, also cut into frames byte by byte.
func TestTextThatIsNoUTF8IsRefusedWhereverItIsCut(t *testing.T) {
	t.Parallel()
	server := idle(t)
	for _, bad := range []string{
		"\x80", "\xbf", "\x80\xbf", "\xc0", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xdf", "\xc2\x20", // alone, too long, or too short
		"\xe0\x80\xaf", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82\x20", "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80",
		"\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80",
		"\xfe", "\xff", "\xfe\xfe\xff\xff", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
	} {
		message := `"` + bad
		endsWith(t, server, frame(text, message), 1007)
		sent := frame(textBegin, "")
		for i := range len(message) {
			sent = append(sent, frame(continuationMore, message[i:i+1])...)
		}
		endsWith(t, server, append(sent, frame(continuation, "")...), 1007)
		endsWith(t, server, frame(closing, closePayload(1000, bad)), 1007)
	}
}

// Autobahn 6.2 and 6.4 to 6.22: the first and the last character of each length and range, cut anywhere.
func TestTextOfAnyCharactersIsTakenWhereverItIsCut(t *testing.T) {
	t.Parallel()
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	for _, ref := range []string{"\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0010ffff", "κόσμε"} {
		message := `{"op":"dance","ref":"` + ref + `"}`
		begin := strings.Index(message, ref)
		for cut := begin; cut <= begin+len(ref); cut++ {
			if _, err := conn.Write(append(frame(textBegin, message[:cut]), frame(continuation, message[cut:])...)); err != nil {
				t.Fatal(err)
			}
			f := next(t, conn)
			var answer struct{ Op, Ref string }
			if err := json.Unmarshal(f.Payload, &answer); err != nil || answer.Op != "error" || answer.Ref != ref {
				t.Fatalf("%q cut at %d: got %v %s", ref, cut-begin, f.Header.OpCode, f.Payload)
			}
		}
	}
}

// Autobahn 6.4: the rest of the frame need not come.
func TestTextThatIsNoUTF8IsRefusedAsSoonAsItShows(t *testing.T) {
	t.Parallel()
	server := idle(t)
	long := frame(text, `"`+strings.Repeat("x", 30_000)+"\xf4\x90"+strings.Repeat("x", 30_000))
	for name, sent := range map[string][]byte{
		"in the midst of a frame":              frame(text, "\"\xce\xba\xed\xa0\x80edited")[:len(frame(text, ""))+5],
		"in the midst of a long frame":         long[:len(long)-30_000],
		"in the midst of a fragment":           append(frame(textBegin, "\xf4"), frame(continuation, "\x90\x80\x80")[:7]...),
		"between two fragments, the last open": append(frame(textBegin, "\xf4"), frame(continuationMore, "\x90")...),
	} {
		t.Run(name, func(t *testing.T) { endsWith(t, server, sent, 1007) })
	}
}
