package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// publishing sends events over a few connections, each of which waits for an answer before it sends more: so the
// server has the sequences of a lane in order. A lane belongs to one connection; with keys, each key is a lane.
type publishing struct {
	run    *run
	sent   []atomic.Int64 // sequences that are answered, or whose request failed, per lane
	events atomic.Int64   // that were stored

	mu           sync.Mutex // guards the fields below
	took         histogram
	unanswered   [][]int
	failures     int
	firstFailure string
}

func newPublishing(r *run, lanes int) *publishing {
	return &publishing{run: r, sent: make([]atomic.Int64, lanes), unanswered: make([][]int, lanes), took: newHistogram()}
}

// sentNow is how far each lane is.
func (p *publishing) sentNow() []int {
	all := make([]int, len(p.sent))
	for lane := range p.sent {
		all[lane] = int(p.sent[lane].Load())
	}
	return all
}

// A request is one prepared POST: only marks, time and nothing of its length change.
type request struct {
	content
	lane int
	next int // sequence
}

// A content is the text of one or more events, ready to be sent again and again.
type content struct {
	text   []byte
	bodies []body // of data
	at     []int  // where each body begins in text
}

// content gives n events as the server takes them, with what is to stand around them.
func (r *run) content(key string, n int, before, between, after string) (content, error) {
	var c content
	text := bytes.NewBufferString(before)
	for i := range n {
		b, err := newBody(r.plan.data(), key, r.scenario.Size)
		if err != nil {
			return c, err
		}
		if i > 0 {
			text.WriteString(between)
		}
		if !r.target.foreign {
			fmt.Fprintf(text, `{"type":%s,"data":`, strconv.Quote(r.plan.Type))
		}
		c.bodies, c.at = append(c.bodies, b), append(c.at, text.Len())
		text.Write(b.text)
		if !r.target.foreign {
			text.WriteByte('}')
		}
	}
	text.WriteString(after)
	c.text = text.Bytes()
	return c, nil
}

// mark gives the first n events the next sequences.
func (q *request) mark(n int, m *marker, sent time.Duration) {
	for i := range n {
		q.bodies[i].write(q.text[q.at[i]:], m, mark{lane: q.lane, sequence: q.next, sent: sent})
		q.next++
	}
}

func (p *publishing) request(lane int) (*request, error) {
	r := p.run
	key, inURL := "k0", ""
	if r.scenario.Keys > 0 {
		key = keyOf(lane)
		inURL = key
	}
	before, after := "", ""
	if r.scenario.Batch > 1 {
		before, after = "[", "]"
	}
	q := &request{lane: lane}
	var err error
	if q.content, err = r.content(key, r.scenario.Batch, before, ",", after); err != nil {
		return nil, err
	}
	head, err := r.target.head(inURL, "application/json", "Content-Length", strconv.Itoa(len(q.text)))
	if err != nil {
		return nil, err
	}
	for i := range q.at {
		q.at[i] += len(head)
	}
	q.text = append(head, q.text...)
	return q, nil
}

// head is that of a POST; framing says where its body ends.
func (t *target) head(key, contentType, framing, value string) ([]byte, error) {
	header := http.Header{"Content-Type": {contentType}}
	maps.Copy(header, t.headers)
	header.Set(framing, value)
	var text bytes.Buffer
	fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: %s\r\n", withKey(t.publish, key), t.publish.Host)
	if err := header.Write(&text); err != nil {
		return nil, err
	}
	text.WriteString("\r\n")
	return text.Bytes(), nil
}

func keyOf(lane int) string { return "k" + strconv.Itoa(lane) }

// publish is one connection: it sends at its share of the rate until ctx ends. One that is late sends at once, so
// that the rate holds over time.
func (p *publishing) publish(ctx context.Context, number int) error {
	r := p.run
	var requests []*request
	for lane := number; lane < len(p.sent); lane += r.scenario.Publishers {
		q, err := p.request(lane)
		if err != nil {
			return err
		}
		requests = append(requests, q)
	}
	if len(requests) == 0 {
		return nil // fewer keys than connections
	}
	connection := &publishConnection{publishing: p}
	defer connection.close()
	pace := p.pace(number, r.scenario.Batch)
	for i := 0; pace.wait(ctx, 1) > 0; i++ {
		if err := p.send(ctx, connection, requests[i%len(requests)]); err != nil {
			return err
		}
	}
	return nil
}

