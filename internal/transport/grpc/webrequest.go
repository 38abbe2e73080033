package grpc

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"

	"github.com/leatstream/leat/internal/problem"
)

// request makes a gRPC request of a browser's.
func (c *webCall) request(out http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if version := r.Header.Get("Connect-Protocol-Version"); version != "" && version != "1" {
		return nil, problem.New(problem.Malformed, "the header Connect-Protocol-Version is %.100q, and only 1 is known", version)
	}
	inner := r.Clone(r.Context())
	inner.Proto, inner.ProtoMajor, inner.ProtoMinor = "HTTP/2.0", 2, 0 // which grpc-go asks for, and needs not
	header := inner.Header
	compression, err := c.compression(header)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Content-Length", "Content-Encoding", "Accept-Encoding", "Connect-Protocol-Version", "Connect-Timeout-Ms",
		"Connect-Content-Encoding", "Connect-Accept-Encoding", "Grpc-Accept-Encoding", "Grpc-Encoding"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/grpc+proto")
	if timeout := r.Header.Get("Connect-Timeout-Ms"); timeout != "" {
		told, err := grpcTimeout(timeout)
		if err != nil {
			return nil, err
		}
		header.Set("Grpc-Timeout", told)
	}
	body := c.body(out, r, compression)
	if c.method == nil || c.method.IsStreamingClient() {
		inner.Body = body
		return inner, nil
	}
	// net/http sees the client go only when the body is read; over HTTP/1.1 it must be before anything is answered.
	whole, err := io.ReadAll(io.LimitReader(body, maxMessage+messageHeader+1))
	if err != nil {
		return nil, problem.New(problem.Malformed, "the request could not be read to its end: %w", err)
	}
	inner.Body = io.NopCloser(bytes.NewReader(whole))
	return inner, c.one(whole)
}

// one tells what is wrong with the request of a call that takes one message; one that is broken is for the server to tell.
func (c *webCall) one(whole []byte) error {
	switch {
	case c.method == nil:
		return nil // which the server tells
	case len(whole) == 0:
		return problem.New(problem.Malformed, "the request has no message, and %s takes one message: five bytes, which are "+
			"its flags 0 and its length, and itself", c.path)
	case len(whole) > messageHeader && uint64(len(whole)-messageHeader) > uint64(binary.BigEndian.Uint32(whole[1:])):
		return problem.New(problem.Malformed, "the request goes on after its message, and %s takes one message", c.path)
	}
	return nil
}

// compressionHeaders name the compression of the request's messages.
var compressionHeaders = [...]string{connectUnary: "Content-Encoding", connectStream: "Connect-Content-Encoding",
	grpcWeb: "Grpc-Encoding", grpcWebText: "Grpc-Encoding"}

// compression is that of the request's messages; "" where there is none. Another one than those that are known is
// UNIMPLEMENTED, as the Connect protocol and gRPC want it.
func (c *webCall) compression(header http.Header) (string, error) {
	name := header.Get(compressionHeaders[c.protocol])
	switch {
	case name == "" || name == encoding.Identity:
		return "", nil
	case encoding.GetCompressor(name) == nil:
		return "", withCode(codes.Unimplemented, problem.New(problem.UnsupportedMedia, "the header %s is %.100q, and must be gzip or identity",
			compressionHeaders[c.protocol], name))
	}
	return name, nil
}

// grpcTimeout is a Connect-Timeout-Ms, of at most ten digits, as gRPC says it, in at most eight.
func grpcTimeout(milliseconds string) (string, error) {
	n, err := strconv.ParseUint(milliseconds, 10, 64)
	switch {
	case err != nil || len(milliseconds) > 10:
		return "", problem.New(problem.Malformed, "the header Connect-Timeout-Ms is %.100q, and must be a number of at most ten digits", milliseconds)
	case n < 1e8:
		return strconv.FormatUint(n, 10) + "m", nil
	}
	return strconv.FormatUint(n/1000, 10) + "S", nil
}

