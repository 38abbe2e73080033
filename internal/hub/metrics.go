package hub

import (
	"encoding/json"
	"sync"

	"github.com/leatstream/leat/event"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the hub's own.
type metrics struct {
	delivered   *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	connections *prometheus.GaugeVec
	subscribers *prometheus.GaugeVec
	lag         *prometheus.HistogramVec
	seconds     *prometheus.HistogramVec
	gaps        *prometheus.CounterVec
	ended       *prometheus.CounterVec

	mu     sync.Mutex // guards the field below
	byWire map[[2]string]*counters
}

func newMetrics(registry prometheus.Registerer) *metrics {
	by := []string{"stream", "transport"}
	m := &metrics{
		byWire: map[[2]string]*counters{},
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_events_delivered_total", Help: "Events written to subscribers."}, by),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_bytes_delivered_total", Help: "Bytes of events written to subscribers, framing included."}, by),
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "leat_connections", Help: "Open connections: SSE responses, WebSockets, gRPC streams."}, []string{"transport"}),
		subscribers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "leat_subscribers", Help: "Subscribers now."}, by),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "leat_subscriber_lag_events", Help: "How many events a subscriber was behind the tail after a write.",
			Buckets: []float64{0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000}}, by),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "leat_delivery_seconds", Help: "From the event log to the socket, of the newest event in each write to a subscriber that had caught up.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, by),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_gaps_total", Help: "leat.gap events told, by reason."}, []string{"stream", "reason"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_connections_ended_total", Help: "Connections that are gone, by how they ended."}, []string{"transport", "reason"}),
	}
	if registry != nil {
		registry.MustRegister(m.delivered, m.bytes, m.connections, m.subscribers, m.lag, m.seconds, m.gaps, m.ended)
	}
	return m
}

// counters are the metrics of one stream on one transport, looked up once.
type counters struct {
	delivered, bytes prometheus.Counter
	subscribers      prometheus.Gauge
	lag, seconds     prometheus.Observer
	gaps             func(*event.Event)
}

func (m *metrics) of(stream, transport string) *counters {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := [2]string{stream, transport}
	if c := m.byWire[name]; c != nil {
		return c
	}
	c := &counters{
		delivered:   m.delivered.WithLabelValues(stream, transport),
		bytes:       m.bytes.WithLabelValues(stream, transport),
		subscribers: m.subscribers.WithLabelValues(stream, transport),
		lag:         m.lag.WithLabelValues(stream, transport),
		seconds:     m.seconds.WithLabelValues(stream, transport),
		gaps: func(e *event.Event) {
			var gap event.Gap
			if json.Unmarshal(e.Data, &gap) == nil {
				m.gaps.WithLabelValues(stream, string(gap.Reason)).Inc()
			}
		},
	}
	m.byWire[name] = c
	return c
}
