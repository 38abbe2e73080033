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
	text   []byte
	bodies []body // one, or as many as the batch has
	at     []int  // where each body begins in text
	lane   int
	next   int // sequence
}

func (p *publishing) request(lane int) (*request, error) {
	r := p.run
	key, inURL := "k0", ""
	if r.scenario.Keys > 0 {
		key = keyOf(lane)
		inURL = key
	}
	q := &request{lane: lane}
	var content bytes.Buffer
	if r.scenario.Batch > 1 {
		content.WriteByte('[')
	}
	for i := range r.scenario.Batch {
		b, err := newBody(r.plan.data(), key, r.scenario.Size)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			content.WriteByte(',')
		}
		if !r.target.foreign {
			fmt.Fprintf(&content, `{"type":%s,"data":`, strconv.Quote(r.plan.Type))
		}
		q.bodies, q.at = append(q.bodies, b), append(q.at, content.Len())
		content.Write(b.text)
		if !r.target.foreign {
			content.WriteByte('}')
		}
	}
	if r.scenario.Batch > 1 {
		content.WriteByte(']')
	}
	header := http.Header{"Content-Type": {"application/json"}}
	maps.Copy(header, r.target.headers)
	header.Set("Content-Length", strconv.Itoa(content.Len()))
	var text bytes.Buffer
	fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: %s\r\n", withKey(r.target.publish, inURL), r.target.publish.Host)
	if err := header.Write(&text); err != nil {
		return nil, err
	}
	text.WriteString("\r\n")
	for i := range q.at {
		q.at[i] += text.Len()
	}
	text.Write(content.Bytes())
	q.text = text.Bytes()
	return q, nil
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
	var pause time.Duration
	if r.scenario.Rate > 0 {
		pause = time.Duration(float64(time.Second) * float64(r.scenario.Batch*p.busy()) / r.scenario.Rate)
	}
	due := time.Now().Add(pause * time.Duration(number) / time.Duration(p.busy()))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		if pause > 0 {
			timer.Reset(time.Until(due))
			due = due.Add(pause)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := p.send(ctx, connection, requests[i%len(requests)]); err != nil {
			return err
		}
	}
}

// busy is how many connections have a lane.
func (p *publishing) busy() int { return min(p.run.scenario.Publishers, len(p.sent)) }

// send sends a request and counts what came of it; the error is for what no further request would do better.
func (p *publishing) send(ctx context.Context, c *publishConnection, q *request) error {
	m := p.run.marker
	began := m.now()
	first := q.next
	for i := range q.bodies {
		q.bodies[i].write(q.text[q.at[i]:], m, mark{lane: q.lane, sequence: q.next, sent: began})
		q.next++
	}
	answer, err := c.exchange(ctx, q.text) //nolint:bodyclose // exchange has read it
	took := m.now() - began
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[q.lane].Store(int64(q.next))
	if err == nil && answer.StatusCode/100 == 2 {
		p.events.Add(int64(len(q.bodies)))
		p.took.record(took)
		return nil
	}
	for sequence := first; sequence < q.next; sequence++ {
		p.unanswered[q.lane] = append(p.unanswered[q.lane], sequence)
	}
	p.failures += len(q.bodies)
	if err == nil {
		err = &RefusedError{"an event", refusal(answer)}
	}
	if p.firstFailure == "" {
		p.firstFailure = err.Error()
	}
	if answer != nil && answer.StatusCode/100 == 4 && answer.StatusCode != http.StatusTooManyRequests {
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
	if c.conn == nil {
		conn, err := dial(ctx, c.publishing.run.target.publish)
		if err != nil {
			return nil, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
		c.closing = context.AfterFunc(ctx, func() { // what is under way then has a moment to be answered
			_ = conn.SetDeadline(time.Now().Add(lastAnswer))
		})
	}
	if ctx.Err() == nil {
		if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
			return nil, err
		}
	}
	_, err := c.conn.Write(request)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(c.reader, nil)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("publish: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil || answer.Close {
		c.close()
	}
	return answer, err
}

// lastAnswer is how long a request under way may take when the run ends.
const lastAnswer = 2 * time.Second

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
