package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/leatstream/leat/internal/bench"
)

// against says what a subject of leat is compared with.
var against = []struct {
	leat      subject
	baselines []subject
}{
	{leatSSE, []subject{write, netHTTP, netHTTPBatch}},
	{leatWebSocket, []subject{write, netHTTP, netHTTPBatch}},
	{leatGRPC, []subject{grpcGo}},
}

// fanOut compares what a delivery costs at each rate, and how much each bears.
func (b *bencher) fanOut(ctx context.Context) error {
	results := make(map[string][]*bench.Result)
	most := make(map[string]float64)
	for _, of := range []subject{leatSSE, write, leatWebSocket, netHTTP, netHTTPBatch, leatGRPC, grpcGo} {
		all, err := b.measure(ctx, of, "--subscribers", strconv.Itoa(b.subscribers), "--rate", list(b.rates))
		if err != nil {
			return err
		}
		results[of.name] = all
		if most[of.name], err = b.most(ctx, of, all); err != nil {
			return err
		}
	}
	t := &table{title: fmt.Sprintf("Server CPU per delivery, %d subscribers (µs)", b.subscribers), head: b.rateNames()}
	for _, pair := range against {
		for _, baseline := range pair.baselines {
			row := t.row(pair.leat.name + " / " + baseline.name)
			for i := range b.rates {
				row.ratio(cost(results[pair.leat.name][i]), cost(results[baseline.name][i]))
			}
		}
	}
	high, low := len(b.rates)-1, max(len(b.rates)-2, 0)
	for _, of := range []subject{leatSSE, leatWebSocket} {
		row := t.row(fmt.Sprintf("%s at %g/s / write() at %g/s", of.name, b.rates[high], b.rates[low]))
		row.skip(high)
		row.ratio(cost(results[of.name][high]), cost(results[write.name][low]))
	}
	t.print(b.out)

	t = &table{title: "Most deliveries per second borne: p99 below 100 ms, nothing lost (thousands)", head: []string{"most"}}
	for _, pair := range against {
		for _, baseline := range pair.baselines {
			t.row(pair.leat.name+" / "+baseline.name).ratio(most[pair.leat.name]/1000, most[baseline.name]/1000)
		}
	}
	t.print(b.out)
	return nil
}

func (b *bencher) rateNames() []string {
	var names []string
	for _, rate := range b.rates {
		names = append(names, fmt.Sprintf("%g events/s", rate))
	}
	return names
}

func cost(r *bench.Result) float64 { return r.Server.CPUSecondsPerMillion }

// most raises the rate until the subject does not bear it.
func (b *bencher) most(ctx context.Context, of subject, known []*bench.Result) (float64, error) {
	most := 0.0
	for _, r := range known {
		if borne(r) {
			most = max(most, r.DeliveriesPerSecond)
		}
	}
	if !borne(known[len(known)-1]) {
		return most, nil
	}
	for _, rate := range b.limits {
		all, err := b.measure(ctx, of, "--subscribers", strconv.Itoa(b.subscribers), "--rate", list([]float64{rate}))
		if err != nil {
			return 0, err
		}
		if !borne(all[0]) {
			break
		}
		most = max(most, all[0].DeliveriesPerSecond)
	}
	return most, nil
}

func borne(r *bench.Result) bool {
	return r.Lossless() && r.Latency.P99 < 100 && r.PublishedPerSecond > 0.95*r.Scenario.Rate
}

