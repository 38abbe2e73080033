package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// A Stream is the stored events of one stream of the contract. Errors are problems where a client can be told.
type Stream struct {
	log      *Log
	contract *contract.Stream
	name     string // in the contract
	stream   string // in JetStream
	prefix   string // of its subjects
	reads    prometheus.Counter
	batches  chan struct{} // JetStream refuses the 51st batch at once
	gate     *gate

	highest atomic.Uint64 // the last sequence ever seen

	mu      sync.Mutex // guards the fields below; held while they are stored, so the log knows a life before its first event
	keeps   contract.Retention
	config  jetstream.StreamConfig
	lineage Lineage
	torn    span   // First to Last: what was missing at the end when it was opened; zero: nothing
	missing uint64 // how many events are in holes
	holes   []Hole // as JetStream knows them, never changed
}

const (
	concurrentBatches = 16
	concurrentOpens   = 8
	lineageKey        = "leat-incarnations" // in the stored stream's metadata
)

// Streams opens the streams of a contract, several at a time: each waits for the disk.
func (l *Log) Streams(ctx context.Context, declared []*contract.Stream) ([]*Stream, error) {
	streams, failed := make([]*Stream, len(declared)), make([]error, len(declared))
	var g errgroup.Group
	g.SetLimit(concurrentOpens)
	for i, c := range declared {
		g.Go(func() error {
			streams[i], failed[i] = l.Stream(ctx, c)
			return nil // all that fail are told
		})
	}
	_ = g.Wait() // of nils
	return streams, errors.Join(failed...)
}

// Stream opens a stream of the contract: it is made, or changed to the contract's retention.
func (l *Log) Stream(ctx context.Context, c *contract.Stream) (*Stream, error) {
	s := &Stream{
		log: l, contract: c, name: c.Name, gate: newGate(), keeps: c.Retention,
		stream:  "leat-" + c.Name,
		prefix:  "leat." + c.Name + ".",
		reads:   l.reads.WithLabelValues(c.Name),
		batches: make(chan struct{}, concurrentBatches),
	}
	if c.Durability == contract.DiskSync {
		return nil, fmt.Errorf("stream %q: this event log has no durability %s: %s, %s and %s are right",
			c.Name, c.Durability, contract.Disk, contract.Memory, contract.None)
	}
	l.opening.RLock()
	defer l.opening.RUnlock()
	info, err := s.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("stream %q: %w", c.Name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[c.Name] = s
	if s.onDisk() {
		l.reserve(c.Retention.Bytes - int64(info.State.Bytes))
	}
	return s, nil
}

// open makes the stream or takes it over, and gives what it held before. The caller has Log.opening.
func (s *Stream) open(ctx context.Context) (*streamInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.info(ctx)
	switch missing := isAPIError(err, jetstream.JSErrCodeStreamNotFound); {
	case err != nil && !missing:
		return nil, err
	case !missing:
		return info, s.adopt(ctx, info)
	case s.stored():
		return info, s.create(ctx)
	}
	return info, nil
}

// create makes a stream that the server does not have.
func (s *Stream) create(ctx context.Context) error {
	s.lineage, s.torn = NewLineage(), span{}
	s.highest.Store(0)
	s.config = s.configure()
	s.log.asking.RLock()
	_, err := s.log.api.CreateStream(ctx, s.config)
	s.log.asking.RUnlock()
	if err != nil {
		return err
	}
	return s.syncLineage()
}

// adopt takes over a stream that was there: with the contract's retention, and in a new incarnation unless all that
// it held at the last clean stop is still there.
func (s *Stream) adopt(ctx context.Context, info *streamInfo) error {
	if kept := info.Config.Storage == "file"; kept != s.onDisk() {
		return fmt.Errorf("it is stored as durability %s, and the contract says %s: that would drop its events; "+
			"say durability %s again, or give it another name, or remove its folder %s while leat is stopped",
			contract.Disk, s.contract.Durability, contract.Disk, s.folder())
	}
	lineage, err := ParseLineage(info.Config.Metadata[lineageKey])
	if err != nil {
		s.log.logger.Error("the stream's incarnations cannot be read: positions given out before are void", "stream", s.name, "error", err)
		lineage = NewLineage()
	}
	end, whole, err := s.survived(ctx, info)
	if err != nil {
		return err
	}
	if s.torn = (span{}); end < info.State.Last {
		s.torn = span{First: end + 1, Last: info.State.Last}
	}
	if !whole {
		s.log.logger.Info("the stream begins a new incarnation", "stream", s.name, "after", end)
		lineage = lineage.Renew(end)
	}
	s.lineage = lineage
	s.config = s.configure()
	s.highest.Store(info.State.Last)
	if lineage.String() == info.Config.Metadata[lineageKey] && info.Config.bounds() == boundsOf(&s.config) {
		return nil
	}
	if err := s.update(ctx, s.config); err != nil {
		return err
	}
	return s.syncLineage()
}

// Retain changes how much the stream keeps while it runs; what is beyond it goes at once.
func (s *Stream) Retain(ctx context.Context, r contract.Retention) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stored() || r == s.keeps {
		return nil
	}
	before := s.keeps
	s.keeps = r
	config := s.configure()
	err := s.update(ctx, config)
	if err == nil {
		s.config = config
		err = s.syncLineage()
	}
	if err != nil {
		s.keeps = before
		return fmt.Errorf("stream %q: retention: %w", s.name, err)
	}
	if s.onDisk() {
		s.log.mu.Lock()
		s.log.reserve(r.Bytes - before.Bytes)
		s.log.mu.Unlock()
	}
	return nil
}

