package websocket

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// appendText appends the text frame that carries a message, whole and unmasked (RFC 6455, section 5.2).
func appendText(dst, message []byte) []byte { return appendFrame(dst, ws.OpText, message) }

func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	const final = 0x80
	dst = append(dst, final|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

// restOfFrame gives what is missing of the frame that is cut at an offset in frames of ours, nothing where the cut
// is between two.
func restOfFrame(frames []byte, cut int) []byte {
	begin, end := 0, 0
	for end < cut {
		begin, end = end, end+frameLength(frames[end:])
	}
	if begin == end || end == cut {
		return nil
	}
	return frames[cut:end]
}

// frameLength is the length of the first of frames that appendFrame made.
func frameLength(frames []byte) int {
	switch n := int(frames[1]); n {
	case 126:
		return 4 + int(binary.BigEndian.Uint16(frames[2:]))
	case 127:
		return 10 + int(binary.BigEndian.Uint64(frames[2:]))
	default:
		return 2 + n
	}
}

// appendClose appends a close frame; without a code it has no payload (RFC 6455, section 5.5.1).
func appendClose(dst []byte, code ws.StatusCode, reason string) []byte {
	if code.Empty() {
		return appendFrame(dst, ws.OpClose, nil)
	}
	const longest = ws.MaxControlFramePayloadSize - 2
	return appendFrame(dst, ws.OpClose, ws.NewCloseFrameBody(code, reason[:min(len(reason), longest)]))
}

// mayBeSent tells whether a close code can be in a frame (RFC 6455, section 7.4, and the IANA registry after it).
func mayBeSent(code ws.StatusCode) bool {
	switch {
	case code == 1004, code == 1005, code == 1006:
		return false
	default:
		return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
	}
}
