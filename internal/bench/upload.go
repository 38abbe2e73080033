package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// An upload is answered when it ends, and then its lines count as published. So it ends while the figures of a second
// still mean that second, and before the sockets' buffers alone hold all that is counted.
const (
	uploadLines = 4000
	uploadFor   = 500 * time.Millisecond
	chunkLines  = 64 // that are late are written together, as a producer's own buffer would
)

// upload is one connection that publishes one upload after the other, each in the chunks of RFC 9112, section 7.1:
// lines come at its share of the rate until ctx ends.
func (p *publishing) upload(ctx context.Context, number int) error {
	q := &request{lane: number}
	var err error
	if q.content, err = p.run.content("k0", chunkLines, "", "\n", "\n"); err != nil {
		return err
	}
	head, err := p.run.target.head("", "application/x-ndjson", "Transfer-Encoding", "chunked")
	if err != nil {
		return err
	}
	connection := &publishConnection{publishing: p}
	defer connection.close()
	pace := p.pace(number, 1)
	for ctx.Err() == nil {
		if err := p.uploadOnce(ctx, connection, pace, head, q); err != nil {
			return err
		}
	}
	return nil
}

func (p *publishing) uploadOnce(ctx context.Context, c *publishConnection, pace *pace, head []byte, q *request) error {
	m := p.run.marker
	began, first, length := m.now(), q.next, len(q.text)/chunkLines
	var err error
	for err == nil && q.next-first < uploadLines && m.now()-began < uploadFor {
		n := pace.wait(ctx, chunkLines)
		if n == 0 {
			break
		}
		q.mark(n, m, m.now())
		err = c.write(ctx, head, fmt.Appendf(nil, "%x\r\n", n*length), q.text[:n*length], []byte("\r\n"))
		head = nil
	}
	if q.next == first {
		return nil // the run has ended
	}
	if err == nil {
		err = c.write(ctx, []byte("0\r\n\r\n"))
	}
	ended := m.now()
	var answer *http.Response
	if c.conn != nil { // a server that does not want the rest may have said why
		told, readErr := c.answer() //nolint:bodyclose // it has been read
		if readErr == nil || err == nil {
			answer, err = told, readErr
		}
	}
	if err != nil {
		c.close()
	} else {
		err = uploaded(answer, q.next-first)
	}
	return p.count(q, first, m.now()-ended, answer, err)
}

// uploaded makes sure that each of so many lines is stored.
func uploaded(answer *http.Response, lines int) error {
	if answer.StatusCode != http.StatusOK {
		return &RefusedError{"an upload", refusal(answer)}
	}
	var summary struct {
		Stored int               `json:"stored"`
		Errors []json.RawMessage `json:"errors"`
	}
	err := json.NewDecoder(answer.Body).Decode(&summary)
	switch {
	case err != nil:
		return fmt.Errorf("the answer to an upload: %w", err)
	case len(summary.Errors) > 0:
		return &RefusedError{"a line", string(summary.Errors[0])}
	case summary.Stored != lines:
		return &RefusedError{"a line", fmt.Sprintf("%d of %d are stored, and it does not say why", summary.Stored, lines)}
	}
	return nil
}
