package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/leatstream/leat/event"
)

// An Event is one to publish.
type Event struct {
	Type string
	Key  string    // empty where the contract says where in the data it is
	Time time.Time // zero: when the log stores it
	Data any       // marshalled as JSON; json.RawMessage as it is, byte for byte

	// IdempotencyKey makes it safe to publish the event again within two minutes: it is stored once. Without one,
	// Publish draws one for itself.
	IdempotencyKey string
}

// Publish stores one event and gives its position, none on a stream of durability none. A refusal is an [*Error], no
// answer an [*UnreachableError]. A connection that breaks before the answer is made good by one more try with the same
// idempotency key.
func (c *Client) Publish(ctx context.Context, stream string, e Event) (event.Position, error) {
	body, err := e.body()
	if err != nil {
		return event.Position{}, err
	}
	drawn := e.IdempotencyKey == ""
	if drawn {
		e.IdempotencyKey = rand.Text()
	}
	position, err := c.publishOnceOrTwice(ctx, stream, body, e.IdempotencyKey)
	var refused *Error
	if drawn && errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		// A stream of durability none takes no idempotency key. Nothing of a refused request was stored, and without
		// the key there is no second try that could store the event twice.
		return c.publish(ctx, stream, body, "")
	}
	return position, err
}

// body is the JSON that is sent: put together by hand, so that the data arrives byte for byte.
func (e *Event) body() ([]byte, error) {
	data, err := marshal("event", e.Data)
	if err != nil {
		return nil, err
	}
	body := append([]byte(`{"type":`), event.AppendString(nil, e.Type)...)
	if e.Key != "" {
		key, err := event.ParseKey(e.Key)
		if err != nil {
			return nil, err
		}
		body = event.AppendString(append(body, `,"key":`...), key.String())
	}
	if !e.Time.IsZero() {
		body = append(e.Time.UTC().AppendFormat(append(body, `,"time":"`...), time.RFC3339Nano), '"')
	}
	body = append(append(body, `,"data":`...), data...)
	return append(body, '}'), nil
}

// marshal gives the data of an event or command as JSON.
func marshal(of string, data any) ([]byte, error) {
	raw, ok := data.(json.RawMessage)
	if !ok {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(data); err != nil {
			return nil, fmt.Errorf("the %s's data: %w", of, err)
		}
		return bytes.TrimSpace(text.Bytes()), nil
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, fmt.Errorf("the %s has no data: give its JSON", of)
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, fmt.Errorf("the %s's data is not valid JSON at byte %d: %w", of, syntax.Offset, err)
	}
	return raw, nil
}

func (c *Client) publishOnceOrTwice(ctx context.Context, stream string, body []byte, key string) (event.Position, error) {
	position, err := c.publish(ctx, stream, body, key)
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) && ctx.Err() == nil && !failedToDial(err) {
		return c.publish(ctx, stream, body, key)
	}
	return position, err
}

func failedToDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (c *Client) publish(ctx context.Context, stream string, body []byte, key string) (event.Position, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		c.url("events", stream, event.Key{}, nil), bytes.NewReader(body))
	if err != nil {
		return event.Position{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", `"`+key+`"`)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return event.Position{}, c.unanswered(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return event.Position{}, refusal(answer)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil {
		return event.Position{}, c.unanswered(ctx, err)
	}
	return stored(text)
}

// stored reads what is answered to an event that was taken.
func stored(text []byte) (event.Position, error) {
	var answer struct {
		ID  string   `json:"id"`
		IDs []string `json:"ids"` // of an array, where one was sent with the same idempotency key before
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return event.Position{}, fmt.Errorf("the server took the event, but its answer is not leat's: %w", err)
	}
	if len(answer.IDs) > 0 {
		answer.ID = answer.IDs[0]
	}
	if answer.ID == "" {
		return event.Position{}, nil
	}
	position, err := event.ParsePosition(answer.ID)
	if err != nil {
		return event.Position{}, fmt.Errorf("the server took the event, but its answer is not leat's: %w", err)
	}
	return position, nil
}

// unanswered is the error of a request that got no whole answer.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &UnreachableError{c.Server(), err}
}
