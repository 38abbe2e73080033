package grpc

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/leatstream/leat/internal/hub"
)

// A webResponse makes a browser's answer of the server's. It has headers of its own for gRPC, of which nothing but the
// status is passed on: no service here sends others.
type webResponse struct {
	call       *webCall
	out        http.ResponseWriter
	controller *http.ResponseController
	header     http.Header // of gRPC, with its trailers
	code       int
	pending    bytes.Buffer // what is not written yet
	err        error        // of writing
	failed     error        // a message that cannot be said in JSON ends the call
}

func newWebResponse(call *webCall, out http.ResponseWriter) *webResponse {
	return &webResponse{call: call, out: out, controller: http.NewResponseController(out), header: http.Header{}}
}

// Header is for gRPC.
func (w *webResponse) Header() http.Header { return w.header }

// Unwrap is for http.ResponseController.
func (w *webResponse) Unwrap() http.ResponseWriter { return w.out }

// WriteHeader begins a stream: its status is told at its end.
func (w *webResponse) WriteHeader(code int) {
	if w.code != 0 {
		return
	}
	w.code = code
	if code == http.StatusOK && w.call.protocol != connectUnary {
		w.begin()
	}
}

func (w *webResponse) begin() {
	header := w.out.Header()
	header.Set("Content-Type", w.call.contentType())
	header.Set("Cache-Control", "no-cache, no-store, no-transform") // as of SSE, and for the same proxies
	header.Set("X-Accel-Buffering", "no")
	w.out.WriteHeader(http.StatusOK)
}

// Write takes messages of gRPC, in pieces. They are those of a stream of Connect and of gRPC-Web too.
func (w *webResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.failed != nil {
		return 0, w.failed
	}
	switch {
	case w.code != http.StatusOK || w.call.protocol == connectUnary:
		return w.pending.Write(p)
	case w.call.json && !w.call.framed:
		w.pending.Write(p)
		w.translate()
	case w.call.protocol == grpcWebText:
		w.pending.Write(p)
	default:
		n, err := w.out.Write(p)
		w.err = cmp.Or(w.err, err)
		return n, err
	}
	return len(p), cmp.Or(w.err, w.failed)
}

// translate writes the messages that are whole in JSON.
func (w *webResponse) translate() {
	for w.pending.Len() >= messageHeader {
		length := int(binary.BigEndian.Uint32(w.pending.Bytes()[1:]))
		if w.pending.Len() < messageHeader+length {
			return
		}
		data := w.pending.Next(messageHeader + length)[messageHeader:]
		text, err := toJSON(data, w.call.method.Output())
		if err != nil {
			w.failed = cmp.Or(w.failed, err)
			return
		}
		w.write(frame(0, text))
	}
}

// write writes to the browser.
func (w *webResponse) write(p []byte) {
	if w.call.protocol == grpcWebText {
		p = base64.StdEncoding.AppendEncode(nil, p)
	}
	_, err := w.out.Write(p)
	w.err = cmp.Or(w.err, err)
}

// FlushError sends what is written.
func (w *webResponse) FlushError() error {
	if w.code != http.StatusOK || w.call.protocol == connectUnary {
		return nil
	}
	if w.call.protocol == grpcWebText && (!w.call.json || w.call.framed) {
		w.write(w.pending.Next(w.pending.Len()))
	}
	return w.controller.Flush()
}

// finish tells how the call has ended: with err, or as gRPC's trailers say.
func (w *webResponse) finish(err error) {
	if w.err != nil {
		return // the client has gone, or was cut because it takes nothing
	}
	end := endOf(w.header, w.code, w.pending.Bytes())
	if err = cmp.Or(err, w.failed); err != nil {
		end = endWith(err)
	}
	// The client may have stopped reading; the server's own watch has ended with the call.
	_ = w.controller.SetWriteDeadline(time.Now().Add(hub.SlowAfter))
	if w.call.protocol == connectUnary {
		w.answer(end)
		return
	}
	if w.code != http.StatusOK {
		w.begin()
	}
	if w.call.protocol == connectStream {
		w.write(frame(2, end.connectStream()))
	} else {
		w.write(frame(0x80, end.trailers()))
	}
	_ = w.controller.Flush() // the client has gone, and there is nobody to tell
}

// answer is that of a unary call in Connect.
func (w *webResponse) answer(end *end) {
	header := w.out.Header()
	header.Set("Cache-Control", "no-store")
	if end.Code != 0 {
		header.Set("Content-Type", "application/json")
		w.out.WriteHeader(end.http())
		w.write(end.connectError())
		return
	}
	data := w.pending.Bytes()[messageHeader:]
	if w.call.json {
		text, err := toJSON(data, w.call.method.Output())
		if err != nil {
			panic(err) // of our own making
		}
		data = text
	}
	header.Set("Content-Type", w.call.contentType())
	w.write(data)
}

// frame makes a message with its flags.
func frame(flags byte, data []byte) []byte {
	framed := append(make([]byte, 0, messageHeader+len(data)), flags, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(framed[1:], uint32(len(data)))
	return append(framed, data...)
}
