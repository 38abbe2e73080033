package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A histogram counts times from a microsecond to two minutes, to three digits.
type histogram struct{ *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, int64(2*time.Minute/time.Microsecond), 3)}
}

func (h histogram) record(d time.Duration) {
	// Beyond its ends it counts as the end.
	_ = h.RecordValue(min(max(d.Microseconds(), 1), int64(2*time.Minute/time.Microsecond)))
}

// A Latency is how long something took, in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

func (h histogram) latency() Latency {
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1000 }
	return Latency{Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
}

// A Point of a distribution: this share of all took at most so long.
type Point struct {
	Percentile   float64 `json:"percentile"`
	Milliseconds float64 `json:"milliseconds"`
}

// distribution has as many nines as there are counts for.
func (h histogram) distribution() []Point {
	var all []Point
	for beyond := 1.0; beyond*float64(h.TotalCount()) >= 1 && beyond > 1e-7; beyond /= 1.3 {
		percentile := 100 * (1 - beyond)
		all = append(all, Point{percentile, float64(h.ValueAtPercentile(percentile)) / 1000})
	}
	return all
}
