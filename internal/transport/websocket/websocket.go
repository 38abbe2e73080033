// Package websocket serves WebSocket (RFC 6455): one stream in the flat framing that a person can type or as
// CloudEvents, or many over one connection in leat.v1.
package websocket

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/leatv1"
	"github.com/leatstream/leat/internal/transport/socket"
)

// A Handler answers GET /ws, /ws/{stream} and /ws/{stream}/{key} (path values "stream" and "key"). Connections
// outlive ServeHTTP: the hub's Drain ends them and waits for them.
type Handler struct {
	hub        *hub.Hub
	ingest     *ingest.Ingest
	backends   *backend.Backends
	maxMessage atomic.Int64 // bytes
	logger     *slog.Logger
	framings   sync.Map // from framed to framing
	unique     *names
	watcher    socket.Watcher
	pulse      *pulse
}

// messageOverhead is what a message may have beside the largest data that the contract allows.
const messageOverhead = 8 << 10

// New makes a Handler for the streams of a contract.
func New(c *contract.Contract, h *hub.Hub, in *ingest.Ingest, b *backend.Backends, logger *slog.Logger) *Handler {
	handler := &Handler{hub: h, ingest: in, backends: b, logger: logger, unique: newNames(), pulse: newPulse()}
	handler.Change(c)
	return handler
}

// Change takes what the contract says now of how large messages can be. All else is the hub's to say.
func (h *Handler) Change(c *contract.Contract) {
	largest := 0
	for _, s := range c.Streams {
		largest = max(largest, s.MaxEventBytes)
	}
	h.maxMessage.Store(int64(largest + messageOverhead))
}

// framing gives that of a stream, which its connections share.
func (h *Handler) framing(f framed) framing {
	if known, ok := h.framings.Load(f); ok {
		return known.(framing) //nolint:forcetypeassert // it has nothing else
	}
	var made framing = newCloudEvents(f.stream, h.unique)
	if f.subprotocol == leatFlat {
		made = newFlat(f.stream, h.hub)
	}
	known, _ := h.framings.LoadOrStore(f, made)
	return known.(framing) //nolint:forcetypeassert // likewise
}

// ServeHTTP refuses with a problem what cannot become a connection, while HTTP still has words for it, and
// upgrades the rest.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := checkUpgrade(w, r); err != nil {
		problem.Write(w, err)
		return
	}
	subprotocol, err := chooseSubprotocol(r)
	if err != nil {
		problem.Write(w, err)
		return
	}
	sub, err := h.subscription(r)
	if err != nil {
		problem.Write(w, err)
		return
	}
	conn, err := h.hub.Connect(contract.WebSocket)
	if err != nil {
		problem.Write(w, err)
		return
	}
	conn.SetRemote(r.RemoteAddr)
	conn.SetTrace(r.Header.Values("Traceparent"), r.Header.Values("Tracestate"))
	if err := h.connect(w, r, conn, subprotocol, sub); err != nil {
		conn.Close("error")
		if p := problem.From(err); p.Kind == problem.Internal {
			h.logger.Error("a WebSocket could not be opened", "connection", conn.ID(), "error", p.Error())
		}
		problem.Write(w, err)
	}
}

// connect subscribes, upgrades, and leaves the connection to itself: net/http's goroutine has buffers and a grown stack,
// which an idle connection should not cost.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, conn *hub.Connection, subprotocol string, sub *hub.Subscription) error {
	c := &client{handler: h, hub: conn}
	c.out.hub, c.out.lost = conn, c.lose
	begin, err := c.converse(context.WithoutCancel(r.Context()), subprotocol, sub, r.PathValue("key"))
	if err == nil {
		err = c.upgrade(w, r, subprotocol)
	}
	if err != nil {
		c.session.Close()
		return err
	}
	err = c.begin(begin)
	if s, ok := c.session.(*leatv1.Session); ok {
		s.AcceptPushes()
	}
	c.start(err)
	return nil
}
