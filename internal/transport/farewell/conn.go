package farewell

import (
	"bytes"
	"errors"
	"os"
	"time"

	"golang.org/x/net/http2"
)

// Write passes on what a server writes; resets are replaced where words are prepared.
func (c *Conn) Write(p []byte) (int, error) {
	if !c.begun && len(p) > 0 {
		c.begun, c.other = true, p[0] == 'H' // "HTTP/1.1"; an HTTP/2 server begins with a frame of less than 4 MB
	}
	switch {
	case c.other:
		return c.Conn.Write(p)
	case !c.late && !c.waiting.Load():
		n, err := c.Conn.Write(p)
		c.out.follow(p[:n])
		return n, err
	}
	known := len(c.held)
	p, c.held = append(c.held, p...), nil
	n, err := c.write(p)
	if n < known {
		c.held = bytes.Clone(p[n:known])
		n = known
	}
	c.late = len(c.held) > 0 || c.instead != nil
	return n - known, err
}

func (c *Conn) write(p []byte) (n int, err error) {
	for n < len(p) {
		if c.instead == nil {
			plain, words, held := c.scan(p[n:])
			if held {
				c.held = bytes.Clone(p[n:])
				return len(p), nil
			}
			if c.instead = words; words == nil {
				written, err := c.Conn.Write(p[n : n+plain])
				c.out.follow(p[n : n+written])
				n += written
				if err != nil {
					return n, err
				}
				continue
			}
		}
		for len(c.instead) > 0 {
			written, err := c.Conn.Write(c.instead)
			c.instead = c.instead[written:]
			if err != nil {
				return n, err
			}
		}
		c.instead = nil
		n += resetSize
	}
	return n, nil
}

// scan gives how much of p is to go out as it is; where that is nothing, there are words for the reset with which p begins,
// or held says that more must be known.
func (c *Conn) scan(p []byte) (plain int, words []byte, held bool) {
	if !c.waiting.Load() {
		return len(p), nil, false
	}
	at := c.out.next(p)
	for at < len(p) {
		rest := p[at:]
		if len(rest) < headerSize || kind(rest) == http2.FrameRSTStream && len(rest) < resetSize {
			return at, nil, at == 0
		}
		switch {
		case kind(rest) == http2.FrameRSTStream && at > 0:
			return at, nil, false
		case kind(rest) == http2.FrameRSTStream:
			if words := c.take(stream(rest)); words != nil {
				return 0, words, false
			}
		case endsStream(rest):
			c.outspoken(stream(rest))
		}
		at += headerSize + size(rest)
	}
	return len(p), nil, false
}

// take gives the words for a stream, once.
func (c *Conn) take(stream uint32) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	words := c.words[stream]
	delete(c.words, stream)
	c.waiting.Store(len(c.words) > 0)
	return words
}

// outspoken takes note that a stream has ended with the server's own trailers: a reset is late then.
func (c *Conn) outspoken(stream uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, prepared := c.words[stream]; prepared {
		c.words[stream] = []byte{}
	}
}

// Read reads from the client, and what Reset puts between its frames.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		if c.forced.Load() {
			if n := c.inject(p); n > 0 {
				return n, nil
			}
		}
		n, err := c.Conn.Read(p)
		if c.followsIn {
			c.in.follow(p[:n])
		}
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.forced.Load() {
			continue
		}
		return n, err
	}
}

// inject gives the reader resets, where one frame has ended and no other begun. A server that has Reset called sets no
// read deadlines itself.
func (c *Conn) inject(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.Conn.SetReadDeadline(time.Time{})
	if !c.in.between() {
		return 0 // the frame under way comes first
	}
	n := copy(p, c.resets)
	c.resets = c.resets[n:]
	c.forced.Store(len(c.resets) > 0)
	return n
}
