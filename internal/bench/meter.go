package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// A meter reads what the server's process has used; nil where nobody said which one that is.
type meter func(ctx context.Context) (usage, error)

type usage struct {
	cpu float64 // seconds
	rss uint64
}

// leatMetric is one that every leat has: another process that listens on port 8081 is not taken for the server.
const leatMetric = "leat_connections"

// newMeter asks the operating system for a process of this machine, or the metrics page of one on another.
func newMeter(ctx context.Context, p *Plan) (meter, error) {
	if p.PID != 0 {
		server, err := process.NewProcessWithContext(ctx, int32(p.PID))
		if err != nil {
			return nil, &PlanError{fmt.Sprintf("process %d: %v", p.PID, err)}
		}
		return processMeter(server), nil
	}
	if p.Metrics != "" {
		m := metricsMeter(p.Metrics, "")
		if _, err := m(ctx); err != nil {
			return nil, &PlanError{fmt.Sprintf("metrics of the server: %v", err)}
		}
		return m, nil
	}
	// Only where both are at their default ports: on another one, port 8081 may well be that of another leat.
	if server, err := url.Parse(p.Server); err == nil && p.Target == "" && server.Port() == "8080" {
		m := metricsMeter("http://"+server.Hostname()+":8081/metrics", leatMetric)
		if _, err := m(ctx); err == nil {
			return m, nil
		}
	}
	return nil, nil
}

func processMeter(server *process.Process) meter {
	return func(ctx context.Context) (usage, error) {
		times, err := server.TimesWithContext(ctx)
		if err != nil {
			return usage{}, fmt.Errorf("the server's process %d: %w", server.Pid, err)
		}
		memory, err := server.MemoryInfoWithContext(ctx)
		if err != nil {
			return usage{}, fmt.Errorf("the server's process %d: %w", server.Pid, err)
		}
		return usage{cpu: times.User + times.System, rss: memory.RSS}, nil
	}
}

// metricsMeter reads the process's own metrics; a page that lacks the metric called proof is not the server's.
func metricsMeter(address, proof string) meter {
	client := &http.Client{Timeout: 2 * time.Second}
	return func(ctx context.Context) (usage, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return usage{}, err
		}
		answer, err := client.Do(request)
		if err != nil {
			return usage{}, err
		}
		defer answer.Body.Close()
		var u usage
		proven := false
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), " ")
			number, _ := strconv.ParseFloat(value, 64)
			switch {
			case name == "process_cpu_seconds_total":
				u.cpu = number
			case name == "process_resident_memory_bytes":
				u.rss = uint64(number)
			case strings.HasPrefix(lines.Text(), "# HELP "+proof):
				proven = true
			}
		}
		if u.rss == 0 || !proven {
			return usage{}, fmt.Errorf("%s answers %s, and has no process_resident_memory_bytes of a leat", address, answer.Status)
		}
		return u, nil
	}
}
