// Package eventlog stores the events of a contract's streams in NATS JetStream, and reads them back from any position.
package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leatstream/leat/internal/problem"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v4/disk"
	"golang.org/x/sync/semaphore"
)

// A Log is the embedded JetStream server and its streams.
type Log struct {
	folder  *folder
	logger  *slog.Logger
	reads   *prometheus.CounterVec
	remove  func() bool // takes reads out of the registry
	server  *server.Server
	lines   *serverLogger
	publish *nats.Conn // each job has its own connection: one that both publishes and follows stalls
	follow  *nats.Conn
	ask     *nats.Conn

	appends  jetstream.JetStream // on publish
	api      jetstream.JetStream // on ask
	readers  chan *reader        // the idle ones; who waits is served in turn
	inFlight *semaphore.Weighted // bytes of appends under way

	opening sync.RWMutex // guards found; held while streams are opened, for writing while all are opened again; taken before mu
	found   mark         // what the last clean stop left, or what was there before all were opened again; nil: not known

	// asking is held while JetStream's API is asked, and for writing while JetStream is shut down and enabled again:
	// NATS takes requests in between from a queue that it is about to replace. The innermost lock.
	asking sync.RWMutex

	mu       sync.Mutex // guards the fields below
	streams  map[string]*Stream
	reserved uint64        // the sum of what the streams on disk may still grow by
	warned   bool          // that reserved exceeds the disk
	broken   chan struct{} // closed when the followers' connection breaks
	closing  chan struct{} // closed by Close
	running  sync.WaitGroup
}

// Options of a Log.
type Options struct {
	Dir      string // where `disk` streams are kept; empty: a temporary folder, gone with Close
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

const (
	patience         = 10 * time.Second // how long an answer of the log is waited for
	concurrentReads  = 4
	maxInFlightBytes = 64 << 20
	maxPayload       = 2 << 20
	// JetStream takes the bytes of a stream's retention as a reservation and refuses the stream that does not fit.
	// What fits is the operator's to see (a warning tells), so this is more than any sum of reservations.
	unlimitedStorage = 1 << 60
)

// Open starts the embedded server on a folder, which one process at a time can have.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := openFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		folder:   f,
		lines:    &serverLogger{logger: o.Logger, written: make(chan struct{}, 1)},
		logger:   o.Logger,
		readers:  make(chan *reader, concurrentReads),
		inFlight: semaphore.NewWeighted(maxInFlightBytes),
		streams:  make(map[string]*Stream),
		remove:   func() bool { return true },
		broken:   make(chan struct{}),
		closing:  make(chan struct{}),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_log_reads_total",
			Help: "Batches of past events read from the event log.",
		}, []string{"stream"}),
	}
	if err := l.start(ctx, o.Registry); err != nil {
		l.stop()
		return nil, errors.Join(err, f.close())
	}
	open.Store(f.path, l)
	l.running.Add(1)
	go l.mend()
	return l, nil
}

func (l *Log) start(ctx context.Context, registry prometheus.Registerer) (err error) {
	if l.found, err = l.folder.takeMark(); err != nil {
		return err
	}
	if l.server, err = startServer(l.folder.path, l.lines); err != nil {
		return fmt.Errorf("event log in %s: %w", l.folder.path, err)
	}
	if err := l.connect(); err != nil {
		return fmt.Errorf("event log in %s: %w", l.folder.path, err)
	}
	// Deleting the last stream on disk and creating one right after fails (10049), so there is always this one.
	_, err = l.api.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "leat", Subjects: []string{"leat"}, MaxBytes: 1 << 20})
	if err != nil {
		return fmt.Errorf("event log in %s: %w", l.folder.path, err)
	}
	if registry != nil {
		if err := registry.Register(l.reads); err != nil {
			return fmt.Errorf("event log: %w", err)
		}
		l.remove = func() bool { return registry.Unregister(l.reads) }
	}
	return nil
}

