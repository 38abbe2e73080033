package grpc

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A Web answers calls of browsers, in the Connect protocol and in gRPC-Web, over HTTP/1.1 and HTTP/2: the server answers
// them as gRPC, of which both are other spellings. No compression, no metadata and no GET: nothing here has a use for them.
type Web struct {
	server *Server

	mu      sync.Mutex                  // guards formats
	formats map[*hub.Format]*hub.Format // the same events in JSON
}

// Web gives the handler for browsers, of all services that the server has.
func (s *Server) Web() *Web { return &Web{server: s, formats: map[*hub.Format]*hub.Format{}} }

// Has tells whether there is a service of that name.
func (w *Web) Has(service string) bool {
	_, ok := w.server.GetServiceInfo()[service]
	return ok
}

// method describes what is at a path, as the contract has it now; nil where there is nothing.
func (w *Web) method(path string) protoreflect.MethodDescriptor {
	service, method, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if t := w.server.served.Load().typed[service]; t != nil {
		return t.of().Descriptor.Methods().ByName(protoreflect.Name(method))
	}
	if !w.Has(service) {
		return nil
	}
	found, err := descriptors{w.server}.FindDescriptorByName(protoreflect.FullName(service))
	described, ok := found.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		panic(fmt.Sprintf("service %s has no descriptor (%v), and reflection shows them all", service, err))
	}
	return described.Methods().ByName(protoreflect.Name(method))
}

// A protocol is how a call spells what gRPC says.
type protocol int

const (
	connectUnary  protocol = iota // one message is the body, and an error is an HTTP status
	connectStream                 // messages as in gRPC; the last one is JSON, and tells the end
	grpcWeb                       // messages as in gRPC; the last one is gRPC's trailers
	grpcWebText                   // the same in base64, for browsers' XMLHttpRequest
)

// A webCall is one call of a browser.
type webCall struct {
	web      *Web
	protocol protocol
	json     bool                          // the messages are JSON, else protobuf
	method   protoreflect.MethodDescriptor // nil where there is none
	path     string
	framed   bool // what the handler sends is JSON already; set before it sends anything
}

// webCallKey is the call's in its context.
type webCallKey struct{}

// ServeHTTP answers a call of a service that there is.
func (w *Web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	call, err := w.accept(r)
	if err != nil {
		out.Header().Set("Accept-Post", strings.Join(webTypes, ", "))
		ingest.Refuse(out, r, problem.From(err))
		return
	}
	if call.method != nil && call.method.IsStreamingClient() && call.method.IsStreamingServer() && r.ProtoMajor < 2 {
		ingest.Refuse(out, r, problem.New(problem.HTTPVersion, "%s speaks both ways, which needs HTTP/2, and this is %s", r.URL.Path, r.Proto))
		return
	}
	to := newWebResponse(call, out)
	request, err := call.request(out, r)
	if err == nil {
		w.server.ServeHTTP(to, request.WithContext(context.WithValue(r.Context(), webCallKey{}, call)))
	}
	to.finish(err)
}

// webTypes are the content types that are taken.
var webTypes = []string{
	"application/json", "application/proto", "application/connect+json", "application/connect+proto",
	"application/grpc-web+json", "application/grpc-web+proto", "application/grpc-web-text+json", "application/grpc-web-text+proto",
}

// accept tells how a request speaks. Nothing that a page may send unasked passes (Fetch standard, "CORS-safelisted
// request-header"): text/plain, forms, nothing at all.
func (w *Web) accept(r *http.Request) (*webCall, error) {
	given := r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	kind, codec, _ := strings.Cut(strings.TrimPrefix(mediaType, "application/"), "+")
	call := &webCall{web: w, method: w.method(r.URL.Path), path: r.URL.Path}
	switch kind {
	case "json", "proto":
		call.protocol, codec = connectUnary, kind+codec // which has no suffix
	case "connect":
		call.protocol = connectStream
	case "grpc-web":
		call.protocol, codec = grpcWeb, orProto(codec)
	case "grpc-web-text":
		call.protocol, codec = grpcWebText, orProto(codec)
	default:
		codec = ""
	}
	switch {
	case r.ProtoMajor < 2 && isGRPC(mediaType):
		return nil, problem.New(problem.UnsupportedMedia, "gRPC needs HTTP/2, and this is %s; over HTTP/1.1 there are Connect and gRPC-Web: %s",
			r.Proto, strings.Join(webTypes, ", "))
	case err != nil || codec != "json" && codec != "proto" || !strings.HasPrefix(mediaType, "application/"):
		return nil, problem.New(problem.UnsupportedMedia, "the Content-Type is %.100q, and a call in the Connect protocol or in gRPC-Web has one of %s",
			given, strings.Join(webTypes, ", "))
	}
	call.json = codec == "json"
	if m := call.method; m != nil && call.protocol <= connectStream {
		streams := m.IsStreamingClient() || m.IsStreamingServer()
		if streams != (call.protocol == connectStream) {
			right := map[bool]string{true: "application/connect+", false: "application/"}[streams] + codec
			return nil, problem.New(problem.UnsupportedMedia, "the Content-Type is %s, and for %s it must be %s (or of gRPC-Web)", mediaType, r.URL.Path, right)
		}
	}
	return call, nil
}

func isGRPC(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "+")
	return kind == "application/grpc"
}

func orProto(codec string) string {
	if codec == "" {
		return "proto"
	}
	return codec
}

// contentType is that of the answer.
func (c *webCall) contentType() string {
	codec := map[bool]string{true: "json", false: "proto"}[c.json]
	return fmt.Sprintf([...]string{
		connectUnary:  "application/%s",
		connectStream: "application/connect+%s",
		grpcWeb:       "application/grpc-web+%s",
		grpcWebText:   "application/grpc-web-text+%s",
	}[c.protocol], codec)
}

// inJSON gives the format for a subscriber: format itself, or the same events in JSON where its call is in JSON, encoded
// once for all of those.
func inJSON(ctx context.Context, format *hub.Format) *hub.Format {
	call, ok := ctx.Value(webCallKey{}).(*webCall)
	if !ok || !call.json {
		return format
	}
	call.framed = true
	call.web.mu.Lock()
	defer call.web.mu.Unlock()
	if call.web.formats[format] == nil {
		call.web.formats[format] = jsonFormat(format, func() protoreflect.MessageDescriptor { return call.web.method(call.path).Output() })
	}
	return call.web.formats[format]
}
