package bench

import (
	"context"
	"time"
)

// churn lets subscribers reconnect, one after the other, and resume.
func (r *run) churn(ctx context.Context) {
	each := time.NewTicker(time.Duration(float64(time.Second) / r.scenario.Churn))
	defer each.Stop()
	for i := r.scenario.Slow; ; i++ {
		if i >= len(r.subscribers) {
			i = r.scenario.Slow
		}
		select {
		case <-ctx.Done():
			return
		case <-each.C:
			if i < len(r.subscribers) && r.cut(r.subscribers[i]) {
				r.away <- r.subscribers[i]
			}
		}
	}
}

// One in so many subscribers is left alone by a storm, to see how those who stay fare.
const witnessEach = 100

// storm cuts subscribers off in the middle of the run, all at once, lets Storm events pass, and brings them back.
func (r *run) storm(ctx context.Context, result *Result) {
	if !pause(ctx, r.plan.Duration/3) {
		return
	}
	var cut []*subscriber
	for _, s := range r.subscribers {
		if !s.witness && !s.slow && r.cut(s) {
			cut = append(cut, s)
		}
	}
	for from := r.publishing.events.Load(); r.publishing.events.Load() < from+int64(r.scenario.Storm); {
		if !pause(ctx, lookEach) {
			return
		}
	}
	r.setStorming(true)
	sent, began := r.publishing.sentNow(), time.Now()
	for _, s := range cut {
		r.away <- s
	}
	caughtUp := r.awaitCaughtUp(ctx, sent)
	took := time.Since(began)
	r.setStorming(false)
	live := newHistogram()
	for _, receiver := range r.receivers {
		receiver.mu.Lock()
		live.Merge(receiver.witnessed.Histogram)
		receiver.mu.Unlock()
	}
	result.Storm = &Storm{Subscribers: len(cut), Behind: r.scenario.Storm, Seconds: took.Seconds(), CaughtUp: caughtUp, Live: live.latency()}
}

func (r *run) setStorming(storming bool) {
	for _, receiver := range r.receivers {
		receiver.mu.Lock()
		receiver.storming = storming
		receiver.mu.Unlock()
	}
}

// idleFew is where the slope of an idle run begins: what the process has for itself is in it by then.
const idleFew = 1000

// idle looks at what connections cost that nothing is sent on.
func (r *run) idle(ctx context.Context, result *Result) error {
	many := len(r.subscribers)
	few := min(idleFew, many/2)
	began := time.Now()
	var looks []usage
	connected := 0
	for _, n := range []int{few, many} {
		if !r.connectTo(ctx, connected, n) {
			return nil
		}
		connected = n
		r.tell("idle", n, Sample{})
		if !pause(ctx, r.plan.Duration) {
			return nil
		}
		used, err := r.usage(ctx)
		if err != nil {
			return err
		}
		looks = append(looks, used)
		result.Samples = append(result.Samples, Sample{Second: time.Since(began).Seconds(), RSS: used.rss})
	}
	result.Seconds = time.Since(began).Seconds()
	r.collect()
	result.Counts = r.total
	result.Server = &Server{RSS: looks[1].rss, CPUSeconds: looks[1].cpu - looks[0].cpu}
	result.Idle = &Idle{Few: few, Many: many, FewRSS: looks[0].rss, ManyRSS: looks[1].rss}
	if many > few {
		result.Idle.RSSPerConnection = (float64(looks[1].rss) - float64(looks[0].rss)) / float64(many-few)
	}
	return nil
}
