package websocket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/internal/transport/socket"
)

// A reader is the reading side of a connection: it puts messages together, and answers pings (RFC 6455, sections 5.4 and
// 5.5). One goroutine uses it.
type reader struct {
	client  *client
	early   []byte  // read before the connection was ours
	buffer  *buffer // nil while nothing is read
	between bool    // two messages: there is no need to wait for more
	closing bool    // our close frame is sent: nothing may follow it
}

// A buffer is what a reader needs while it reads.
type buffer struct {
	in     *bufio.Reader // of the reader's Read
	header [ws.MaxHeaderSize]byte
}

// buffers are for readers that are not idle, of which there are few at a time.
var buffers = sync.Pool{New: func() any { return &buffer{in: bufio.NewReaderSize(nil, 4<<10)} }}

// A closeError ends the connection with a close code: the client closes, or breaks a rule.
type closeError struct {
	code     ws.StatusCode
	reason   string
	byClient bool
}

// Error gives the code and the reason.
func (e *closeError) Error() string { return fmt.Sprintf("close %d: %s", e.code, e.reason) }

var errEnded = errors.New("the server ends the connection")

// errDry says that nothing has come.
var errDry = errors.New("nothing has come")

// await waits until the client says something, or gives errDry at once where the connection is watched. Where it is not,
// it spends its idle life here, so the call is kept shallow: a goroutine's first 2 KiB of stack hold it, and not what
// message does.
func (r *reader) await() error {
	r.between = r.client.watched
	_, err := r.buffered().in.Peek(1)
	r.between = false
	return err
}

// buffered gives the reader its buffer. Who keeps it gets a small one: large payloads are read past it.
func (r *reader) buffered() *buffer {
	switch {
	case r.buffer != nil:
	case r.client.watched:
		r.buffer, _ = buffers.Get().(*buffer) // it has nothing else
		r.buffer.in.Reset(r)
	default:
		r.buffer = &buffer{in: bufio.NewReaderSize(r, 256)}
	}
	return r.buffer
}

// release gives the buffer back.
func (r *reader) release() {
	if r.buffer != nil && r.client.watched {
		r.buffer.in.Reset(nil)
		buffers.Put(r.buffer)
		r.buffer = nil
	}
}

// message gives the next message, a text. Control frames in its midst are answered.
func (r *reader) message() ([]byte, error) {
	var text text
	state := ws.StateServerSide
	in, header := r.buffered().in, r.buffer.header[:]
	for {
		h, err := ws.ReadHeaderBuffer(in, header)
		switch {
		case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
			return nil, &closeError{code: ws.StatusProtocolError, reason: err.Error()}
		case err != nil:
			return nil, err
		}
		if err := ws.CheckHeader(h, state); err != nil {
			return nil, &closeError{code: ws.StatusProtocolError, reason: err.Error()}
		}
		if h.OpCode.IsControl() {
			if err := r.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if h.OpCode == ws.OpBinary {
			return nil, &closeError{code: ws.StatusUnsupportedData, reason: "a binary message, where JSON text is due"}
		}
		if h.Length > r.client.handler.maxMessage.Load()-int64(len(text.bytes)) {
			return nil, &closeError{code: ws.StatusMessageTooBig, reason: fmt.Sprintf("a message may have %d bytes", r.client.handler.maxMessage.Load())}
		}
		if err := text.read(in, h); err != nil {
			return nil, err
		}
		if h.Fin {
			return text.bytes, text.end()
		}
		state = state.Set(ws.StateFragmented)
	}
}

// control does what a control frame asks; a close frame is an error.
func (r *reader) control(h ws.Header) error {
	var buffer [ws.MaxControlFramePayloadSize]byte
	payload := buffer[:h.Length]
	if _, err := io.ReadFull(r.buffer.in, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	switch {
	case h.OpCode == ws.OpClose:
		return closeFrame(payload)
	case h.OpCode == ws.OpPing && !r.closing:
		return r.client.out.write([][]byte{appendFrame(nil, ws.OpPong, payload)})
	default: // a pong: that it came is all it says
		return nil
	}
}

// closeFrame gives the answer to a client's close frame: its own code (RFC 6455, section 5.5.1), or what is wrong
// with it.
func closeFrame(payload []byte) error {
	code, _ := ws.ParseCloseFrameDataUnsafe(payload)
	switch {
	case len(payload) == 0:
		return &closeError{byClient: true}
	case len(payload) == 1 || !mayBeSent(code):
		return &closeError{code: ws.StatusProtocolError, reason: "a close frame without a valid code"}
	case validUTF8(payload[2:]) != len(payload)-2:
		return &closeError{code: ws.StatusInvalidFramePayloadData, reason: "a close reason that is not UTF-8"}
	}
	return &closeError{code: code, byClient: true}
}

// Read reads from the connection, for the buffer.
func (r *reader) Read(p []byte) (n int, err error) {
	switch {
	case len(r.early) > 0:
		n = copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	case r.between:
		n, err = r.client.out.socket.TryRead(p)
	default:
		n, err = r.client.conn.Read(p)
	}
	if n > 0 {
		r.client.heard()
		return n, nil
	}
	switch {
	case errors.Is(err, socket.ErrEmpty):
		return 0, errDry
	case !r.closing && errors.Is(err, os.ErrDeadlineExceeded): // nobody but wake sets one
		return 0, r.client.over()
	}
	return 0, err
}
