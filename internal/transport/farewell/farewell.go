// Package farewell ends HTTP/2 streams with trailers while their data still waits for the client's window. Trailers need
// no window, but HTTP/2 servers send what is theirs in order: all they can do for a stream whose client takes nothing is to
// reset it. So the connection below them puts the trailers where the reset would have been.
package farewell

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A Conn is the connection of an HTTP/2 server, without TLS. Over HTTP/1.1 it passes all on as it is. What each write
// needs comes first, on one cache line: of a thousand connections, none is in the cache.
type Conn struct {
	net.Conn
	out     follower    // belongs to who writes, one at a time, as what follows
	begun   bool        // something has been written
	other   bool        // it is not HTTP/2
	late    bool        // held or instead is not empty
	waiting atomic.Bool // words is not empty

	forced atomic.Bool // resets is not empty
	// These belong to who reads.
	in        follower
	followsIn bool // else nobody asks a Reset

	held    []byte // the beginning of a frame that may be a reset
	instead []byte // what is left of what goes out for the reset that is next; nil where none is

	mu     sync.Mutex // guards the fields below
	words  map[uint32][]byte
	resets []byte // frames for who reads
}

// New makes a Conn of a connection from its beginning.
func New(c net.Conn) *Conn {
	return &Conn{Conn: c, in: follower{left: int32(len(http2.ClientPreface))}, followsIn: true}
}

// TCP gives the connection below, for whom HTTP has left it to; false where it is none of TCP.
func (c *Conn) TCP() (*net.TCPConn, bool) {
	tcp, ok := c.Conn.(*net.TCPConn)
	return tcp, ok
}

// Listen has each connection of a listener be a Conn, of which nobody asks a Reset.
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept waits for a connection.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: conn}, nil
}

type key struct{}

// Context is http.Server's ConnContext: From finds the Conn of a request.
func Context(ctx context.Context, c net.Conn) context.Context {
	if conn, ok := c.(*Conn); ok {
		return context.WithValue(ctx, key{}, conn)
	}
	return ctx
}

// From gives what Context was given; nil where that was no Conn.
func From(ctx context.Context) *Conn {
	conn, _ := ctx.Value(key{}).(*Conn)
	return conn
}

// Prepare says what is to go out in place of the reset of a stream whose response headers have been sent. With open, the
// client may still be sending: it is then told to stop (RFC 9113, section 8.1). Trailers that the server sends by itself
// meanwhile are the last words instead.
func (c *Conn) Prepare(stream uint32, trailers []hpack.HeaderField, open bool) {
	words := frames(stream, trailers, open)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil {
		c.words = make(map[uint32][]byte)
	}
	c.words[stream] = words
	c.waiting.Store(true)
}

// frames encodes trailers, past the connection's own encoder: nothing of them may change the table that it shares with
// the client (RFC 7541, section 6.2.3).
func frames(stream uint32, trailers []hpack.HeaderField, open bool) []byte {
	var block, out bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range trailers {
		field.Sensitive = true
		_ = encoder.WriteField(field) // to memory, as what follows
	}
	framer := http2.NewFramer(&out, nil)
	first := block.Next(maxFrame)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: true, EndHeaders: block.Len() == 0})
	for block.Len() > 0 {
		next := block.Next(maxFrame)
		_ = framer.WriteContinuation(stream, block.Len() == 0, next)
	}
	if open {
		_ = framer.WriteRSTStream(stream, http2.ErrCodeNo)
	}
	return out.Bytes()
}

// Reset has the server of a New connection reset a stream, as if the client had made a mistake on it: grpc-go has no other way.
func (c *Conn) Reset(stream uint32) {
	mistake := []byte{0, 0, 4, byte(http2.FrameWindowUpdate), 0, 0, 0, 0, 0, 0, 0, 0, 0} // RFC 9113, section 6.9: by 0
	binary.BigEndian.PutUint32(mistake[5:], stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resets = append(c.resets, mistake...)
	c.forced.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // rouses who reads; a connection without deadlines is a test's
}
