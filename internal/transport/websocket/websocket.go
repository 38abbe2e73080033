// Package websocket serves WebSocket (RFC 6455): one stream in the flat framing that a person can type or as
// CloudEvents, or many over one connection in leat.v1.
package websocket

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// A Handler answers GET /ws, /ws/{stream} and /ws/{stream}/{key} (path values "stream" and "key"). Connections
// outlive ServeHTTP: the hub's Drain ends them and waits for them.
type Handler struct {
	hub        *hub.Hub
	ingest     *ingest.Ingest
	maxMessage int // bytes
	logger     *slog.Logger
	names      names
}

// messageOverhead is what a message may have beside the largest data that the contract allows.
const messageOverhead = 8 << 10

// New makes a Handler for the streams of a contract.
func New(c *contract.Contract, h *hub.Hub, in *ingest.Ingest, logger *slog.Logger) *Handler {
	largest := 0
	for _, s := range c.Streams {
		largest = max(largest, s.MaxEventBytes)
	}
	return &Handler{hub: h, ingest: in, maxMessage: largest + messageOverhead, logger: logger, names: names{process: newProcess()}}
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
	if err := h.connect(w, r, conn, subprotocol, sub); err != nil {
		conn.Close("error")
		if p := problem.From(err); p.Kind == problem.Internal {
			h.logger.Error("a WebSocket could not be opened", "connection", conn.ID(), "error", p.Error())
		}
		problem.Write(w, err)
	}
}

// connect subscribes, upgrades, and leaves the connection to a goroutine of its own: net/http's has buffers and a
// grown stack, which an idle connection should not cost.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, conn *hub.Connection, subprotocol string, sub *hub.Subscription) error {
	c := &client{hub: conn, maxMessage: h.maxMessage, logger: h.logger}
	c.out.hub = conn
	begin, err := c.converse(context.WithoutCancel(r.Context()), h, subprotocol, sub, r.PathValue("key"))
	if err == nil {
		err = c.upgrade(w, r, subprotocol)
	}
	if err != nil {
		c.session.Close()
		return err
	}
	err = c.begin(begin) // here, because it would grow the other stack
	go c.run(err)
	return nil
}
