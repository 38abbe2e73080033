package bench

import (
	"bytes"
	"strconv"
)

// A framing finds the messages in what a connection has sent. It is plain: no socket, no clock. Receivers share the
// cores with the server that they measure, so each looks at as few bytes as it can.
type framing interface {
	// feed hands every complete message in data to take, says how many bytes those were, and keeps none of them.
	feed(data []byte, take func(message []byte)) (used int, err error)
	// position is where to go on after the last message, where one has said so.
	position() []byte
	// owed is what the peer is to be sent for what was fed; it is owed once.
	owed() []byte
}

// sse reads Server-Sent Events; a message is a whole block, because what a connection breaks off in the middle of
// was not delivered. Lines end with LF or CRLF, the same all along.
type sse struct {
	end []byte // of a block; nil until the first
	id  []byte
}

var blockEnds = [...][]byte{[]byte("\n\n"), []byte("\r\n\r\n")}

func (f *sse) feed(data []byte, take func([]byte)) (int, error) {
	used := 0
	var last []byte
	for {
		if f.end == nil {
			f.chooseEnd(data)
		}
		at := -1
		if f.end != nil {
			at = bytes.Index(data[used:], f.end)
		}
		if at < 0 {
			f.keepID(last)
			return used, nil
		}
		last = data[used : used+at]
		take(last)
		used += at + len(f.end)
	}
}

func (f *sse) chooseEnd(data []byte) {
	for _, end := range blockEnds {
		if bytes.Contains(data, end) {
			f.end = end
			return
		}
	}
}

// keepID looks at the last block alone: what each one before it said is of no use any more.
func (f *sse) keepID(block []byte) {
	at := bytes.LastIndexByte(block, '\n') + 1
	if !bytes.HasPrefix(block[at:], []byte("id:")) {
		if at = bytes.Index(block, []byte("\nid:")) + 1; at == 0 && !bytes.HasPrefix(block, []byte("id:")) {
			return
		}
	}
	line, _, _ := bytes.Cut(block[at+len("id:"):], []byte("\n"))
	f.id = append(f.id[:0], bytes.TrimSpace(line)...)
}

func (f *sse) position() []byte { return f.id }
func (f *sse) owed() []byte     { return nil }

// chunks takes the framing of HTTP/1.1's chunked transfer coding (RFC 9112, section 7.1) off a body, in place.
type chunks struct {
	left int    // bytes of the chunk under way, with the line's end behind it
	line []byte // the begin of a size that is not complete
}

// unwrap moves the body's bytes in data to its begin, and says how many there are. The last chunk is not looked at:
// the connection ends with it.
func (c *chunks) unwrap(data []byte) int {
	kept, at := 0, 0
	for at < len(data) {
		if c.left > 0 {
			n := min(c.left, len(data)-at)
			kept += copy(data[kept:], data[at:at+min(n, max(c.left-len("\r\n"), 0))])
			c.left -= n
			at += n
			continue
		}
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			c.line = append(c.line, data[at:]...)
			return kept
		}
		size, _, _ := bytes.Cut(append(c.line, data[at:at+end]...), []byte(";"))
		c.line = c.line[:0]
		n, _ := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 32)
		c.left = int(n) + len("\r\n")
		at += end + 1
	}
	return kept
}
