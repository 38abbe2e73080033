package bench_test

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/bench"
)

func sweep() []*bench.Result {
	var all []*bench.Result
	for _, subscribers := range []int{10, 100} {
		for i, rate := range []float64{20, 50, 100} {
			r := &bench.Result{
				Scenario:     bench.Scenario{Target: "http://<server>", Transport: "sse", Subscribers: subscribers, Rate: rate, Size: 200},
				Latency:      bench.Latency{P50: 1, P99: float64(i + 1)},
				Distribution: []bench.Point{{Percentile: 0, Milliseconds: 1}, {Percentile: 99, Milliseconds: 3}},
				Server:       &bench.Server{CPUSecondsPerMillion: 12, RSS: 50 << 20},
			}
			for second := range 3 {
				r.Samples = append(r.Samples, bench.Sample{Second: float64(second + 1), Deliveries: 1000, Latency: r.Latency, RSS: 50 << 20})
			}
			all = append(all, r)
		}
	}
	return all
}

func TestAReportIsOnePageThatNeedsNothingElse(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := bench.Report(&page, sweep()); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if found := regexp.MustCompile(`(?i)<script|<link|<img|@import|url\(|src=|href=`).FindString(text); found != "" {
		t.Errorf("the page has %q: it may load nothing", found)
	}
	for _, want := range []string{"How it grows", "10 subscribers</span>", "100 subscribers</span>", "http://&lt;server&gt;", "Server CPU per delivery"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, "CPU of the server") {
		t.Error("the page draws what is not known")
	}
	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1)
	if len(drawings) != 3+6*4 {
		t.Errorf("%d charts, want 3 of the sweep and 4 of each run", len(drawings))
	}
	for _, drawing := range drawings {
		if err := xml.Unmarshal([]byte(drawing), new(struct{})); err != nil {
			t.Errorf("%v in %s", err, drawing)
		}
	}
}

func TestResultsArePrintedForPeople(t *testing.T) {
	t.Parallel()
	r := sweep()[0]
	r.Lost, r.Counts.Gaps = 7, 1
	r.Storm = &bench.Storm{Subscribers: 9, Seconds: 1.5}
	var text bytes.Buffer
	if err := bench.Print(&text, []*bench.Result{r}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"10 subscribers over sse, 20 events/s of 200 bytes", "7, 0, 0", "12.00 CPU-seconds per million deliveries",
		"9 came back; after 1.50 s nothing more came", "gaps told by the server",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
}
