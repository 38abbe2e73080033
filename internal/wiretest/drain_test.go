package wiretest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/wiretest"
	"google.golang.org/grpc/codes"
)

// wantEnd takes the leat.end of a drain, and gives how long to wait before coming back.
func wantEnd(t *testing.T, c *wiretest.Client, position string) time.Duration {
	t.Helper()
	var end struct {
		Reason, Position string
		ReconnectAfterMs int64
	}
	e := c.Take()
	if err := json.Unmarshal([]byte(e.Data), &end); err != nil || e.Type != "leat.end" {
		t.Fatalf("got %v, want leat.end", e)
	}
	if end.Reason != "drain" || end.Position != position || e.ID != position || end.ReconnectAfterMs <= 0 {
		t.Errorf("got %v, want leat.end for drain at %s", e, position)
	}
	return time.Duration(end.ReconnectAfterMs) * time.Millisecond
}

// wantClosed reads what comes behind leat.end: the wire's own goodbye.
func wantClosed(t *testing.T, w wiretest.Wire, c *wiretest.Client, wait time.Duration) {
	t.Helper()
	e, err := c.Next(wiretest.Context(t))
	if err == nil {
		t.Fatalf("%v came behind leat.end", e)
	}
	switch {
	case w.WebSocket():
		if code := websocket.CloseStatus(err); code != websocket.StatusServiceRestart {
			t.Errorf("closed with %d (%v), want 1012", code, err)
		}
	case w.HTTP():
		if !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v", err)
		}
	default:
		p := wiretest.AsProblem(t, err)
		if p.Code != codes.Unavailable || p.Status != 503 || p.RetryAfter != wait {
			t.Errorf("ended with %v, %s, wait %s; want UNAVAILABLE, wait %s", p, p.Code, p.RetryAfter, wait)
		}
	}
}

func TestDrainSaysGoodbyeOnEveryWire(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		ids := ticks(t, s, "plain", 3)
		fresh := w.Open(t, s, wiretest.Subscription{Stream: "plain"})
		seen := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: ids[0]})
		seen.Wants(ids[1:]...)
		seen.WantsLive(ids[2])
		filtered := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: ids[0], EventTypes: []string{"tock"}})
		filtered.WantsLive(ids[2])
		if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*wiretest.Client{fresh, seen, filtered} {
			wantClosed(t, w, c, wantEnd(t, c, ids[2]))
		}
	})
}

func TestWhoeverComesDuringADrainIsSentElsewhere(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 3)
	id, newest := ids[0], ids[2]
	if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
		t.Fatal(err)
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		if w.SSE() { // an EventSource never comes back from anything but 200
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: id, Resume: true})
			c.WantsStart(id)
			wantEnd(t, c, id)
			if _, err := c.Next(wiretest.Context(t)); !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
			return
		}
		if w.GRPC() { // one that asks for the newest would skip what comes meanwhile
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain"})
			wantClosed(t, w, c, wantEnd(t, c, newest))
			return
		}
		p := w.Refused(t, s, wiretest.Subscription{Stream: "plain", After: id})
		if p.Status != 503 || !p.Retryable || p.RetryAfter <= 0 || p.Code != codes.OK && p.Code != codes.Unavailable {
			t.Errorf("refused with %v, code %s, wait %s", p, p.Code, p.RetryAfter)
		}
	})
	for _, p := range wiretest.Publishers() {
		_, err := p.Publish(wiretest.Context(t), s, wiretest.Event{Stream: "rooms", Key: "k", Type: "said", Data: `{"text":""}`})
		if p := wiretest.AsProblem(t, err); p.Status != 503 || p.RetryAfter <= 0 {
			t.Errorf("publishing is refused with %v, wait %s", p, p.RetryAfter)
		}
	}
	response, err := http.Get(s.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %s", response.Status)
	}
}

func TestTheEndOfAnSSEStreamTellsBrowsersWhenToComeBack(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	id := ticks(t, s, "plain", 3)[2]
	response, err := http.Get(s.URL + "/events/plain")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := s.Leat.Drain(wiretest.Context(t), 0); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	end := regexp.MustCompile(`\n\nevent: leat.end\ndata: \{"reason":"drain","position":"` + id + `","reconnectAfterMs":(\d+)\}\nretry: (\d+)\nid: ` + id + `\n\n$`)
	if m := end.FindSubmatch(text); m == nil || string(m[1]) != string(m[2]) {
		t.Errorf("the stream is %q, want %s at its end", text, end)
	}
}

func TestDrainReturnsWhenTheLastClientHasGone(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		clients := make(chan *wiretest.Client, 3)
		for range cap(clients) {
			clients <- w.Open(t, s, wiretest.Subscription{Stream: "plain"})
		}
		drained := make(chan error)
		go func() { drained <- s.Leat.Drain(wiretest.Context(t), 24*time.Hour) }()
		for range cap(clients) { // the first is told to go at once, and the others go by themselves
			c := <-clients
			c.Close()
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// A thousand clients that lost their server at one moment would find the next one at one moment.
func TestADrainIsSpreadEvenly(t *testing.T) {
	const clients, over, tries = 1000, 3 * time.Second, 3
	for try := 1; ; try++ {
		tenths := drainTenths(t, clients, over)
		worst := 0
		for _, n := range tenths {
			worst = max(worst, n)
		}
		t.Logf("ends in each tenth: %v", tenths)
		if worst <= clients*15/100 {
			return
		}
		if try == tries { // a machine that is busy stands still now and then
			t.Fatalf("a tenth of the drain's time had %d of %d ends, %d times over", worst, clients, tries)
		}
	}
}

// drainTenths gives how many of so many SSE subscribers were told to go in each tenth of the drain's time.
func drainTenths(t *testing.T, clients int, over time.Duration) (tenths [10]int) {
	s := wiretest.Start(t, wiretest.Orders)
	defer s.Stop()
	ends := make(chan time.Time, clients)
	var group sync.WaitGroup
	defer group.Wait()
	for range clients {
		conn, lines := subscribeRaw(t, s, "/events/plain")
		group.Go(func() {
			defer conn.Close()
			var ended time.Time
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					ends <- ended
					return
				}
				if line == "event: leat.end\n" {
					ended = time.Now()
				}
			}
		})
	}
	started := time.Now()
	if err := s.Leat.Drain(wiretest.Context(t), over); err != nil {
		t.Fatal(err)
	}
	for range clients {
		ended := <-ends
		if ended.Before(started) {
			t.Fatal("a stream ended with no leat.end")
		}
		tenths[min(int(ended.Sub(started)*10/over), 9)]++
	}
	return tenths
}

// subscribeRaw opens an SSE stream over a bare socket, and reads up to its first block.
func subscribeRaw(t *testing.T, s *wiretest.Server, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: leat\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReaderSize(conn, 1<<10)
	for _, end := range []string{"\r\n", "\n"} { // of the header, and of the first block
		for {
			line, err := lines.ReadString('\n')
			if err != nil || strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200 ") {
				t.Fatalf("GET %s: %q, %v", path, line, err)
			}
			if line == end {
				break
			}
		}
	}
	return conn, lines
}
