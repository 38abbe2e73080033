package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/leatstream/leat/event"
)

// A Command is a message for the backend of a stream.
type Command struct {
	Type string
	Key  string // empty: none, or the default room
	Data any    // marshalled as JSON; json.RawMessage as it is, byte for byte
}

// A Reply is what a backend answers to a command: an event for its sender alone.
type Reply struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// maxReplies bounds the answer to a command, in bytes.
const maxReplies = 16 << 20

// Send has a stream's backend handle a command, and gives its replies. A refusal, of the server or of the backend, is an
// [*Error], no answer an [*UnreachableError]: then the command may have been handled, and it is not sent again, because
// nothing would keep the backend from handling it twice.
func (c *Client) Send(ctx context.Context, stream string, command Command) ([]Reply, error) {
	body, err := command.body()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url("commands", stream, event.Key{}, nil), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.unanswered(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, refusal(answer)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReplies))
	if err != nil {
		return nil, c.unanswered(ctx, err)
	}
	var replies struct {
		Reply []Reply `json:"reply"`
	}
	if err := json.Unmarshal(text, &replies); err != nil {
		return nil, fmt.Errorf("the command was handled, but the answer is not leat's: %w", err)
	}
	return replies.Reply, nil
}

// body is put together by hand, so that the data arrives byte for byte.
func (c *Command) body() ([]byte, error) {
	data, err := marshal("command", c.Data)
	if err != nil {
		return nil, err
	}
	body := append([]byte(`{"type":`), event.AppendString(nil, c.Type)...)
	if c.Key != "" {
		key, err := event.ParseKey(c.Key)
		if err != nil {
			return nil, err
		}
		body = event.AppendString(append(body, `,"key":`...), key.String())
	}
	return append(append(append(body, `,"data":`...), data...), '}'), nil
}
