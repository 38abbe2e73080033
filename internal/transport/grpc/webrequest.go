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
	inner.ContentLength = -1
	header := inner.Header
	compression := c.compression(header)
	for _, name := range []string{"Content-Length", "Content-Encoding", "Accept-Encoding", "Connect-Protocol-Version", "Connect-Timeout-Ms",
		"Connect-Content-Encoding", "Connect-Accept-Encoding", "Grpc-Accept-Encoding", "Grpc-Encoding"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/grpc+proto")
	if compression != "" {
		header.Set("Grpc-Encoding", compression)
	}
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
	return inner, nil
}

// compression is that of the request's messages; "" where there is none.
func (c *webCall) compression(header http.Header) string {
	name := header.Get([...]string{connectUnary: "Content-Encoding", connectStream: "Connect-Content-Encoding",
		grpcWeb: "Grpc-Encoding", grpcWebText: "Grpc-Encoding"}[c.protocol])
	if name == encoding.Identity {
		return ""
	}
	return name
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
	if err != nil {
		return nil, err
	}
	return b.framed(data, b.compression != ""), io.EOF
}

// message reads one of many messages.
func (b *webBody) message() ([]byte, error) {
	var header [messageHeader]byte
	if _, err := io.ReadFull(b.from, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	switch {
	case header[0] > 1:
		return frame(0, fmt.Appendf([]byte{notProtobuf}, "it begins with the flags %#x, and a client's are 0, or 1 where it is compressed", header[0])), io.EOF
	case length > maxMessage:
		return header[:], io.EOF // grpc-go reads no further, and says so
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(b.from, data); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b.framed(data, header[0] == 1), nil
}

// framed makes a message of gRPC. What is wrong with it is for the server to tell, as of any other.
func (b *webBody) framed(data []byte, compressed bool) []byte {
	if b.call.json && b.call.method != nil && len(data) <= maxMessage {
		text, err := b.decompressed(data, compressed)
		switch {
		case errors.Is(err, errUnknownCompression): // grpc-go says so
		case err != nil:
			data, compressed = append([]byte{notProtobuf}, err.Error()...), false
		default:
			data, compressed = fromJSON(text, b.call.method.Input()), false
		}
	}
	if compressed {
		return frame(1, data)
	}
	return frame(0, data)
}

var errUnknownCompression = errors.New("the compression is not known")

func (b *webBody) decompressed(data []byte, compressed bool) ([]byte, error) {
	if !compressed {
		return data, nil
	}
	compressor := encoding.GetCompressor(b.compression)
	if compressor == nil {
		return nil, errUnknownCompression
	}
	from, err := compressor.Decompress(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(from, maxMessage+1))
	if err == nil && len(text) > maxMessage {
		err = fmt.Errorf("it has more than %d bytes", maxMessage)
	}
	return text, err
}
