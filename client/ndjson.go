package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/leatstream/leat/event"
)

// A ndjsonConnection reads envelopes, one a line.
type ndjsonConnection struct {
	body  io.Closer
	lines *bufio.Scanner
}

func (f *follower) dialNDJSON(ctx context.Context) (connection, error) {
	if f.live() {
		if err := f.askNewest(ctx); err != nil {
			return nil, err
		}
	}
	answer, err := f.get(ctx, "application/x-ndjson", f.subscription.query(f.from), "") //nolint:bodyclose // close does
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(touchReader{answer.Body, &f.watch})
	lines.Buffer(nil, maxMessage)
	lines.Split(wholeLines)
	return &ndjsonConnection{answer.Body, lines}, nil
}

// live tells whether the subscription begins with what is published from now on, and "now" has no position yet.
func (f *follower) live() bool {
	return f.from == start{after: f.from.after} && (f.from.after == "" || f.from.after == "latest")
}

// askNewest makes "from now on" a position. NDJSON does not tell where it begins, so a connection that is cut before
// its first line would leave a hole; an empty page of history does tell.
func (f *follower) askNewest(ctx context.Context) error {
	answer, err := f.get(ctx, "application/json", f.subscription.query(start{after: "latest"}), "")
	var refused *Error
	if errors.As(err, &refused) && !refused.Retryable {
		return nil // without positions there are no pages; whatever else is wrong, the subscription will be told
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var page struct {
		Next string `json:"next"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxMessage)).Decode(&page); err != nil {
		return err
	}
	newest, err := event.ParsePosition(page.Next)
	if err != nil {
		return protocolErrorf("next of a page: %w", err)
	}
	f.from = start{resume: newest}
	return nil
}

// wholeLines is bufio.ScanLines, but a line that the connection's end cuts off is none.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if atEOF && bytes.IndexByte(data, '\n') < 0 {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

func (c *ndjsonConnection) close() { _ = c.body.Close() }

func (c *ndjsonConnection) next(context.Context) (message, error) {
	if !c.lines.Scan() {
		err := c.lines.Err()
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			return message{}, tooLong()
		case err == nil:
			err = io.EOF
		}
		return message{}, err
	}
	return envelope(c.lines.Bytes())
}

// envelope reads an event as every framing but SSE and gRPC has it.
func envelope(text []byte) (message, error) {
	e := new(event.Event)
	if err := json.Unmarshal(text, e); err != nil {
		return message{}, protocolErrorf("%w", err)
	}
	return message{event: e, at: e.Position}, nil
}