func (l *Log) connect() (err error) {
	if l.publish, err = l.dial("publish"); err != nil {
		return err
	}
	if l.follow, err = l.dial("follow", nats.DisconnectErrHandler(func(*nats.Conn, error) { l.breakFollowers() })); err != nil {
		return err
	}
	if l.ask, err = l.dial("ask"); err != nil {
		return err
	}
	for range concurrentReads {
		nc, err := l.dial("read", nats.SyncQueueLen(2*maxReadEvents))
		if err != nil {
			return err
		}
		r, err := newReader(nc)
		if err != nil {
			return err
		}
		l.readers <- r
	}
	// One release for each acquire of begin: the library calls exactly one of the two for each message.
	l.appends, err = jetstream.New(l.publish, jetstream.WithPublishAsyncTimeout(patience),
		jetstream.WithPublishAsyncMaxPending(maxInFlightBytes/minWeight+1),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, _ *jetstream.PubAck) { l.inFlight.Release(weight(m)) }),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, _ error) { l.inFlight.Release(weight(m)) }))
	if err != nil {
		return err
	}
	l.api, err = jetstream.New(l.ask, jetstream.WithDefaultTimeout(patience))
	return err
}

// Ping makes a round trip to the log. It fails, too, while a stream cannot be written.
func (l *Log) Ping(ctx context.Context) error {
	l.asking.RLock()
	_, err := l.api.AccountInfo(ctx)
	l.asking.RUnlock()
	if err != nil {
		return unanswered(err)
	}
	for _, s := range l.opened() {
		if _, why := s.gate.enter(); why != nil {
			return problem.New(problem.Unavailable, "stream %q: %w", s.name, why)
		}
	}
	return nil
}

// CutFollowers breaks the connection that every Follow uses, with whatever is on it: it is there for tests of failure.
func (l *Log) CutFollowers() {
	l.breakFollowers()
	_ = l.follow.ForceReconnect() // an error means that it is closed, so cut
}

func (l *Log) breakFollowers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.broken)
	l.broken = make(chan struct{})
}

// Close stops the server cleanly, and leaves the mark that says so. Each Follow ends; appends under way are waited for.
func (l *Log) Close() error {
	l.mu.Lock()
	select {
	case <-l.closing:
		l.mu.Unlock()
		return nil
	default:
	}
	close(l.closing)
	l.mu.Unlock()
	open.Delete(l.folder.path)

	l.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-l.appends.PublishAsyncComplete():
	case <-ctx.Done():
	}
	m, err := l.takeStock(ctx)
	l.stop()
	if err != nil {
		return errors.Join(fmt.Errorf("event log: stopped without its mark, so the next start begins new incarnations: %w", err), l.folder.close())
	}
	return errors.Join(l.folder.leaveMark(m), l.folder.close())
}

// takeStock gives where each stream on disk ends.
func (l *Log) takeStock(ctx context.Context) (mark, error) {
	m := make(mark)
	for _, s := range l.opened() {
		if !s.onDisk() {
			continue
		}
		info, err := s.info(ctx)
		if err != nil {
			return nil, err
		}
		last, err := s.lastBlock()
		if err != nil {
			return nil, err
		}
		if last.Name != "" {
			if err := syncPath(s.blockFile(last.Name)); err != nil {
				return nil, err
			}
		}
		m[s.name] = span{info.first(), info.State.Last, s.end(info.State.Last), info.State.Newest, last}
	}
	return m, nil
}

// stop ends what start began, in so far as it got.
func (l *Log) stop() {
	l.remove()
	for len(l.readers) > 0 {
		(<-l.readers).nc.Close()
	}
	for _, nc := range []*nats.Conn{l.publish, l.follow, l.ask} {
		if nc != nil {
			nc.Close()
		}
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}

// begun counts a call that Close waits for; it fails once Close has begun.
func (l *Log) begun() (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closing:
		return nil, problem.New(problem.Unavailable, "the event log is closed: it was not stored")
	default:
		l.running.Add(1)
		return l.running.Done, nil
	}
}

// reserve counts what a stream on disk may still grow by, and warns when the disk does not have it. l.mu is held.
func (l *Log) reserve(growth int64) {
	l.reserved += uint64(max(growth, 0))
	if l.warned {
		return
	}
	usage, err := disk.Usage(l.folder.path)
	if err != nil || l.reserved <= usage.Free {
		return // a disk that does not tell its size is no reason to worry anyone
	}
	l.warned = true
	l.logger.Warn("the streams' retention may need more than the disk has: lower it, or give the data a larger disk",
		"folder", l.folder.path, "mayGrowBy", l.reserved, "free", usage.Free)
}
