package websocket

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gobwas/ws"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

// A reader is the reading side of a connection: it puts messages together, and answers pings and makes sure that the
// client lives (RFC 6455, sections 5.4 and 5.5). One goroutine uses it.
type reader struct {
	conn       net.Conn
	hub        *hub.Connection
	out        *writer
	maxMessage int
	in         *bufio.Reader // of this reader's Read
	early      []byte        // read before the connection was ours
	header     [ws.MaxHeaderSize]byte
	closing    bool // our close frame is sent: nothing may follow it

	pinged   time.Time // when the last ping was sent
	awaiting bool      // nothing has come since
}

// How often the client must show that it lives, and how soon after it was asked.
const (
	pingEvery  = 25 * time.Second
	answerWait = 10 * time.Second
)

// A closeError ends the connection with a close code: the client closes, or breaks a rule.
type closeError struct {
	code     ws.StatusCode
	reason   string
	byClient bool
}

// Error gives the code and the reason.
func (e *closeError) Error() string { return fmt.Sprintf("close %d: %s", e.code, e.reason) }

var errEnded = errors.New("the server ends the connection")

func newReader(conn net.Conn, h *hub.Connection, out *writer, maxMessage int, early []byte) *reader {
	r := &reader{conn: conn, hub: h, out: out, maxMessage: maxMessage, early: early}
	const size = 256 // each idle connection has one; large payloads are read past it
	r.in = bufio.NewReaderSize(r, size)
	r.pinged = time.Now()
	r.wakeAt(r.pinged.Add(pingEvery))
	return r
}

// await waits until the client says something. An idle connection spends its life here, so the call is kept shallow: a
// goroutine's first 2 KiB of stack hold it, and not what message does.
func (r *reader) await() error {
	_, err := r.in.Peek(1)
	return err
}

// message gives the next message, a text. Control frames in its midst are answered.
func (r *reader) message() ([]byte, error) {
	var text text
	state := ws.StateServerSide
	for {
		h, err := ws.ReadHeaderBuffer(r.in, r.header[:])
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
		if h.Length > int64(r.maxMessage-len(text.bytes)) {
			return nil, &closeError{code: ws.StatusMessageTooBig, reason: fmt.Sprintf("a message may have %d bytes", r.maxMessage)}
		}
		if err := text.read(r.in, h); err != nil {
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
	if err := readPayload(r.in, payload, h.Mask, 0); err != nil {
		return err
	}
	switch {
	case h.OpCode == ws.OpClose:
		return closeFrame(payload)
	case h.OpCode == ws.OpPing && !r.closing:
		return r.out.write([][]byte{appendFrame(nil, ws.OpPong, payload)})
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

// Read reads from the connection, for the buffer. Whenever nothing has come for too long it asks whether the client
// still lives.
func (r *reader) Read(p []byte) (int, error) {
	if len(r.early) > 0 {
		n := copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	}
	for {
		n, err := r.conn.Read(p)
		if n > 0 {
			r.heard()
			return n, nil
		}
		if r.closing || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := r.ask(); err != nil {
			return 0, err
		}
	}
}

// heard notes that the client lives.
func (r *reader) heard() {
	if r.awaiting {
		r.awaiting = false
		r.wakeAt(r.pinged.Add(pingEvery))
	}
}

// ask sends a ping when one is due, and ends the connection of a client that has not answered the last one. One that
// reads slowly gets its ping behind all that it was sent before, so its pong proves nothing: that it takes bytes does.
func (r *reader) ask() error {
	if r.hub.Reason() != "" {
		return errEnded
	}
	if r.out.behind() {
		r.wakeAt(time.Now().Add(time.Second))
		return nil
	}
	if r.awaiting {
		r.hub.End(event.EndSlow)
		return errEnded
	}
	if err := r.out.write([][]byte{appendFrame(nil, ws.OpPing, nil)}); err != nil {
		return err
	}
	r.pinged, r.awaiting = time.Now(), true
	r.wakeAt(r.pinged.Add(answerWait))
	return nil
}

// wakeAt lets Read wait until t, or until the server ends the connection, which can happen at the same moment.
func (r *reader) wakeAt(t time.Time) {
	_ = r.conn.SetReadDeadline(t)
	if r.hub.Reason() != "" {
		r.wake()
	}
}

// wake lets Read return at once; any goroutine may call it.
func (r *reader) wake() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) }
