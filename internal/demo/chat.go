package demo

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/examples/chat-backend/chat"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/origin"
	"github.com/leatstream/leat/internal/problem"
)

// ServeChatBackend is the chat's backend, for a process of its own. It ends with its input, and so with the demo however
// that ends, and with SIGTERM. Ctrl-C in a terminal reaches both: the demo then ends it when it has drained.
func ServeChatBackend(ctx context.Context, address string, input io.Reader, output io.Writer) error {
	signal.Ignore(os.Interrupt)
	ctx, end := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer end()
	go func() { // until the process ends, if not before: reading cannot be called off
		_, _ = io.Copy(io.Discard, input)
		end()
	}()
	return chat.Serve(ctx, address, output)
}

// A chatBackend is what the demo knows of the backend: its keeper, or none where it runs elsewhere.
type chatBackend struct {
	keeper *keeper
	logger *slog.Logger
	stop   context.CancelFunc
	kept   sync.WaitGroup
}

// startChatBackend tells the contract where the backend is. It returns when that answers, or cannot.
func (d *Demo) startChatBackend(ctx context.Context, c *contract.Contract) (*chatBackend, error) {
	b := &chatBackend{logger: d.Logger, stop: func() {}}
	b.keeper = newKeeper(d.ChatBackend, "", d.Logger)
	backend := c.Stream("chat").Backend
	if os.Getenv("CHAT_BACKEND") != "" { // which the contract has read
		b.keeper.set(elsewhere, 0, backend.URL)
		return b, nil
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	b.keeper.address = address
	backend.URL = "http://" + address + "/chat"
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	b.kept.Go(func() { b.keeper.run(ctx) })
	for {
		now, changed := b.keeper.now()
		if now.State != starting {
			return b, nil
		}
		<-changed
	}
}

// freeAddress gives one that stays the backend's, also of later processes: the contract has only one.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// end returns when the process is gone.
func (b *chatBackend) end() {
	b.stop()
	b.kept.Wait()
}

func (b *chatBackend) status() status {
	now, _ := b.keeper.now()
	return now
}

// tell publishes each status, until ctx ends.
func (b *chatBackend) tell(ctx context.Context, server *leat.Server) error {
	p := &producer{server: server, stream: "processes", logger: b.logger}
	for {
		now, changed := b.keeper.now()
		if err := p.publish(ctx, leat.Event{Type: "process.changed", Data: now}); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// order is the handler behind a button. The page sees in the stream processes what becomes of it.
func (b *chatBackend) order(run bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromOwnPage(r) {
			ingest.Refuse(w, r, problem.New(problem.Forbidden, "only the demo's own page may start and stop its backend"))
			return
		}
		if b.status().State == elsewhere {
			ingest.Refuse(w, r, problem.New(problem.Conflict, "the backend is not the demo's: CHAT_BACKEND says where it is"))
			return
		}
		late := time.NewTimer(readyWithin + endsWithin)
		defer late.Stop()
		select {
		case b.keeper.orders <- run:
			w.WriteHeader(http.StatusAccepted) // the stream processes tells what becomes of it
		case <-late.C:
			ingest.Refuse(w, r, problem.New(problem.Unavailable, "the backend is starting, or the demo is ending: try again"))
		case <-r.Context().Done():
		}
	})
}

// fromOwnPage tells whether a browser sent the request for a page of the server that it is sent to. On loopback the name
// has to be localhost's too, because any other can be made to resolve to 127.0.0.1.
func fromOwnPage(r *http.Request) bool {
	from, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || from.Host == "" || from.Host != r.Host {
		return false
	}
	rule := origin.Rule{}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		rule.Loopback = local.IP.IsLoopback()
	}
	return rule.Trusts(from.String(), r.Host)
}

// guide says how to stop the backend, in a line for a terminal.
func (s status) guide() string {
	switch s.State {
	case elsewhere:
		return "its backend is yours, at " + s.Detail
	case up:
		return "kill " + strconv.Itoa(s.PID) + " stops its backend; the page can start it again"
	}
	return "its backend is not running: " + s.Detail
}
