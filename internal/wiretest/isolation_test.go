package wiretest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/wiretest"
)

// Readers that never read stand on every wire, and neither the publisher nor another reader waits for them: with what
// is published, no buffer in between has room for it.
func TestAReaderThatStopsReadingMakesNobodyWait(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders, leat.WithTail(64))
	first := ticks(t, s, "memory", 1)[0]
	for _, w := range wiretest.Wires() {
		for range 3 {
			w.OpenThrough(t, s, wiretest.Subscription{Stream: "memory"}, narrow)
			w.OpenThrough(t, s, wiretest.Subscription{Stream: "memory", After: "earliest"}, narrow)
		}
	}
	const events = 120
	var group sync.WaitGroup
	for _, w := range wiretest.Wires() {
		c := w.Open(t, s, wiretest.Subscription{Stream: "memory"})
		group.Go(func() {
			for i := range uint64(events) {
				if e := c.Take(); e.ID != at(t, first, i+2) || e.Data != large {
					t.Errorf("%s: got %s of %d bytes as number %d", w.Name, e.ID, len(e.Data), i)
					return
				}
			}
		})
	}
	before := heap()
	storeLarge(t, s, "memory", events)
	group.Wait()
	// The events are in memory, and 48 readers hold a write each.
	grown := heap() - before
	t.Logf("48 readers that have stopped hold %d MiB", grown>>20)
	if grown > 96<<20 {
		t.Errorf("48 readers that have stopped hold %d MiB", grown>>20)
	}
}

// heap is what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

func TestReadersBehindByAWholeLogHoldLittleTogether(t *testing.T) {
	s := wiretest.Start(t, wiretest.Orders, leat.WithTail(10))
	event := fmt.Sprintf(`{"type":"tock","data":{"pad":%q}}`, strings.Repeat("x", 8<<10))
	events := make([]string, 200)
	for i := range events {
		events[i] = event
	}
	var ids []string
	for range 10 {
		ids = append(ids, storeAll(t, s, "plain", events...)...)
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		before := heap()
		var clients []*wiretest.Client
		for range 50 {
			clients = append(clients, w.OpenThrough(t, s, wiretest.Subscription{Stream: "plain", After: "earliest"}, narrow))
		}
		var group sync.WaitGroup
		for i, c := range clients { // to different places, where each stops
			group.Go(func() { c.Wants(ids[:1+i]...) })
		}
		group.Wait()
		held := heap() - before
		t.Logf("50 readers hold %d MiB", held>>20)
		if held > 64<<20 {
			t.Errorf("50 readers hold %d MiB together", held>>20)
		}
		for _, c := range clients {
			c.Close()
		}
	})
}

// A thousand clients that come back after a restart, each at a place of its own within the newest thousand events,
// read the log together.
func TestAThousandClientsThatReturnReadTheLogTogether(t *testing.T) {
	const clients, mostReads = 1000, 20
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 3000)
	s.Restart(nil) // with an empty tail
	before := logReads(t, s)
	var group sync.WaitGroup
	for i := range clients {
		from := 2000 + i
		conn, lines := subscribeRaw(t, s, "/events/plain?after="+ids[from-1])
		group.Go(func() {
			defer conn.Close()
			got, err := readToLive(lines)
			want := make([]string, 0, 3001-from)
			want = append(append(want, ids[from:]...), ids[2999]) // leat.live has the newest's
			if err != nil || !equal(got, want) {
				t.Errorf("after event %d: %d blocks, %v, want %d", from, len(got), err, len(want))
			}
		})
	}
	group.Wait()
	if reads := logReads(t, s) - before; reads > mostReads {
		t.Errorf("%d clients cost %v reads of the log, want at most %d", clients, reads, mostReads)
	}
}

// readToLive gives the ids up to leat.live's.
func readToLive(lines *bufio.Reader) (ids []string, err error) {
	live := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return ids, err
		}
		live = live || bytes.Equal(line, []byte("event: leat.live\n"))
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			ids = append(ids, string(bytes.TrimSpace(id)))
			if live {
				return ids, nil
			}
		}
	}
}

func equal(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }

// logReads is how often the log was read for the stream plain.
func logReads(t *testing.T, s *wiretest.Server) float64 {
	t.Helper()
	const name, stream = "leat_log_reads_total", "plain"
	w := httptest.NewRecorder()
	s.Leat.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("# TYPE "+name+" counter")) {
		t.Fatalf("no counter %s in %s", name, text)
	}
	m := regexp.MustCompile(`(?m)^` + name + `\{[^}]*stream="` + stream + `"[^}]*\} (\S+)$`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	value, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
