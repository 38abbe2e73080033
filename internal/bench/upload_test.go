package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/leatstream/leat/internal/bench"
)

// taking is a plan of uploads alone, to a server that answers each with what answer says.
func taking(t *testing.T, answer func(upload, lines int) (status int, body string)) bench.Plan {
	var uploads atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := 0
		for scanner := bufio.NewScanner(r.Body); scanner.Scan(); lines++ {
			if want := `{"type":"bench.event","data":{"key":"k0","mark":"leatbench.`; !strings.HasPrefix(scanner.Text(), want) {
				t.Errorf("got the line %q, want one that begins with %q", scanner.Text(), want)
			}
		}
		status, body := answer(int(uploads.Add(1))-1, lines)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	plan := quick(server.URL)
	plan.NDJSON, plan.Subscribers, plan.Publishers, plan.Rates = true, []int{0}, 1, []float64{0}
	return plan
}

func stored(n int) string { return fmt.Sprintf(`{"stored":%d,"refused":0,"errors":[]}`, n) }

func TestLinesCountAsPublishedWhenTheirUploadIsAnswered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(upload, lines int) (int, string)
		want   []string // in the error
		failed func(all, unanswered int) bool
	}{
		"each is stored": {
			func(_, lines int) (int, string) { return http.StatusOK, stored(lines) },
			nil, func(_, unanswered int) bool { return unanswered == 0 },
		},
		"the server cannot now": {
			func(int, int) (int, string) { return http.StatusServiceUnavailable, "later" },
			nil, func(all, unanswered int) bool { return unanswered == all },
		},
		"a line is refused": {
			func(_, lines int) (int, string) {
				return http.StatusOK, fmt.Sprintf(`{"stored":%d,"refused":1,"errors":[{"line":3,"detail":"no such mark"}]}`, lines-1)
			},
			[]string{"the server refused a line", "no such mark"}, nil,
		},
		"a line is neither stored nor refused": {
			func(_, lines int) (int, string) { return http.StatusOK, stored(lines - 1) },
			[]string{"are stored, and it does not say why"}, nil,
		},
		"it is no upload's answer": {
			func(int, int) (int, string) { return http.StatusOK, "hello" }, []string{"the answer to an upload"}, nil,
		},
		"it takes no uploads": {
			func(int, int) (int, string) { return http.StatusUnsupportedMediaType, "what is that?" },
			[]string{"the server refused an upload: 415", "what is that"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all atomic.Int64
			plan := taking(t, func(upload, lines int) (int, string) {
				all.Add(int64(lines))
				return test.answer(upload, lines)
			})
			results, err := bench.Run(t.Context(), plan, func(bench.Progress) {})
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want an error that says %q", err, want)
				}
			}
			if test.want != nil {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			if !test.failed(int(all.Load()), r.Unanswered) || !r.Lossless() {
				t.Errorf("%d of %d lines are unanswered (%s), %d lost", r.Unanswered, all.Load(), r.FirstFailure, r.Lost)
			}
			if answered := int(all.Load()) - r.Unanswered; (r.Published > 0) != (answered > 0) || int(r.Published) > answered {
				t.Errorf("published %d, and %d lines were answered", r.Published, answered)
			}
		})
	}
}
