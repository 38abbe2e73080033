package bench

import (
	"cmp"
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Parse(reportPage))

// Report writes one page that needs nothing else: figures, charts of each run over time, and, of several runs, how
// cost and latency grow.
func Report(w io.Writer, results []*Result) error {
	page := struct {
		Machine string
		Began   string
		Sweep   []chart
		Runs    []reportRun
	}{Sweep: sweepCharts(results)}
	for _, r := range results {
		if page.Machine == "" {
			page.Machine, page.Began = r.Machine, r.Began.Format(time.RFC1123)
		}
		page.Runs = append(page.Runs, reportRun{Title: r.Scenario.title(), Target: r.Scenario.Target, Rows: r.rows(), Charts: runCharts(r)})
	}
	return reportTemplate.Execute(w, page)
}

type reportRun struct {
	Title, Target string
	Rows          [][2]string
	Charts        []chart
}

func seconds(v float64) string { return fmt.Sprintf("%.0f s", v) }
func plain(v float64) string   { return strconv.FormatFloat(v, 'g', 6, 64) }

// runCharts are of one run over time.
func runCharts(r *Result) []chart {
	if r.Idle != nil {
		return nil
	}
	over := func(name string, of func(Sample) float64) series {
		s := series{name: name}
		for _, sample := range r.Samples {
			s.points = append(s.points, point{sample.Second, of(sample)})
		}
		return s
	}
	distribution := series{name: "publish to receipt"}
	for _, p := range r.Distribution {
		distribution.points = append(distribution.points, point{100 / (100 - p.Percentile), p.Milliseconds})
	}
	return present([]chart{
		{Title: "Deliveries per second", xText: seconds, yText: amount,
			series: []series{over("deliveries", func(s Sample) float64 { return float64(s.Deliveries) })}},
		{Title: "Publish to receipt", xText: seconds, yText: milliseconds, series: []series{
			over("p50", func(s Sample) float64 { return s.Latency.P50 }),
			over("p90", func(s Sample) float64 { return s.Latency.P90 }),
			over("p99", func(s Sample) float64 { return s.Latency.P99 }),
		}},
		{Title: "Publish to receipt: how many had it by then", XTitle: "all but one in so many", logX: true, xText: amount,
			yText: milliseconds, series: []series{distribution}},
		{Title: "CPU of the server", xText: seconds, yText: percent,
			series: []series{over("of one core", func(s Sample) float64 { return s.CPUPercent })}},
		{Title: "Memory of the server", xText: seconds, yText: bytesText,
			series: []series{over("RSS", func(s Sample) float64 { return float64(s.RSS) })}},
	})
}

func percent(v float64) string { return fmt.Sprintf("%.0f %%", v) }

func present(all []chart) []chart { return slices.DeleteFunc(all, chart.empty) }

// An axis is what a sweep can vary.
type axis struct {
	name string
	of   func(Scenario) float64
}

var axes = []axis{
	{"events per second", func(s Scenario) float64 { return s.Rate }},
	{"subscribers", func(s Scenario) float64 { return float64(s.Subscribers) }},
	{"bytes per event", func(s Scenario) float64 { return float64(s.Size) }},
	{"keys", func(s Scenario) float64 { return float64(s.Keys) }},
}

// sweepCharts are of several runs, over what has most values; each combination of the others is a line.
func sweepCharts(results []*Result) []chart {
	x, values := -1, 1
	for i, a := range axes {
		distinct := make(map[float64]bool)
		for _, r := range results {
			distinct[a.of(r.Scenario)] = true
		}
		if len(distinct) > values {
			x, values = i, len(distinct)
		}
	}
	if x < 0 {
		return nil
	}
	lines := func(of func(*Result) float64) []series {
		var all []series
		for _, r := range results {
			name := lineName(r.Scenario, x, results)
			at := slices.IndexFunc(all, func(s series) bool { return s.name == name })
			if at < 0 {
				if len(all) == maxSeries {
					continue
				}
				all, at = append(all, series{name: name}), len(all)
			}
			all[at].points = append(all[at].points, point{axes[x].of(r.Scenario), of(r)})
		}
		for _, s := range all {
			slices.SortFunc(s.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
		}
		return all
	}
	server := func(of func(*Server) float64) func(*Result) float64 {
		return func(r *Result) float64 {
			if r.Server == nil {
				return 0
			}
			return of(r.Server)
		}
	}
	charts := []chart{
		{Title: "Server CPU per delivery, µs", yText: plain, series: lines(server(func(s *Server) float64 { return s.CPUSecondsPerMillion }))},
		{Title: "Publish to receipt, p99", yText: milliseconds, series: lines(func(r *Result) float64 { return r.Latency.P99 })},
		{Title: "Deliveries per second", yText: amount, series: lines(func(r *Result) float64 { return r.DeliveriesPerSecond })},
		{Title: "Memory of the server", yText: bytesText, series: lines(server(func(s *Server) float64 { return float64(s.RSS) }))},
	}
	for i := range charts {
		charts[i].XTitle, charts[i].xText, charts[i].logX = axes[x].name, plain, true
	}
	return present(charts)
}

// lineName says what else differs between the runs.
func lineName(s Scenario, x int, results []*Result) string {
	var parts []string
	for i, a := range axes {
		differs := slices.ContainsFunc(results, func(r *Result) bool { return a.of(r.Scenario) != a.of(s) })
		if i != x && differs {
			parts = append(parts, plain(a.of(s))+" "+a.name)
		}
	}
	if len(parts) == 0 {
		return s.transport()
	}
	return strings.Join(parts, ", ")
}
