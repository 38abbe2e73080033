package sse

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A response is one live stream on its way to a client.
type response struct {
	connection *hub.Connection
	subscriber *hub.Subscriber
	logger     *slog.Logger

	// What follows is for a connection that was taken over.
	conn  net.Conn
	watch socket.Watch
	gone  atomic.Bool // the client is
}

// live answers with a stream. On HTTP/1 it takes the connection over: what net/http keeps for a request costs 27 KB
// for each idle subscriber, a goroutine of our own with a reader beside it 5 KB. HTTP/2, and writers whose
// connection cannot be had, are served from the handler's goroutine.
func (h *Handler) live(w http.ResponseWriter, r *http.Request, req request) error {
	if err := canStream(w, r.ProtoMajor == 1); err != nil {
		return err
	}
	res, err := h.subscribe(r, req)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		res.close(nil, true)
		setLiveHeader(w.Header(), r, req.media)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	first := res.first(req.media)
	controller := http.NewResponseController(w)
	if r.ProtoMajor == 1 {
		if conn, _, err := controller.Hijack(); err == nil {
			conn = socket.Bare(conn)
			setLiveHeader(w.Header(), r, req.media)
			head := appendHead(nil, r, w.Header())
			out := connWriter(conn, r.TLS != nil)
			res.takeOver(&h.watcher, conn, out, append(head, first...))
			return nil
		}
		if err := canStream(w, false); err != nil {
			res.close(nil, false)
			return err
		}
	}
	outlive(controller)
	setLiveHeader(w.Header(), r, req.media)
	w.WriteHeader(http.StatusOK)
	out := newChunkWriter(w, controller)
	if err = out.Write(opening(first)); err == nil {
		err = res.subscriber.Run(r.Context(), out)
	}
	res.close(err, r.Context().Err() != nil)
	return nil
}

// outlive lifts the server's ReadTimeout and WriteTimeout, which mean ordinary requests, off one that takes its time.
// Not every writer has them.
func outlive(controller *http.ResponseController) {
	_ = controller.SetReadDeadline(time.Time{})
	_ = controller.SetWriteDeadline(time.Time{})
}

func (h *Handler) subscribe(r *http.Request, req request) (*response, error) {
	ctx, cancel := finishing(r)
	defer cancel()
	c, err := h.hub.Connect(contract.SSE)
	if err != nil {
		return nil, err
	}
	c.SetRemote(r.RemoteAddr)
	c.SetTrace(r.Header.Values("Traceparent"), r.Header.Values("Tracestate"))
	s, err := c.Subscribe(ctx, req.subscription, req.format)
	if err != nil {
		c.Close("error")
		return nil, err
	}
	return &response{connection: c, subscriber: s, logger: h.logger}, nil
}

// first is what opens the stream: NDJSON has nothing that is no event.
func (res *response) first(media mediaType) []byte {
	if media != eventStream {
		return nil
	}
	// Browsers that lose their server together would return together: they add no jitter of their own.
	retry := time.Second + rand.N(2*time.Second+1)
	return appendFirst(nil, retry, res.subscriber.StartID())
}

// takeOver serves a connection that is no longer the HTTP server's, until the client goes or the hub ends it. The
// beginning is written first of all: a client that has closed its own side counts as gone, since nothing but a write
// would tell whether it is, but it is not left without an answer. From then on a pump moves it, and the watcher sees when
// the client goes: an idle stream has no goroutine.
func (res *response) takeOver(watcher *socket.Watcher, conn net.Conn, out hub.Writer, first []byte) {
	if err := out.Write(opening(first)); err != nil {
		_ = conn.Close()
		res.close(err, false)
		return
	}
	res.conn = conn
	res.watch = watcher.Watch(conn, func() {
		res.gone.Store(true)
		_ = conn.Close() // ends a write under way
		res.subscriber.Stop()
	})
	res.subscriber.Start(out, res.done)
}

// done ends a response that was started.
func (res *response) done(err error) {
	res.watch.Stop()
	_ = res.conn.Close()
	res.close(err, res.gone.Load())
}

// opening is the batch of what a response begins with.
func opening(first []byte) hub.Batch {
	if len(first) == 0 {
		return hub.Batch{}
	}
	return hub.Batch{Frames: [][]byte{first}, Bytes: len(first)}
}

// close forgets subscriber and connection, and says why they are gone.
func (res *response) close(err error, clientGone bool) {
	res.subscriber.Close()
	reason := res.connection.Reason()
	how := "error"
	switch {
	case errors.Is(err, errSlow), err == nil && reason == event.EndSlow:
		how = "slow"
	case err == nil && reason == event.EndDrain:
		how = "drain"
	case clientGone, errors.Is(err, errGone):
		how = "client"
	case err != nil:
		res.logger.Error("stream broke off", "connection", res.connection.ID(), "error", err)
	}
	res.connection.Close(how)
}

// appendHead appends the header block of a response that ends with its connection, so that no chunk or length stands
// between an event and the client.
func appendHead(dst []byte, r *http.Request, header http.Header) []byte {
	header.Del("Content-Length")
	header.Del("Transfer-Encoding")
	if header.Get("Date") == "" {
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if r.ProtoAtLeast(1, 1) {
		dst = append(dst, "HTTP/1.1 200 OK\r\n"...)
	} else {
		dst = append(dst, "HTTP/1.0 200 OK\r\n"...)
	}
	w := appender{dst}
	_ = header.Write(&w) // an appender takes everything; Write keeps line breaks out of values
	return append(w.bytes, "\r\n"...)
}

// An appender is a slice to write to.
type appender struct{ bytes []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}
