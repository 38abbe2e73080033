package backend

import (
	"github.com/leatstream/leat/internal/problem"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commands  *prometheus.CounterVec
	lifecycle *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	dropped   *prometheus.CounterVec
	open      *prometheus.Desc
	backends  *Backends
}

func newMetrics(registry prometheus.Registerer, b *Backends) *metrics {
	m := &metrics{
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_commands_total",
			Help: "Commands, by what became of them: answered, refused (by the backend), invalid, failed, unreachable, late, unavailable.",
		}, []string{"stream", "outcome"}),
		lifecycle: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_lifecycle_events_total",
			Help: "Connects and disconnects that the backend was to be told of, by what became of them, as in leat_commands_total.",
		}, []string{"stream", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "leat_command_seconds",
			Help:    "From a valid command to its answer, what it publishes stored.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"stream"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leat_backend_answers_dropped_total",
			Help: "Answers of a backend over gRPC that reached nobody, because they were late or answered nothing that was asked.",
		}, []string{"stream"}),
		open: prometheus.NewDesc("leat_backend_circuit_open", "1 while the circuit to the backend is open, so that it gets no commands; else 0.",
			[]string{"stream"}, nil),
		backends: b,
	}
	registry.MustRegister(m.commands, m.lifecycle, m.seconds, m.dropped, m)
	return m
}

// Describe is a prometheus.Collector's.
func (m *metrics) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.open }

// Collect asks each circuit when the metric is read: one that has been open long enough closes only as commands come.
func (m *metrics) Collect(values chan<- prometheus.Metric) {
	for name, s := range m.backends.streams.Load().byName {
		if s.gate == nil {
			continue
		}
		open := 0.0
		if s.gate.isOpen() {
			open = 1
		}
		values <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, open, name)
	}
}

func (m *metrics) command(stream string, err error) {
	m.commands.WithLabelValues(stream, outcome(err)).Inc()
}

func outcome(err error) string {
	if err == nil {
		return "answered"
	}
	switch problem.From(err).Kind {
	case problem.Refused:
		return "refused"
	case problem.Internal, problem.BackendFailed, problem.BackendGone:
		return "failed"
	case problem.BackendUnavailable:
		return "unreachable"
	case problem.BackendLate:
		return "late"
	case problem.Unavailable, problem.Draining, problem.TooMany:
		return "unavailable"
	}
	return "invalid"
}
