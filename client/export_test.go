package client

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Hurry makes the waits between connections short.
func (c *Client) Hurry() { c.firstPause, c.maxAsked = 2*time.Millisecond, 5*time.Millisecond }

// Through makes the client's requests go through rt.
func (c *Client) Through(rt http.RoundTripper) { c.http = &http.Client{Transport: rt} }

// A Block is what stands between two empty lines of an event stream.
type Block struct {
	ID, Event, Data string
	Retry           time.Duration
}

// NewBlockReader gives a function that reads the next block of an event stream.
func NewBlockReader(in io.Reader) func() (Block, error) {
	r := newBlockReader(in)
	return func() (Block, error) {
		b, err := r.next()
		return Block{b.id, b.event, string(b.data), b.retry}, err
	}
}

// ReadBlocks interprets an event stream to its end.
func ReadBlocks(in io.Reader) ([]Block, error) {
	next := NewBlockReader(in)
	var blocks []Block
	for {
		b, err := next()
		if errors.Is(err, io.EOF) {
			return blocks, nil
		}
		if err != nil {
			return blocks, err
		}
		blocks = append(blocks, b)
	}
}