// body gives the request's messages as gRPC has them.
func (c *webCall) body(out http.ResponseWriter, r *http.Request, compression string) io.ReadCloser {
	b := &webBody{call: c, from: r.Body, body: r.Body, compression: compression, controller: http.NewResponseController(out)}
	switch c.protocol {
	case connectUnary:
		b.next = b.only
	case grpcWebText:
		b.from = base64.NewDecoder(base64.StdEncoding, r.Body)
		b.next = b.message
	default:
		b.next = b.message
	}
	return b
}

// A webBody reads the messages of a request.
type webBody struct {
	call        *webCall
	from        io.Reader
	body        io.Closer
	compression string
	controller  *http.ResponseController
	next        func() ([]byte, error) // gives the next message, with its header
	skip        int64                  // how many bytes of the last message are of no use
	ready       []byte                 // of it, what is still to be read
	err         error
	over        atomic.Bool // err is set
}

// Read gives gRPC.
func (b *webBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.ready, b.err = b.next()
		b.over.Store(b.err != nil)
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// Close lets a Read that waits for the client return: over HTTP/1.1, net/http's own Close would wait for it.
func (b *webBody) Close() error {
	if !b.over.Load() {
		_ = b.controller.SetReadDeadline(time.Unix(1, 0)) // a reader without deadlines is a test's
	}
	return b.body.Close()
}

// only reads a body that is one message.
func (b *webBody) only() ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(b.from, maxMessage+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxMessage:
		_, _ = io.CopyN(io.Discard, b.from, maxMessage) // over HTTP/1.1 many a client hears nothing before it has said all
		return untaken(oversize, "more than %d", maxMessage), io.EOF
	}
	return b.framed(data, b.compression != ""), io.EOF
}

// message reads one of many messages.
func (b *webBody) message() ([]byte, error) {
	if n, err := io.CopyN(io.Discard, b.from, b.skip); err != nil {
		return broken(err, "%d bytes were announced, and %d came", b.skip, n)
	}
	b.skip = 0
	var header [messageHeader]byte
	if n, err := io.ReadFull(b.from, header[:]); err != nil {
		return broken(err, "five bytes are before each, and %d came", n)
	}
	length := binary.BigEndian.Uint32(header[1:])
	switch {
	case header[0] > 1:
		return untaken(notProtobuf, "it begins with the flags %#x, and a client's are 0, or 1 where it is compressed", header[0]), io.EOF
	case length > maxMessage:
		b.skip = int64(length)
		return untaken(oversize, "%d", length), nil
	}
	data := make([]byte, length)
	if n, err := io.ReadFull(b.from, data); err != nil {
		if err == io.EOF { // of io.ReadFull, which had nothing to read
			err = io.ErrUnexpectedEOF
		}
		return broken(err, "%d bytes were announced, and %d came", length, n)
	}
	return b.framed(data, header[0] == 1), nil
}

// broken has the server tell what is wrong with the body itself; other errors are of the connection.
func broken(err error, format string, args ...any) ([]byte, error) {
	var wrong base64.CorruptInputError
	switch {
	case errors.As(err, &wrong):
		return untaken(brokenOff, "the body is not base64, which application/grpc-web-text is: there is something else at byte %d of it", int64(wrong)), io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return untaken(brokenOff, "the request ends in the middle of a message: %s", fmt.Sprintf(format, args...)), io.EOF
	}
	return nil, err
}

// framed makes a message of gRPC. What is wrong with it is for the server to tell, as of any other.
func (b *webBody) framed(data []byte, compressed bool) []byte {
	if compressed && len(data) > 0 {
		if b.compression == "" {
			return untaken(notProtobuf, "its flags say that it is compressed, and no header %s says how", compressionHeaders[b.call.protocol])
		}
		var err error
		if data, err = b.decompressed(data); err != nil {
			return untaken(notProtobuf, "it cannot be decompressed with %s: %v", b.compression, err)
		}
		if len(data) > maxMessage {
			return untaken(oversize, "more than %d", maxMessage)
		}
	}
	if b.call.json && b.call.method != nil {
		data = fromJSON(data, b.call.method.Input())
	}
	return frame(0, data)
}

// decompressed gives no more than one byte beyond maxMessage.
func (b *webBody) decompressed(data []byte) ([]byte, error) {
	from, err := encoding.GetCompressor(b.compression).Decompress(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(from, maxMessage+1))
}
