// Package bench is leat's load generator: it publishes marked events, receives them over thousands of subscriptions,
// and says what arrived, how soon, and what that cost the server.
package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Plan is what to do to which server. Where it names several numbers of subscribers, rates, sizes or numbers of
// keys, each combination is a run of its own.
type Plan struct {
	Server    string // leat's public listener
	Stream    string
	Transport string // or a mix, as in sse=50,websocket=50; empty: SSE, or what Target says
	Type      string // of the events
	Data      string // a template of an event's data; empty: one for the streams of Contract

	Target     string   // subscribe here instead: http, ws or grpc, with a place for {key}
	PublishURL string   // publish here instead: each event is a POST of its data, as it is
	Headers    []string // "Name: value", of every request

	Subscribers []int
	Rates       []float64 // events per second; 0: as fast as they are answered
	Sizes       []int     // bytes of an event's data
	Keys        []int     // each subscriber follows one of so many; 0: the whole stream
	Duration    time.Duration
	Publishers  int  // connections that publish
	Batch       int  // events per request
	NDJSON      bool // publish in uploads of an event a line

	Slow  int     // so many of the subscribers never read
	Churn float64 // subscribers that reconnect, per second
	Storm int     // all are cut off at once, and come back so many events later; 0: no
	Idle  bool    // nothing is published: what do connections cost?

	PID     int    // of the server; 0: ask Metrics
	Metrics string // a URL of Prometheus metrics; empty: port 8081, where Server is on 8080
}

// A Scenario is one run of a plan.
type Scenario struct {
	Target      string  `json:"target"`
	Transport   string  `json:"transport"`
	Subscribers int     `json:"subscribers"`
	Rate        float64 `json:"rate"`
	Size        int     `json:"size"`
	Keys        int     `json:"keys"`
	Publishers  int     `json:"publishers"`
	Batch       int     `json:"batch"`
	NDJSON      bool    `json:"ndjson,omitempty"`
	Slow        int     `json:"slow,omitempty"`
	Churn       float64 `json:"churn,omitempty"`
	Storm       int     `json:"storm,omitempty"`
	Idle        bool    `json:"idle,omitempty"`
}

// A PlanError says what is wrong with a plan.
type PlanError struct{ text string }

func (e *PlanError) Error() string { return e.text }

// defaultData fits the streams of Contract.
const defaultData = `{"key":"{{key}}","mark":"{{mark}}","pad":"{{pad}}"}`

// scenarios gives every combination, or says what is wrong.
func (p *Plan) scenarios() ([]Scenario, *target, error) {
	t, err := newTarget(p)
	if err != nil {
		return nil, nil, &PlanError{err.Error()}
	}
	if err := p.check(); err != nil {
		return nil, nil, &PlanError{err.Error()}
	}
	base := Scenario{
		Target: p.Server, Transport: p.Transport, Publishers: p.Publishers, Batch: p.Batch, NDJSON: p.NDJSON,
		Slow: p.Slow, Churn: p.Churn, Storm: p.Storm, Idle: p.Idle,
	}
	if p.Target != "" {
		base.Target, base.Transport = p.Target, string(t.transports[0])
	}
	var all []Scenario
	for _, base.Subscribers = range p.Subscribers {
		for _, base.Keys = range p.Keys {
			for _, base.Size = range p.Sizes {
				for _, base.Rate = range p.Rates {
					all = append(all, base)
				}
			}
		}
	}
	return all, t, nil
}

func (p *Plan) check() error {
	limit := fileLimit()
	for _, n := range p.Subscribers {
		switch {
		case n < 0:
			return fmt.Errorf("%d subscribers: give 0 or more", n)
		case n+spareFiles > limit:
			return fmt.Errorf("%d subscribers: this process may have %d files open at once, and the server no more than its own limit: raise it (ulimit -n), or take fewer", n, limit)
		case p.Slow > n:
			return fmt.Errorf("%d slow readers: there are %d subscribers", p.Slow, n)
		}
	}
	for _, size := range p.Sizes {
		if _, err := newBody(p.data(), "k0", size); err != nil {
			return err
		}
	}
	keyed := p.Keys[0] > 0
	for _, keys := range p.Keys {
		if keys < 0 || keys >= maxLanes || keyed != (keys > 0) {
			return fmt.Errorf("keys %d: give 0 for the whole stream, or numbers of keys up to %d", keys, maxLanes-1)
		}
	}
	for _, rate := range p.Rates {
		if rate < 0 {
			return fmt.Errorf("a rate of %g: give events per second, or 0 for as many as are answered", rate)
		}
	}
	switch {
	case p.Publishers < 1 || p.Publishers >= maxLanes:
		return fmt.Errorf("%d publishers: give 1 or more", p.Publishers)
	case p.Batch < 1 || p.Batch > 1000:
		return fmt.Errorf("a batch of %d: give 1 to 1000 events", p.Batch)
	case p.Batch > 1 && p.PublishURL != "":
		return errors.New("batches are arrays as leat takes them: another server gets one event per request")
	case p.Batch > 1 && keyed:
		return errors.New("batches are of one connection, not of one key: leave keys out")
	case p.NDJSON && p.Batch > 1:
		return errors.New("an upload takes one event a line, and has no batches: leave the batch or NDJSON out")
	case p.NDJSON && p.PublishURL != "":
		return errors.New("NDJSON uploads are as leat takes them: another server gets one event per request")
	case p.NDJSON && keyed:
		return errors.New("NDJSON uploads are of one connection, not of one key: leave keys out")
	case p.NDJSON && p.Idle:
		return errors.New("an idle run publishes nothing: leave NDJSON out")
	case p.Duration < shortest:
		return fmt.Errorf("a duration of %s: give %s or more", p.Duration, shortest)
	case p.Churn < 0 || p.Storm < 0 || p.Slow < 0:
		return errors.New("slow, churn and storm cannot be below 0")
	}
	return nil
}

const (
	spareFiles = 200 // for publishing, probes, and those that are about to be closed
	maxLanes   = 100_000
	shortest   = 100 * time.Millisecond
)

func (p *Plan) keyed() bool { return len(p.Keys) > 0 && p.Keys[0] > 0 }

func (p *Plan) data() string {
	if p.Data != "" {
		return p.Data
	}
	return defaultData
}

// Run does each run of the plan, one after the other; progress is told what happens every second.
func Run(ctx context.Context, p Plan, progress func(Progress)) ([]*Result, error) {
	scenarios, t, err := p.scenarios()
	if err != nil {
		return nil, err
	}
	m, err := newMeter(ctx, &p)
	if err != nil {
		return nil, err
	}
	if p.Idle && m == nil {
		return nil, &PlanError{"an idle run measures the server's memory: name its process or its metrics"}
	}
	var results []*Result
	for i, scenario := range scenarios {
		r, err := newRun(&p, scenario, t, m, func(now Progress) {
			now.Run, now.Runs = i+1, len(scenarios)
			progress(now)
		})
		if err != nil {
			return results, err
		}
		result, err := r.do(ctx)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}
