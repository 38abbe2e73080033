package bench

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"
)

// websocket reads the frames of a WebSocket (RFC 6455, section 5.2), and answers pings. gobwas' own reader wants an
// io.Reader and allocates for each header; this is the one place where that shows.
type websocket struct {
	id      []byte
	partial []byte // of a message in fragments
	answers []byte
}

func (f *websocket) feed(data []byte, take func([]byte)) (int, error) {
	used := 0
	var last []byte
	for {
		payload, op, final, n, err := websocketFrame(data[used:])
		if err != nil || n == 0 {
			f.keepID(last)
			return used, err
		}
		used += n
		switch op {
		case ws.OpPing:
			pong, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewPongFrame(bytes.Clone(payload))))
			if err != nil {
				return used, err
			}
			f.answers = append(f.answers, pong...)
		case ws.OpClose:
			return used, errEnded
		case ws.OpText, ws.OpBinary, ws.OpContinuation:
			if !final || op == ws.OpContinuation {
				f.partial = append(f.partial, payload...)
				payload = f.partial
			}
			if final {
				take(payload)
				last = payload
				f.partial = f.partial[:0]
			}
		}
	}
}

// errEnded is the peer's goodbye.
var errEnded = errors.New("the server ended the connection")

// websocketFrame gives the first frame of data and its length; 0 where it is not complete.
func websocketFrame(data []byte) (payload []byte, op ws.OpCode, final bool, n int, err error) {
	if len(data) < 2 {
		return nil, 0, false, 0, nil
	}
	size, begin := int(data[1]&0x7f), 2
	switch {
	case data[1]&0x80 != 0:
		return nil, 0, false, 0, errors.New("the server masks its frames, which RFC 6455 forbids")
	case size == 126 && len(data) >= 4:
		size, begin = int(binary.BigEndian.Uint16(data[2:])), 4
	case size == 127 && len(data) >= 10:
		size, begin = int(binary.BigEndian.Uint64(data[2:])), 10
	case size >= 126:
		return nil, 0, false, 0, nil
	}
	if size < 0 || size > maxMessage {
		return nil, 0, false, 0, errTooLarge
	}
	if len(data) < begin+size {
		return nil, 0, false, 0, nil
	}
	return data[begin : begin+size], ws.OpCode(data[0] & 0x0f), data[0]&0x80 != 0, begin + size, nil
}

// maxMessage bounds what a receiver keeps of a message that is not complete; leat's largest event has 1 MiB.
const maxMessage = 16 << 20

var errTooLarge = errors.New("a message of the server has more than 16 MiB")

// keepID finds the position in an envelope of leat.v1, where this is one.
func (f *websocket) keepID(message []byte) {
	_, behind, found := bytes.Cut(message, []byte(`"id":"`))
	if !found {
		return
	}
	id, _, _ := bytes.Cut(behind, []byte(`"`))
	f.id = append(f.id[:0], id...)
}

func (f *websocket) position() []byte { return f.id }

func (f *websocket) owed() []byte {
	answers := f.answers
	f.answers = nil
	return answers
}
