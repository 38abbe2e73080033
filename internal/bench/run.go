package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A run does one scenario.
type run struct {
	plan     *Plan
	scenario Scenario
	target   *target
	marker   *marker
	meter    meter
	progress func(Progress)

	receivers   []*receiver
	subscribers []*subscriber
	publishing  *publishing
	away        chan *subscriber // those that are to be connected; each is in it once at most
	standing    chan struct{}    // one for each that stands for the first time
	refused     chan error       // the first refusal of a subscription that seemed to stand

	latency histogram // of what was measured
	second  histogram // the same, of the last second
	total   Counts

	mu        sync.Mutex // guards firstByte
	firstByte histogram
}

const (
	connectAtOnce = 128
	longestWarmUp = time.Second
	// The rest has arrived when for so long nothing more has.
	patience = 3 * time.Second
	lookEach = 5 * time.Millisecond
)

func newRun(p *Plan, s Scenario, t *target, m meter, progress func(Progress)) (*run, error) {
	r := &run{
		plan: p, scenario: s, target: t, marker: newMarker(), meter: m, progress: progress,
		away: make(chan *subscriber, s.Subscribers), standing: make(chan struct{}, s.Subscribers),
		refused: make(chan error, 1), latency: newHistogram(), second: newHistogram(), firstByte: newHistogram(),
	}
	lanes := s.Keys
	if lanes == 0 {
		lanes = s.Publishers
	}
	r.publishing = newPublishing(r, lanes)
	for range max(runtime.GOMAXPROCS(0)/2, 1) { // the server has the other half
		receiver, err := newReceiver(r.marker, r.ended)
		if err != nil {
			return nil, err
		}
		r.receivers = append(r.receivers, receiver)
	}
	for i := range s.Subscribers {
		r.subscribers = append(r.subscribers, r.newSubscriber(i))
	}
	return r, nil
}

func (r *run) newSubscriber(i int) *subscriber {
	s := &subscriber{
		receiver:  r.receivers[i%len(r.receivers)],
		transport: r.target.transports.of(i),
		witness:   i%witnessEach == witnessEach-1,
		slow:      i < r.scenario.Slow,
		tallies:   make([]tally, 1),
	}
	if r.scenario.Keys > 0 {
		s.lane = i % r.scenario.Keys
		s.key = keyOf(s.lane)
	} else {
		s.tallies = make([]tally, r.scenario.Publishers)
	}
	s.take = s.receive
	return s
}

// do connects, warms up, measures, waits for the rest, and says what it was.
func (r *run) do(ctx context.Context) (*Result, error) {
	defer func() {
		for _, receiver := range r.receivers {
			receiver.wait()
		}
	}()
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	g, running := errgroup.WithContext(running)
	for range connectAtOnce {
		g.Go(func() error { return r.connect(running) })
	}
	g.Go(func() error {
		select {
		case <-running.Done():
			return nil
		case err := <-r.refused:
			return err
		}
	})
	result := &Result{Scenario: r.scenario, Began: time.Now().UTC(), Machine: machine()}
	g.Go(func() error {
		defer cancel() // all that is left may go
		var err error
		if r.scenario.Idle {
			err = r.idle(running, result)
		} else {
			err = r.measure(running, result)
		}
		r.dropAll()
		return err
	})
	err := g.Wait()
	r.dropAll() // also what was connected since
	if err == nil {
		err = ctx.Err()
	}
	return result, err
}

func machine() string {
	return fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// connect brings subscribers to the server that are away. Before the run has begun, a failure ends it.
func (r *run) connect(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-r.away:
			if err := r.stand(ctx, s); err != nil {
				return err
			}
		}
	}
}

// ended is told when the server ends a subscriber's connection: that one comes back, unless it was told not to.
func (r *run) ended(s *subscriber, why error) {
	if _, ok := errors.AsType[*RefusedError](why); !ok {
		r.away <- s
		return
	}
	select {
	case r.refused <- why:
	default: // one was enough
	}
}

// retryAfter spares a server that has just ended a connection, or does not take one.
const retryAfter = 250 * time.Millisecond

func (r *run) stand(ctx context.Context, s *subscriber) error {
	s.receiver.mu.Lock()
	first := s.stood == 0
	// All whom a server's end has hurt wait at the same time, not one behind the other.
	wait := time.Until(s.hurtAt.Add(retryAfter))
	s.hurtAt = time.Time{}
	s.receiver.mu.Unlock()
	for ctx.Err() == nil {
		if wait > 0 && !pause(ctx, wait) {
			return nil
		}
		l, err := r.target.open(ctx, s.transport, s.key, s.after) // after is nobody else's while it is away
		if err == nil {
			err = s.receiver.attach(s, l, r.marker.now())
		}
		switch {
		case err == nil && first:
			r.standing <- struct{}{}
			return nil
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return nil
		case first:
			return err
		}
		wait = retryAfter
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// connectTo brings the first n subscribers to stand.
func (r *run) connectTo(ctx context.Context, from, n int) bool {
	for _, s := range r.subscribers[from:n] {
		r.away <- s
	}
	tell := time.NewTicker(time.Second)
	defer tell.Stop()
	for connected := from; connected < n; {
		select {
		case <-ctx.Done():
			return false
		case <-r.standing:
			connected++
		case <-tell.C:
			r.tell("connecting", connected, Sample{})
		}
	}
	return true
}

func (r *run) tell(phase string, connected int, s Sample) {
	lost := r.total.Duplicate + r.total.OutOfOrder + r.total.Stray
	r.progress(Progress{Scenario: r.scenario, Phase: phase, Connected: connected, Sample: s, Faults: lost})
}

// cut ends the connection of a subscriber that can resume, as a client that goes does, and says whether it did.
func (r *run) cut(s *subscriber) bool {
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	return !s.untold() && s.receiver.drop(s)
}

func (r *run) dropAll() {
	for _, s := range r.subscribers {
		s.receiver.mu.Lock()
		s.receiver.drop(s)
		s.receiver.mu.Unlock()
	}
}

// collect takes what the receivers have counted since the last time; the latencies of it are in r.second then.
func (r *run) collect() Counts {
	var counts Counts
	r.second.Reset()
	for _, receiver := range r.receivers {
		counts.add(receiver.counted(r.second))
	}
	r.total.add(counts)
	return counts
}

// awaitCaughtUp waits until every subscriber that reads has seen all of sent, or nothing more comes.
func (r *run) awaitCaughtUp(ctx context.Context, sent []int) bool {
	fewest, since := -1, time.Now()
	for {
		behind := 0
		for _, s := range r.subscribers {
			if s.slow {
				continue
			}
			s.receiver.mu.Lock()
			behind += s.behind(sent)
			s.receiver.mu.Unlock()
		}
		switch {
		case behind == 0:
			return true
		case behind != fewest:
			fewest, since = behind, time.Now()
		case time.Since(since) > patience:
			return false
		}
		if !pause(ctx, lookEach) {
			return false
		}
	}
}
