package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// An UnreachableError says that nobody answers at an address.
type UnreachableError struct {
	Address string
	Err     error
}

func (e *UnreachableError) Error() string {
	return "nobody answers at " + e.Address + ": " + e.Err.Error()
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// A RefusedError is the server's answer to a subscription or an event that it does not take.
type RefusedError struct{ What, Answer string }

func (e *RefusedError) Error() string { return "the server refused " + e.What + ": " + e.Answer }

// A link is a subscription that stands.
type link struct {
	conn    net.Conn
	framing framing
	chunks  *chunks // nil where the body is plain
	first   []byte  // what came right behind the answer
	took    time.Duration
}

// answerWithin bounds connecting and the answer's head: a server that takes longer is measured as not answering.
const answerWithin = 20 * time.Second

// dial connects to where u points.
func dial(ctx context.Context, u *url.URL, protocols ...string) (net.Conn, error) {
	host, secure := address(u)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	switch {
	case err != nil && ctx.Err() != nil: // it was called off, which says nothing about the address
		return nil, err
	case err != nil:
		return nil, &UnreachableError{Address: host, Err: err}
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), NextProtos: protocols, MinVersion: tls.VersionTLS12})
	}
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// open makes a subscription over a connection of its own; after is empty for the newest.
func (t *target) open(ctx context.Context, transport Transport, key string, after []byte) (*link, error) {
	u := t.subscribe[transport]
	began := time.Now()
	conn, err := dial(ctx, u, map[Transport][]string{GRPC: {"h2"}}[transport]...)
	if err != nil {
		return nil, err
	}
	ask := map[Transport]func(net.Conn, *url.URL, string, string) (*link, error){
		SSE: t.askSSE, WebSocket: t.askWebSocket, GRPC: t.askGRPC,
	}[transport]
	hurry := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	l, err := ask(conn, u, key, string(after))
	if !hurry() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l.conn, l.took = conn, time.Since(began)
	return l, conn.SetDeadline(time.Time{})
}

func (t *target) askSSE(conn net.Conn, u *url.URL, key, after string) (*link, error) {
	header := t.headers.Clone()
	header.Set("Accept", "text/event-stream")
	if after != "" {
		header.Set("Last-Event-ID", after)
	}
	if err := writeRequest(conn, http.MethodGet, u, key, header); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil) //nolint:bodyclose // the body is the stream: it ends with the connection
	if err != nil {
		return nil, fmt.Errorf("subscribe over SSE: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, &RefusedError{"a subscription over SSE", refusal(answer)}
	}
	l := &link{framing: new(sse), first: buffered(reader)}
	if slices.Contains(answer.TransferEncoding, "chunked") {
		l.chunks = new(chunks)
	}
	return l, nil
}

func writeRequest(conn net.Conn, method string, u *url.URL, key string, header http.Header) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, withKey(u, key), u.Host)
	if err := header.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	_, err := conn.Write(head.Bytes())
	return err
}

func refusal(answer *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
	return strings.TrimSpace(answer.Status + " " + string(text))
}

func buffered(reader *bufio.Reader) []byte {
	rest, _ := reader.Peek(reader.Buffered())
	return bytes.Clone(rest)
}

func (t *target) askWebSocket(conn net.Conn, u *url.URL, key, after string) (*link, error) {
	full := *u
	full.Path, full.RawPath = strings.ReplaceAll(u.Path, placeInURL, key), ""
	full.RawQuery = strings.ReplaceAll(u.RawQuery, placeInURL, key)
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(t.headers)}
	if !t.foreign {
		dialer.Protocols = []string{"leat.v1"}
		if after != "" {
			full.RawQuery = url.Values{"after": {after}}.Encode()
		}
	}
	var refused error
	dialer.OnStatusError = func(status int, reason []byte, r io.Reader) {
		refused = &RefusedError{"a subscription over WebSocket", fmt.Sprintf("%d %s", status, reason)}
		if answer, err := http.ReadResponse(bufio.NewReader(r), nil); err == nil { //nolint:bodyclose // refusal reads it, and the connection is closed
			refused = &RefusedError{"a subscription over WebSocket", refusal(answer)}
		}
	}
	reader, _, err := dialer.Upgrade(conn, &full)
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("subscribe over WebSocket: %w", err)
	}
	l := &link{framing: new(websocket)}
	if reader != nil {
		l.first = buffered(reader)
		ws.PutReader(reader)
	}
	return l, nil
}

func (t *target) askGRPC(conn net.Conn, u *url.URL, key, after string) (*link, error) {
	request := &leatv1.SubscribeRequest{Stream: t.stream}
	if key != "" {
		request.Key = &key
	}
	if after != "" {
		request.Start = &leatv1.SubscribeRequest_After{After: after}
	}
	message, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	message = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	opening, err := t.grpcOpening(u, message)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(opening); err != nil {
		return nil, err
	}
	return grpcAnswer(conn)
}

// grpcOpening is all that a client says for one server stream (RFC 9113, section 3.4; gRPC over HTTP/2, Requests).
func (t *target) grpcOpening(u *url.URL, message []byte) ([]byte, error) {
	var opening, fields bytes.Buffer
	opening.WriteString(http2.ClientPreface)
	encoder := hpack.NewEncoder(&fields)
	all := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: leatv1.StreamService_Subscribe_FullMethodName}, {Name: ":authority", Value: u.Host},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}
	for name, values := range t.headers {
		for _, value := range values {
			all = append(all, hpack.HeaderField{Name: strings.ToLower(name), Value: value})
		}
	}
	var err error
	for _, field := range all {
		err = errors.Join(err, encoder.WriteField(field))
	}
	framer := http2.NewFramer(&opening, nil)
	err = errors.Join(err,
		framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: largestWindow}),
		framer.WriteWindowUpdate(0, largestWindow-firstWindow),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: subscribeID, BlockFragment: fields.Bytes(), EndHeaders: true}),
		framer.WriteData(subscribeID, true, message))
	return opening.Bytes(), err
}

const firstTable = 4096 // RFC 9113, section 6.5.2

// grpcAnswer reads up to the header block that says that the subscription stands.
func grpcAnswer(conn net.Conn) (*link, error) {
	reader := bufio.NewReader(conn)
	framer := http2.NewFramer(conn, reader)
	framer.ReadMetaHeaders = hpack.NewDecoder(firstTable, nil)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return nil, fmt.Errorf("subscribe over gRPC: %w", err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = framer.WritePing(true, frame.Data)
			}
		case *http2.GoAwayFrame:
			err = errEnded
		case *http2.MetaHeadersFrame:
			if frame.StreamEnded() || frame.PseudoValue("status") != "200" {
				return nil, &RefusedError{"a subscription over gRPC", grpcRefusal(frame)}
			}
			return &link{framing: &grpc{fields: framer.ReadMetaHeaders}, first: buffered(reader)}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("subscribe over gRPC: %w", err)
		}
	}
}

func grpcRefusal(frame *http2.MetaHeadersFrame) string {
	parts := []string{frame.PseudoValue("status")}
	for _, field := range frame.RegularFields() {
		if field.Name == "grpc-status" || field.Name == "grpc-message" {
			parts = append(parts, field.Name+": "+field.Value)
		}
	}
	return strings.Join(parts, " ")
}
