// Package backend takes the commands of clients: it checks them against the contract, forwards them to the service that
// handles them, or to a handler in this process, and brings the answers back.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
)

// Backends forwards the commands of one contract's streams.
type Backends struct {
	ingest  *ingest.Ingest
	logger  *slog.Logger
	metrics *metrics
	streams atomic.Pointer[streams]

	running context.Context //nolint:containedctx // it is not a request's: it ends with Close, and with it all that is on its way
	stop    context.CancelFunc
	busy    sync.WaitGroup // Sends and lifecycle events under way
	retired sync.WaitGroup // gates that the contract no longer has, until they are closed

	changing sync.Mutex // held while streams are added or changed

	mu       sync.Mutex // guards the fields below, and each stream's handlers; held for no longer than a map takes
	draining bool       // nothing more joins busy
	lines    map[connection]line
}

// Options of New.
type Options struct {
	Ingest   *ingest.Ingest // takes what backends publish
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// A Command is a message from a client.
type Command struct {
	Stream, Type string
	Key          *string // in the message; nil: not given. A Handler gets the key of the command here, nil where it has none
	PathKey      *string // in the route; nil: none
	Data         []byte  // JSON as it came; nil: not given (422 at /data). A Handler gets it compact

	Connection string // the id of the connection; empty: none
	Remote     string // IP address and port of who sends it without a connection; empty: unknown
	Source     string // the route it came by, such as /ws/chat
	Principal  string // who sends it; empty: nobody knows

	Traceparent, Tracestate string // W3C Trace Context, as the client gave it; empty: not given
}

// A Reply is an event for the sender of a command alone.
type Reply struct {
	Type string
	Data []byte // JSON; from Send compact
}

// A Publication is an event for everyone.
type Publication struct {
	Type string
	Key  *string // nil: the command's, on a stream whose key is the path
	Data []byte
}

// An Answer is what a backend makes of a command.
type Answer struct {
	Reply   []Reply
	Publish []Publication
}

// A Handler handles commands within this process. An error of problem.Foreign reaches the sender; any other is a failure
// of the backend, of which the sender gets an id.
type Handler func(ctx context.Context, c Command) (Answer, error)

// streams are those of the contract; they never change, and others take their place.
type streams struct {
	byName map[string]*stream
	names  []string // in the order of Add
}

// New makes Backends of no streams yet.
func New(o Options) *Backends {
	b := &Backends{
		ingest: o.Ingest,
		logger: o.Logger,
		lines:  map[connection]line{},
	}
	b.streams.Store(&streams{})
	b.metrics = newMetrics(o.Registry, b)
	b.running, b.stop = context.WithCancel(context.Background())
	return b
}

// Add gives it a stream, to which no command goes, and from which no reply comes, that does not fit; nil where all do.
func (b *Backends) Add(s *contract.Stream, fits ingest.Fits) { b.put(b.newStream(s, fits)) }

// Change gives a stream that is there another declaration, with the same key. The handlers stay, and so does the backend,
// unless the contract has another one: that gets the commands from now on, and the former one those that it has begun.
func (b *Backends) Change(s *contract.Stream, fits ingest.Fits) {
	old := b.stream(s.Name)
	st := b.newStreamLike(old, s, fits)
	b.put(st)
	if old.gate != nil && old.gate != st.gate {
		b.retired.Go(func() { b.retire(old.gate) })
	}
}

func (b *Backends) put(s *stream) {
	b.changing.Lock()
	defer b.changing.Unlock()
	old := b.streams.Load()
	all := &streams{maps.Clone(old.byName), old.names}
	if all.byName == nil {
		all.byName = map[string]*stream{}
	}
	if all.byName[s.Name] == nil {
		all.names = append(slices.Clone(all.names), s.Name)
	}
	all.byName[s.Name] = s
	b.streams.Store(all)
}

// retire closes a gate when nobody who has found it before can be waiting for an answer any more.
func (b *Backends) retire(g *gate) {
	last := time.NewTimer(g.timeout + time.Second)
	defer last.Stop()
	select {
	case <-last.C:
	case <-b.running.Done():
		b.busy.Wait()
	}
	if err := g.to.close(); err != nil {
		b.logger.Warn("a backend that the contract no longer has was not closed cleanly", "stream", g.stream, "error", err)
	}
}

// stream gives a stream as it is now, nil where there is none.
func (b *Backends) stream(name string) *stream { return b.streams.Load().byName[name] }

// Handle has a command of a stream handled by h, in place of the contract's backend.
func (b *Backends) Handle(stream, command string, h Handler) error {
	all := b.streams.Load()
	s, ok := all.byName[stream]
	if !ok {
		return ingest.UnknownStream(stream, all.names)
	}
	if s.Command(command) == nil {
		known := s.CommandNames()
		return fmt.Errorf("stream %q has no command %q%s (its commands: %s)", stream, command,
			problem.DidYouMean(command, known), strings.Join(known, ", "))
	}
	if h == nil {
		return fmt.Errorf("the handler of %q is nil", command)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.handlers[command] = h
	return nil
}

// Send checks a command, has it handled, publishes what the backend publishes, and gives the replies. What is on its way
// to the backend is carried through when ctx ends. Errors are problems.
func (b *Backends) Send(ctx context.Context, c Command) ([]Reply, error) {
	s, err := b.find(c.Stream)
	if err != nil {
		return nil, err
	}
	if !b.begin() {
		return nil, problem.New(problem.Draining, "this node is shutting down; the command was not sent: send it again")
	}
	defer b.busy.Done()
	return s.send(ctx, c)
}

// find gives the stream of a command.
func (b *Backends) find(name string) (*stream, error) {
	all := b.streams.Load()
	s, ok := all.byName[name]
	switch {
	case !ok:
		return nil, ingest.UnknownStream(name, all.names)
	case len(s.Commands) == 0:
		return nil, problem.New(problem.NotFound, "stream %q takes no commands; it has the event types %s, to publish to /events/%s",
			name, strings.Join(s.EventNames(), ", "), name)
	}
	return s, nil
}

// begin joins busy, but not when it is waited for.
func (b *Backends) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draining {
		return false
	}
	b.busy.Add(1)
	return true
}

// Drain takes no more commands, and returns when those under way have their answers; where ctx ends before, that is an
// error that says to send them again, and Drain gives one too.
func (b *Backends) Drain(ctx context.Context) error {
	b.mu.Lock()
	b.draining = true
	b.mu.Unlock()
	stop := context.AfterFunc(ctx, b.stop)
	b.busy.Wait()
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// Close ends what is under way, whose senders are told to send again, and waits for it.
func (b *Backends) Close() error {
	b.mu.Lock()
	b.draining = true
	b.mu.Unlock()
	b.stop()
	b.busy.Wait()
	b.retired.Wait()
	var failed []error
	for _, s := range b.streams.Load().byName {
		if s.gate != nil {
			failed = append(failed, s.gate.to.close())
		}
	}
	return errors.Join(failed...)
}
