package websocket

import (
	"io"
	"slices"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A text is a message that comes frame by frame.
type text struct {
	bytes []byte
	valid int // so many of bytes are known to be UTF-8
}

// read appends a frame's payload, as it comes: what the header promises is memory only once it has come. Text that is not
// UTF-8 fails with the byte that shows it (RFC 6455, section 8.1).
func (t *text) read(in io.Reader, h ws.Header) error {
	const step = 16 << 10
	for done := 0; done < int(h.Length); {
		due, begin := min(int(h.Length)-done, step), len(t.bytes)
		t.bytes = slices.Grow(t.bytes, due)
		n, err := in.Read(t.bytes[begin : begin+due])
		if err != nil {
			return err
		}
		t.bytes = t.bytes[:begin+n]
		ws.Cipher(t.bytes[begin:], h.Mask, done)
		done += n
		t.valid += validUTF8(t.bytes[t.valid:])
		if utf8.FullRune(t.bytes[t.valid:]) {
			return errNotUTF8
		}
	}
	return nil
}

// end checks that the last character is whole.
func (t *text) end() error {
	if t.valid < len(t.bytes) {
		return errNotUTF8
	}
	return nil
}

var errNotUTF8 = &closeError{code: ws.StatusInvalidFramePayloadData, reason: "text that is not UTF-8"}

// validUTF8 tells how many bytes of p are whole, valid characters before the first that is not.
func validUTF8(p []byte) (n int) {
	if utf8.Valid(p) {
		return len(p)
	}
	for n < len(p) {
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}
