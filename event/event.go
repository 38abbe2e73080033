// Package event holds what travels through leat: events, and the types, keys and positions that name them.
//
// A [Type], a [Key] and a [Position] can only be made valid, so no code further on checks them again: a line break
// that cannot be in a key cannot reach an SSE line.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// An Event is one thing that happened, as subscribers get it.
type Event struct {
	Stream   string
	Position Position // zero before it is stored, and always on a stream of durability none
	Type     Type
	Key      Key       // zero on a stream without keys
	Time     time.Time // the publisher's where given, else when the log stored it
	Data     []byte    // compact JSON on one line, never changed once set
}

// AppendEnvelope appends the event as one JSON object, in the member order of the wire:
// stream, id, type, key, time, data. id and key are left out where there is none.
func (e *Event) AppendEnvelope(dst []byte) []byte {
	return e.AppendMembers(append(dst, '{'))
}

// AppendMembers appends the envelope without its opening brace, for framings that put a member before it.
func (e *Event) AppendMembers(dst []byte) []byte {
	dst = append(dst, `"stream":"`...)
	dst = append(dst, e.Stream...)
	if !e.Position.IsZero() {
		dst = append(dst, `","id":"`...)
		dst = e.Position.Append(dst)
	}
	dst = append(dst, `","type":"`...)
	dst = append(dst, e.Type.name...)
	dst = append(dst, '"')
	if !e.Key.IsZero() {
		dst = append(dst, `,"key":`...)
		dst = AppendString(dst, e.Key.text)
	}
	dst = append(dst, `,"time":"`...)
	dst = AppendTime(dst, e.Time)
	dst = append(dst, `","data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// AppendString appends s as a JSON string (RFC 8259, section 7).
func AppendString(dst []byte, s string) []byte {
	dst, err := jsontext.AppendQuote(dst, s)
	if err != nil { // invalid UTF-8, which a valid Key, Type or Position cannot hold; other text is mended
		dst = append(dst, '?')
	}
	return dst
}

// AppendTime appends t as RFC 3339 in UTC with milliseconds.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// MarshalJSON gives the envelope.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendEnvelope(nil), nil }

// UnmarshalJSON reads an envelope, of control events too.
func (e *Event) UnmarshalJSON(text []byte) error {
	var raw struct {
		Stream string          `json:"stream"`
		ID     *string         `json:"id"`
		Type   string          `json:"type"`
		Key    *string         `json:"key"`
		Time   time.Time       `json:"time"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("event envelope: %w", err)
	}
	got := Event{Stream: raw.Stream, Time: raw.Time, Data: bytes.Clone(raw.Data)}
	var err error
	if got.Type, err = parseAnyType(raw.Type); err != nil {
		return fmt.Errorf("event envelope: %w", err)
	}
	if raw.ID != nil {
		if got.Position, err = ParsePosition(*raw.ID); err != nil {
			return fmt.Errorf("event envelope: %w", err)
		}
	}
	if raw.Key != nil {
		if got.Key, err = ParseKey(*raw.Key); err != nil {
			return fmt.Errorf("event envelope: %w", err)
		}
	}
	*e = got
	return nil
}
