package client

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
)

// maxMessage bounds one message on any transport: the largest event (1 MiB), its envelope, and room.
const maxMessage = 4 << 20

// A sseConnection reads Server-Sent Events.
type sseConnection struct {
	stream string
	key    event.Key
	body   io.Closer
	blocks *blockReader
	begin  *message // the first block; nil once it is handed on
}

func (f *follower) dialSSE(ctx context.Context) (connection, error) {
	from := f.from
	lastEventID := from.resume.String()
	if lastEventID != "" {
		from = start{}
	}
	query := f.subscription.query(from)
	query.Set("heartbeats", "events")                                  // a comment would do for the position, but this tells heartbeats apart
	answer, err := f.get(ctx, "text/event-stream", query, lastEventID) //nolint:bodyclose // close does
	if err != nil {
		return nil, err
	}
	c := &sseConnection{
		stream: f.subscription.Stream, key: f.key,
		body: answer.Body, blocks: newBlockReader(touchReader{answer.Body, &f.watch}),
	}
	begin, err := c.read() // until it is there, nobody knows where the subscription begins
	if err != nil {
		c.close()
		return nil, err
	}
	c.begin = &begin
	return c, nil
}

// get asks for the stream over HTTP, as accept says; the body ends when ctx does.
func (f *follower) get(ctx context.Context, accept string, query url.Values, lastEventID string) (*http.Response, error) {
	url := f.client.url("events", f.subscription.Stream, f.key, query)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	answer, err := f.client.http.Do(request)
	if err != nil {
		return nil, &UnreachableError{f.client.server, err}
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	if got, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || got != accept {
		_ = answer.Body.Close() // nothing was read of it
		return nil, protocolErrorf("%s answers with Content-Type %q where %s was asked for", url, got, accept)
	}
	return answer, nil
}

func (c *sseConnection) close() { _ = c.body.Close() }

func (c *sseConnection) next(context.Context) (message, error) {
	if begin := c.begin; begin != nil {
		c.begin = nil
		return *begin, nil
	}
	return c.read()
}

func (c *sseConnection) read() (message, error) {
	b, err := c.blocks.next()
	if err != nil {
		return message{}, err
	}
	m := message{retry: b.retry}
	if b.id != "" {
		if m.at, err = event.ParsePosition(b.id); err != nil {
			return message{}, protocolErrorf("id of an event: %w", err)
		}
	}
	if len(b.data) == 0 {
		return m, nil
	}
	kind, err := parseType(b.event)
	if err != nil {
		return message{}, protocolErrorf("%w", err)
	}
	m.event = &event.Event{Stream: c.stream, Position: m.at, Type: kind, Key: c.key, Data: b.data}
	if kind.IsControl() {
		m.event.Key = event.Key{}
	}
	return m, nil
}

// parseType makes an event's type of what arrived, which can be a control event's; one of a newer server, which means
// nothing here, becomes a heartbeat.
func parseType(name string) (event.Type, error) {
	for _, t := range []event.Type{event.TypeGap, event.TypeLive, event.TypeHeartbeat, event.TypeEnd} {
		if name == t.String() {
			return t, nil
		}
	}
	if strings.HasPrefix(name, "leat.") {
		return event.TypeHeartbeat, nil
	}
	return event.ParseType(name)
}

// A touchReader tells the watchdog of every byte.
type touchReader struct {
	from  io.Reader
	watch *watchdog
}

func (r touchReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n > 0 {
		r.watch.touch()
	}
	return n, err
}

// A block is what stands between two empty lines of an event stream.
type block struct {
	id    string        // the last event ID as it is after the block
	event string        // "message" where the block names none
	data  []byte        // empty: nothing is dispatched
	retry time.Duration // zero where the block says nothing of it
}

// A blockReader interprets an event stream (WHATWG HTML, "Interpreting an event stream"). A block that the stream's
// end cuts off is never seen, and neither is its id.
type blockReader struct {
	in     *bufio.Reader
	id     string // the last event ID buffer
	begun  bool   // the byte order mark is behind us
	skipLF bool   // the line ended with CR: a LF right after it belongs to that
	line   []byte
}

func newBlockReader(in io.Reader) *blockReader { return &blockReader{in: bufio.NewReader(in)} }

func (r *blockReader) next() (block, error) {
	b := block{event: "message"}
	var data []byte
	for read := 0; ; {
		line, err := r.readLine()
		if err != nil {
			return block{}, err
		}
		if len(line) == 0 {
			b.id = r.id
			b.data = bytes.TrimSuffix(data, []byte{'\n'})
			return b, nil
		}
		if read += len(line); read > maxMessage {
			return block{}, tooLong()
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(name) {
		case "data":
			data = append(append(data, value...), '\n')
		case "event":
			b.event = string(value)
			if b.event == "" {
				b.event = "message"
			}
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				r.id = string(value)
			}
		case "retry":
			if wait, ok := parseRetry(value); ok {
				b.retry = wait
			}
		}
	}
}

// parseRetry reads milliseconds: digits alone.
func parseRetry(digits []byte) (time.Duration, bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	ms, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Duration(ms) * time.Millisecond, err == nil && ms <= 1<<40 // more is no Duration
}

var byteOrderMark = []byte("\ufeff")

// readLine reads to the next CR, LF or CR LF. It never waits for what follows a CR: a server may say no more.
func (r *blockReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return nil, err
		}
		skip := r.skipLF && c == '\n'
		r.skipLF = c == '\r'
		switch {
		case skip:
			continue
		case c != '\r' && c != '\n':
			if r.line = append(r.line, c); len(r.line) > maxMessage {
				return nil, tooLong()
			}
			continue
		}
		if !r.begun {
			r.begun = true
			r.line = bytes.TrimPrefix(r.line, byteOrderMark)
		}
		return bytes.ToValidUTF8(r.line, []byte("\ufffd")), nil
	}
}

func tooLong() error {
	return &protocolError{fmt.Errorf("a message is longer than %d bytes", maxMessage)}
}
