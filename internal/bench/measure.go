package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// measure publishes to all subscribers, and looks each second at what came.
func (r *run) measure(ctx context.Context, result *Result) error {
	if !r.connectTo(ctx, 0, len(r.subscribers)) {
		return nil
	}
	publishing, stopPublishing := context.WithCancel(ctx)
	defer stopPublishing()
	g, publishing := errgroup.WithContext(publishing)
	publish := r.publishing.publish
	if r.scenario.NDJSON {
		publish = r.publishing.upload
	}
	for number := range r.scenario.Publishers {
		g.Go(func() error { return publish(publishing, number) })
	}
	if len(r.subscribers) > 0 {
		g.Go(func() error { return r.probe(publishing) })
	}
	if r.scenario.Churn > 0 {
		g.Go(func() error { r.churn(publishing); return nil })
	}
	err := r.window(publishing, result)
	stopPublishing()
	if waitErr := g.Wait(); waitErr != nil { // it has ended what err complains of
		return waitErr
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	r.tell("waiting for the rest", len(r.subscribers), Sample{})
	r.awaitCaughtUp(ctx, r.publishing.sentNow())
	r.collect()
	r.conclude(result)
	return nil
}

// window is the time that is measured, with the warm-up before it.
func (r *run) window(ctx context.Context, result *Result) error {
	r.tell("warming up", len(r.subscribers), Sample{})
	if !pause(ctx, min(longestWarmUp, r.plan.Duration)) {
		return nil
	}
	r.collect()
	r.publishing.warm()
	w := &window{run: r, result: result, began: time.Now()}
	if err := w.begin(ctx); err != nil {
		return err
	}
	storm := make(chan struct{})
	close(storm)
	if r.scenario.Storm > 0 {
		storm = make(chan struct{})
		go func() {
			defer close(storm)
			r.storm(ctx, result)
		}()
	}
	defer func() { <-storm }()
	end := time.NewTimer(r.plan.Duration)
	defer end.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
			if err := w.look(ctx); err != nil {
				return err
			}
		case <-end.C: // a storm that is not over goes on being measured
			select {
			case <-storm:
				return w.end(ctx)
			default:
				end.Reset(lookEach)
			}
		}
	}
}

// A window is what is measured, second by second.
type window struct {
	run    *run
	result *Result
	began  time.Time

	first, last usage
	lastAt      time.Time
	lastEvents  int64
	events      int64 // published before it began
	deliveries  int64
}

func (w *window) begin(ctx context.Context) (err error) {
	w.first, err = w.run.usage(ctx)
	w.last, w.lastAt = w.first, w.began
	w.events = w.run.publishing.events.Load()
	w.lastEvents = w.events
	return err
}

func (r *run) usage(ctx context.Context) (usage, error) {
	if r.meter == nil {
		return usage{}, nil
	}
	return r.meter(ctx)
}

// look adds a sample.
func (w *window) look(ctx context.Context) error {
	used, err := w.run.usage(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	counts := w.run.collect()
	w.run.latency.Merge(w.run.second.Histogram)
	w.deliveries += counts.Deliveries
	events := w.run.publishing.events.Load()
	s := Sample{
		Second:     now.Sub(w.began).Seconds(),
		Published:  events - w.lastEvents,
		Deliveries: counts.Deliveries,
		Latency:    w.run.second.latency(),
		CPUPercent: 100 * (used.cpu - w.last.cpu) / now.Sub(w.lastAt).Seconds(),
		RSS:        used.rss,
	}
	w.last, w.lastAt, w.lastEvents = used, now, events
	w.result.Samples = append(w.result.Samples, s)
	w.run.tell("measuring", len(w.run.subscribers), s)
	return nil
}

func (w *window) end(ctx context.Context) error {
	if w.lastAt.Equal(w.began) || time.Since(w.lastAt) > time.Second/2 { // the last tick may have come just before or just after
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	r, seconds := w.result, w.lastAt.Sub(w.began).Seconds()
	r.Seconds = seconds
	r.Published = w.lastEvents - w.events
	r.PublishedPerSecond = float64(r.Published) / seconds
	r.DeliveriesPerSecond = float64(w.deliveries) / seconds
	if w.run.meter != nil {
		cpu := w.last.cpu - w.first.cpu
		r.Server = &Server{CPUSeconds: cpu, CPUPercent: 100 * cpu / seconds, RSS: w.last.rss}
		if w.deliveries > 0 {
			r.Server.CPUSecondsPerMillion = cpu / float64(w.deliveries) * 1e6
		}
	}
	r.Latency, r.Distribution = w.run.latency.latency(), w.run.latency.distribution()
	return nil
}

// conclude says what is missing, now that nothing more comes.
func (r *run) conclude(result *Result) {
	p := r.publishing
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sentNow()
	for _, s := range r.subscribers {
		if !s.slow {
			s.receiver.mu.Lock()
			result.Lost += s.lost(sent, p.unanswered)
			s.receiver.mu.Unlock()
		}
	}
	result.Counts = r.total
	result.Publish, result.Unanswered, result.FirstFailure = p.took.latency(), p.failures, p.firstFailure
	r.mu.Lock()
	defer r.mu.Unlock()
	result.FirstByte = r.firstByte.latency()
}

// probeEach is how often a new subscription is opened while all the rest runs.
const probeEach = 200 * time.Millisecond

// probe measures how soon a new subscription stands.
func (r *run) probe(ctx context.Context) error {
	for i := 0; pause(ctx, probeEach); i++ {
		s := r.subscribers[i%len(r.subscribers)]
		l, err := r.target.open(ctx, s.transport, s.key, nil)
		if err != nil {
			continue // those that count say so
		}
		r.mu.Lock()
		r.firstByte.record(l.took)
		r.mu.Unlock()
		_ = l.conn.Close() // it has told what it was for
	}
	return nil
}