// A pace says when a connection is to send the next; one that is late sends at once, so that the rate holds over time.
type pace struct {
	pause time.Duration // 0: none
	due   time.Time
	timer *time.Timer
}

// pace is that of one connection, of so many events at once.
func (p *publishing) pace(number, events int) *pace {
	all := pace{timer: time.NewTimer(0)}
	if rate := p.run.scenario.Rate; rate > 0 {
		all.pause = time.Duration(float64(time.Second) * float64(events*p.busy()) / rate)
	}
	all.due = time.Now().Add(all.pause * time.Duration(number) / time.Duration(p.busy()))
	return &all
}

// wait waits until one is due, and gives how many are, most at most; 0 means that ctx has ended.
func (p *pace) wait(ctx context.Context, most int) int {
	if p.pause == 0 {
		if ctx.Err() != nil {
			return 0
		}
		return most
	}
	p.timer.Reset(time.Until(p.due))
	select {
	case <-ctx.Done():
		p.timer.Stop()
		return 0
	case <-p.timer.C:
	}
	if ctx.Err() != nil {
		return 0
	}
	n := min(1+int(time.Since(p.due)/p.pause), most)
	p.due = p.due.Add(p.pause * time.Duration(n))
	return n
}

// busy is how many connections have a lane.
func (p *publishing) busy() int { return min(p.run.scenario.Publishers, len(p.sent)) }

// send sends a request and counts what came of it; the error is for what no further request would do better.
func (p *publishing) send(ctx context.Context, c *publishConnection, q *request) error {
	began := p.run.marker.now()
	first := q.next
	q.mark(len(q.bodies), p.run.marker, began)
	answer, err := c.exchange(ctx, q.text) //nolint:bodyclose // exchange has read it
	took := p.run.marker.now() - began
	if err == nil && answer.StatusCode/100 != 2 {
		err = &RefusedError{"an event", refusal(answer)}
	}
	return p.count(q, first, took, answer, err)
}

// count counts the events of a request from the first sequence on, which are stored where err is nil; the error is
// send's.
func (p *publishing) count(q *request, first int, took time.Duration, answer *http.Response, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[q.lane].Store(int64(q.next))
	if err == nil {
		p.events.Add(int64(q.next - first))
		p.took.record(took)
		return nil
	}
	for sequence := first; sequence < q.next; sequence++ {
		p.unanswered[q.lane] = append(p.unanswered[q.lane], sequence)
	}
	p.failures += q.next - first
	if p.firstFailure == "" {
		p.firstFailure = err.Error()
	}
	if answer != nil && answer.StatusCode/100 != 5 && answer.StatusCode != http.StatusTooManyRequests {
		return err
	}
	if p.events.Load() == 0 && errors.As(err, new(*UnreachableError)) {
		return err
	}
	return nil
}

// A publishConnection is an HTTP/1.1 connection that is made again when it breaks. net/http's client takes two
// goroutines and twice the time for each request.
type publishConnection struct {
	publishing *publishing
	conn       net.Conn
	reader     *bufio.Reader
	closing    func() bool
}

func (c *publishConnection) exchange(ctx context.Context, request []byte) (*http.Response, error) {
	if err := c.write(ctx, request); err != nil {
		c.close()
		return nil, err
	}
	return c.answer()
}

// write connects first where there is no connection.
func (c *publishConnection) write(ctx context.Context, parts ...[]byte) error {
	if c.conn == nil {
		conn, err := dial(ctx, c.publishing.run.target.publish)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
		c.closing = context.AfterFunc(ctx, func() { // what is under way then has a moment to be answered
			_ = conn.SetDeadline(time.Now().Add(lastAnswer))
		})
	}
	if ctx.Err() == nil {
		if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
			return err
		}
	}
	if _, err := (*net.Buffers)(&parts).WriteTo(c.conn); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// answer reads the answer to what was written.
func (c *publishConnection) answer() (*http.Response, error) {
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("publish: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil || answer.Close {
		c.close()
	}
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

// maxAnswer is more than the answer to 1,000 events, or the problems of 100 lines.
const maxAnswer = 1 << 20

// lastAnswer is how long a request under way may take when the run ends: an upload has thousands of lines to store.
const lastAnswer = 10 * time.Second

func (c *publishConnection) close() {
	if c.conn != nil {
		c.closing()
		_ = c.conn.Close() // nothing is under way
		c.conn = nil
	}
}

// warm forgets how long requests took so far.
func (p *publishing) warm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took.Reset()
}
