package grpc

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/transport/farewell"
)

// abandon gives the client its status, nil where it is not known yet, ahead of what it has yet to take. Where the
// connection is no farewell.Conn, its stream is reset over net/http; with grpc-go, the status comes when the client takes
// the rest.
func (e *ending) abandon(told error) error {
	ctx := e.stream.Context()
	if told == nil {
		e.conn.End(event.EndDrain) // unless it has ended
		told = e.server.fail(ctx, ended(e.conn))
	}
	trailers := trailersOf(told)
	if r, ok := ctx.Value(responseKey{}).(*response); ok {
		r.endWith(farewell.From(ctx), trailers, e.open)
		return told
	}
	client, ok := peer.FromContext(ctx)
	if !ok {
		return told
	}
	if info, ok := client.AuthInfo.(connInfo); ok {
		if id, err := idOf(grpcgo.ServerTransportStreamFromContext(ctx), "id"); err == nil {
			info.conn.Prepare(id, trailers, e.open)
			info.conn.Reset(id)
		}
	}
	return told
}

// endWith cuts the stream, which has these trailers in place of a reset where its connection can do so.
func (r *response) endWith(conn *farewell.Conn, trailers []hpack.HeaderField, open bool) {
	r.mu.Lock()
	if conn != nil && !r.done {
		if id, err := idOf(innermost(r.ResponseWriter), "rws", "stream", "id"); err == nil {
			conn.Prepare(id, trailers, open)
		}
	}
	r.mu.Unlock()
	r.cut()
}

// innermost gives net/http's own writer.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// idOf reads the number of an HTTP/2 stream where neither grpc-go nor net/http tells it: in a field of theirs. A version
// that has it elsewhere is found out by tests, and its streams end as without a farewell.Conn.
func idOf(holder any, path ...string) (uint32, error) {
	v := reflect.ValueOf(holder)
	for _, name := range path {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return 0, fmt.Errorf("%T has no %s", holder, strings.Join(path, "."))
		}
		v = v.FieldByName(name)
	}
	if v.Kind() != reflect.Uint32 {
		return 0, fmt.Errorf("%T has no %s", holder, strings.Join(path, "."))
	}
	return uint32(v.Uint()), nil
}

// trailersOf encodes a status (gRPC over HTTP/2, "Responses").
func trailersOf(err error) []hpack.HeaderField {
	told, _ := status.FromError(err)
	fields := []hpack.HeaderField{
		{Name: "grpc-status", Value: strconv.Itoa(int(told.Code()))},
		{Name: "grpc-message", Value: percentEncoded(told.Message())},
	}
	if details, err := proto.Marshal(told.Proto()); err == nil {
		fields = append(fields, hpack.HeaderField{Name: "grpc-status-details-bin", Value: base64.RawStdEncoding.EncodeToString(details)})
	}
	return fields
}

func percentEncoded(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' || b == '%' {
			fmt.Fprintf(&out, "%%%02X", b)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}

// plaintext are credentials that ask for nothing, and have each connection be a farewell.Conn.
type plaintext struct {
	credentials.TransportCredentials
}

// ServerHandshake wraps the connection.
func (p plaintext) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	_, info, err := p.TransportCredentials.ServerHandshake(raw)
	conn := farewell.New(raw)
	return conn, connInfo{info, conn}, err
}

// Clone copies.
func (p plaintext) Clone() credentials.TransportCredentials {
	return plaintext{p.TransportCredentials.Clone()}
}

// A connInfo has handlers find the connection of their call.
type connInfo struct {
	credentials.AuthInfo
	conn *farewell.Conn
}
