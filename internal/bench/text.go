package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Line tells progress in one line.
func (p Progress) Line() string {
	var b strings.Builder
	if p.Runs > 1 {
		fmt.Fprintf(&b, "run %d of %d  ", p.Run, p.Runs)
	}
	if p.Phase != "measuring" {
		fmt.Fprintf(&b, "%s  %d of %d subscribers", p.Phase, p.Connected, p.Scenario.Subscribers)
		return b.String()
	}
	s := p.Sample
	fmt.Fprintf(&b, "%3.0f s  %s events/s  %s deliveries/s  p50 %s  p99 %s", s.Second, amount(float64(s.Published)),
		amount(float64(s.Deliveries)), milliseconds(s.Latency.P50), milliseconds(s.Latency.P99))
	if s.RSS > 0 {
		fmt.Fprintf(&b, "  server %.0f %% CPU  %s", s.CPUPercent, bytesText(float64(s.RSS)))
	}
	if p.Faults > 0 {
		fmt.Fprintf(&b, "  FAULTS %d", p.Faults)
	}
	return b.String()
}

// Print writes results for people.
func Print(w io.Writer, results []*Result) error {
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, r.Scenario.title())
		for _, row := range r.rows() {
			fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// title says what was run.
func (s Scenario) title() string {
	text := fmt.Sprintf("%d subscribers over %s", s.Subscribers, s.transport())
	if s.Idle {
		return text + ", idle"
	}
	rate := "as many events as are answered"
	if s.Rate > 0 {
		rate = fmt.Sprintf("%g events/s", s.Rate)
	}
	text += fmt.Sprintf(", %s of %d bytes", rate, s.Size)
	switch {
	case s.NDJSON:
		text += ", in NDJSON uploads"
	case s.Batch > 1:
		text += fmt.Sprintf(", %d a request", s.Batch)
	}
	for _, part := range []struct {
		n    float64
		text string
	}{
		{float64(s.Keys), "%g keys"}, {float64(s.Slow), "%g that do not read"}, {s.Churn, "%g reconnects/s"},
		{float64(s.Storm), "a storm of all, %g events behind"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf(", "+part.text, part.n)
		}
	}
	return text
}

func (s Scenario) transport() string {
	if s.Transport == "" {
		return string(SSE)
	}
	return s.Transport
}

// rows are what a result has to say: a name and its figures each. The report has the same.
func (r *Result) rows() [][2]string {
	if r.Idle != nil {
		return [][2]string{
			{"RSS per connection", bytesText(r.Idle.RSSPerConnection)},
			{"RSS", fmt.Sprintf("%s at %d, %s at %d", bytesText(float64(r.Idle.FewRSS)), r.Idle.Few, bytesText(float64(r.Idle.ManyRSS)), r.Idle.Many)},
		}
	}
	rows := [][2]string{
		{"published", fmt.Sprintf("%s events/s%s, answered in %s", amount(r.PublishedPerSecond), r.shortOf(), latencyText(r.Publish))},
	}
	if r.Scenario.Subscribers > r.Scenario.Slow {
		rows = append(rows, [][2]string{
			{"delivered", amount(r.DeliveriesPerSecond) + "/s"},
			{"publish to receipt", latencyText(r.Latency)},
			{"lost, duplicate, out of order", fmt.Sprintf("%d, %d, %d", r.Lost, r.Counts.Duplicate, r.Counts.OutOfOrder)},
			{"first byte of a subscription", latencyText(r.FirstByte)},
		}...)
	}
	rows = append(rows, [2]string{"server", r.serverText()})
	if r.Storm != nil {
		text := fmt.Sprintf("%d came back and had caught up after %.2f s", r.Storm.Subscribers, r.Storm.Seconds)
		if !r.Storm.CaughtUp {
			text = fmt.Sprintf("%d came back; after %.2f s nothing more came, and they had not caught up", r.Storm.Subscribers, r.Storm.Seconds)
		}
		rows = append(rows, [2]string{"storm", text})
		if r.Storm.Live.Count > 0 {
			rows = append(rows, [2]string{"live readers meanwhile", latencyText(r.Storm.Live)})
		}
	}
	for _, count := range []struct {
		n    int64
		name string
	}{
		{r.Counts.Stray, "of another key"}, {r.Counts.Gaps, "gaps told by the server"}, {r.Counts.Replayed, "replayed after a reconnect"},
		{r.Counts.Ended, "connections ended by the server"},
	} {
		if count.n > 0 {
			rows = append(rows, [2]string{count.name, fmt.Sprint(count.n)})
		}
	}
	if r.Unanswered > 0 {
		rows = append(rows, [2]string{"events that failed", fmt.Sprintf("%d; the first: %s", r.Unanswered, r.FirstFailure)})
	}
	return rows
}

func (r *Result) serverText() string {
	if r.Server == nil {
		return "CPU and memory are not known: name its process or its metrics"
	}
	per := fmt.Sprintf("%.2f CPU-seconds per million deliveries", r.Server.CPUSecondsPerMillion)
	if r.Scenario.Subscribers == r.Scenario.Slow {
		per = fmt.Sprintf("%.2f CPU-seconds per million events", r.Server.CPUSeconds/float64(max(r.Published, 1))*1e6)
	}
	return fmt.Sprintf("%s, %.0f %% of a core, %s RSS", per, r.Server.CPUPercent, bytesText(float64(r.Server.RSS)))
}

// shortOf says where the rate was not reached.
func (r *Result) shortOf() string {
	if r.Scenario.Rate == 0 || r.PublishedPerSecond > r.Scenario.Rate*0.97 {
		return ""
	}
	return fmt.Sprintf(" of %g asked for", r.Scenario.Rate)
}

func latencyText(l Latency) string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s", milliseconds(l.P50), milliseconds(l.P90), milliseconds(l.P99),
		milliseconds(l.P999), milliseconds(l.Max))
}

func milliseconds(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.0f µs", ms*1000)
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

func amount(n float64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%.0fM", n/1e6)
	case n >= 1_000_000:
		return fmt.Sprintf("%.2fM", n/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n >= 1000:
		return fmt.Sprintf("%.1fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

func bytesText(n float64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", n/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", n/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}