func (s *Stream) update(ctx context.Context, config jetstream.StreamConfig) error {
	s.log.asking.RLock()
	defer s.log.asking.RUnlock()
	_, err := s.log.api.UpdateStream(ctx, config)
	return err
}

func (s *Stream) configure() jetstream.StreamConfig {
	c := s.contract
	config := jetstream.StreamConfig{
		Name:               s.stream,
		Subjects:           []string{s.prefix + "*"},
		Storage:            jetstream.FileStorage,
		Replicas:           1,
		Discard:            jetstream.DiscardOld,
		MaxAge:             s.keeps.Age,
		MaxBytes:           s.keeps.Bytes,
		MaxMsgs:            -1,
		Duplicates:         DedupeWindow,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{lineageKey: s.lineage.String()},
	}
	if s.keeps.Events > 0 {
		config.MaxMsgs = s.keeps.Events
	}
	if c.Durability == contract.Memory {
		config.Storage = jetstream.MemoryStorage
	}
	if config.MaxAge > 0 {
		config.Duplicates = min(config.Duplicates, config.MaxAge) // JetStream forgets the name with the event
	}
	return config
}

func (s *Stream) stored() bool { return s.contract.Durability != contract.None }
func (s *Stream) onDisk() bool { return s.contract.Durability == contract.Disk }

// folder is where JetStream keeps the stream.
func (s *Stream) folder() string {
	return filepath.Join(s.log.folder.path, "jetstream", "$G", "streams", s.stream)
}

// syncLineage brings the incarnations to the disk. JetStream syncs only events: after a power cut these would be
// there without the incarnation that names them, and the one before would name them.
func (s *Stream) syncLineage() error {
	if !s.onDisk() {
		return nil
	}
	return errors.Join(syncPath(filepath.Join(s.folder(), "meta.inf")), syncPath(filepath.Join(s.folder(), "meta.sum")), syncPath(s.folder()))
}

// State is what the stream's leader says that it holds. On a stream of durability none it is zero.
func (s *Stream) State(ctx context.Context) (State, error) {
	if !s.stored() {
		return State{}, nil
	}
	known := s.highest.Load() // before the question, so an append that overtakes the answer is no loss
	info, err := s.info(ctx)
	if err != nil {
		return State{}, unanswered(err)
	}
	if err := s.see(ctx, known, info.State.Last); err != nil {
		return State{}, err
	}
	holes, err := s.holesIn(ctx, info)
	if err != nil {
		return State{}, unanswered(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{First: info.first(), Last: info.State.Last, Holes: holes, Lineage: s.lineage}, nil
}

// see takes note of the log's last sequence; known is what it was before the log was asked. Where it went back, the
// log has lost events while it ran, and a new incarnation begins.
func (s *Stream) see(ctx context.Context, known, last uint64) error {
	if last >= known {
		raise(&s.highest, last)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.highest.CompareAndSwap(known, last) {
		return nil // somebody else has just seen it, or the log has moved on: the next look tells
	}
	s.log.logger.Error("the stream has lost its newest events: it begins a new incarnation", "stream", s.name, "last", last, "lastBefore", known)
	lineage := s.lineage.Renew(last)
	config := s.config
	config.Metadata = maps.Clone(config.Metadata)
	config.Metadata[lineageKey] = lineage.String()
	err := s.update(ctx, config)
	if err == nil {
		err = s.syncLineage()
	}
	if err != nil {
		s.highest.Store(known) // so the next look sees it again
		return unanswered(err)
	}
	s.lineage, s.config = lineage, config
	return nil
}

func raise(to *atomic.Uint64, value uint64) {
	for {
		old := to.Load()
		if value <= old || to.CompareAndSwap(old, value) {
			return
		}
	}
}

// position names a sequence of the stream.
func (s *Stream) position(sequence uint64) event.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lineage.Position(sequence)
}