// latency compares how soon one subscriber has what is published.
func (b *bencher) latency(ctx context.Context) error {
	results := make(map[string]*bench.Result)
	for _, of := range []subject{leatSSE, netHTTP, leatWebSocket, leatGRPC, grpcGo} {
		all, err := b.measure(ctx, of, "--subscribers", "1", "--rate", "1000")
		if err != nil {
			return err
		}
		results[of.name] = all[0]
	}
	t := &table{title: "Publish to receipt, one subscriber, 1000 events/s (ms)", head: []string{"p50", "p99", "first byte, p50"}}
	for _, pair := range []struct{ leat, baseline subject }{{leatSSE, netHTTP}, {leatWebSocket, netHTTP}, {leatGRPC, grpcGo}} {
		of, to := results[pair.leat.name], results[pair.baseline.name]
		row := t.row(pair.leat.name + " / " + pair.baseline.name)
		row.ratio(of.Latency.P50, to.Latency.P50)
		row.ratio(of.Latency.P99, to.Latency.P99)
		row.ratio(of.FirstByte.P50, to.FirstByte.P50)
	}
	t.print(b.out)
	return nil
}

// ways are those in which events are published.
var ways = []struct {
	name        string
	flags       []string
	connections int // at most
}{
	{"one a request", nil, 64},
	{"100 a request", []string{"--batch", "100"}, 8},
	{"NDJSON uploads", []string{"--ndjson"}, 8},
}

// publishing compares how many events are stored.
func (b *bencher) publishing(ctx context.Context) error {
	connections := []int{8, 64}
	t := &table{title: "Events stored per second over HTTP (higher is better)", head: []string{"8 connections", "64 connections"}}
	for _, way := range ways {
		row := t.row(leatSSE.program + " / " + jetStream.name + ", " + way.name)
		for _, n := range connections {
			if n > way.connections {
				row.skip(1)
				continue
			}
			var stored []float64
			for _, of := range []subject{leatSSE, jetStream} {
				flags := append([]string{"--subscribers", "0", "--rate", "0", "--publishers", strconv.Itoa(n)}, way.flags...)
				all, err := b.measure(ctx, of, flags...)
				if err != nil {
					return err
				}
				stored = append(stored, all[0].PublishedPerSecond)
			}
			row.ratio(stored[0], stored[1])
		}
	}
	t.print(b.out)
	return nil
}

// largeEvents fill what the kernel keeps for a reader that has stopped, 2.5 MB on loopback, in the second of warm-up.
const largeEvents = "8000"

// deadReaders compares leat with itself: do readers that have stopped hold up the publisher?
func (b *bencher) deadReaders(ctx context.Context) error {
	var took []bench.Latency
	for _, dead := range []int{b.subscribers, 0} {
		n := strconv.Itoa(dead)
		all, err := b.measure(ctx, leatSSE, "--subscribers", n, "--slow", n, "--rate", "500", "--size", largeEvents)
		if err != nil {
			return err
		}
		took = append(took, all[0].Publish)
	}
	t := &table{title: fmt.Sprintf("A publish while %d readers have stopped (ms)", b.subscribers), head: []string{"p50", "p90"}}
	row := t.row("with them / without")
	row.ratio(took[0].P50, took[1].P50)
	row.ratio(took[0].P90, took[1].P90) // a p99 is of a dozen requests
	t.print(b.out)
	return nil
}

// idle compares what a connection costs that nothing is sent on.
func (b *bencher) idle(ctx context.Context) error {
	rss := make(map[string]float64)
	for _, of := range []subject{leatSSE, leatWebSocket, leatGRPC, netHTTP, grpcGo} {
		all, err := b.measure(ctx, of, "--idle", "--subscribers", strconv.Itoa(b.settings.idle))
		if err != nil {
			return err
		}
		rss[of.name] = all[0].Idle.RSSPerConnection / 1024
	}
	t := &table{title: fmt.Sprintf("Memory of an idle connection: the slope of RSS up to %d (KiB)", b.settings.idle), head: []string{"RSS"}}
	for _, pair := range []struct{ leat, baseline subject }{{leatSSE, netHTTP}, {leatWebSocket, netHTTP}, {leatGRPC, grpcGo}} {
		t.row(pair.leat.name+" / "+pair.baseline.name).ratio(rss[pair.leat.name], rss[pair.baseline.name])
	}
	t.print(b.out)
	return nil
}
