package eventlog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/nats-io/nats.go"
)

// An event is a message: its key the last token of the subject, its data the payload, the rest headers.
const (
	typeHeader  = "Leat-Type"
	timeHeader  = "Leat-Time"  // the publisher's, in Unix milliseconds; left out where it gave none
	batchHeader = "Leat-Batch" // of the first event of a request: how many it had
)

func (s *Stream) message(r *Record) *nats.Msg {
	m := nats.NewMsg(s.subject(r.Key))
	m.Data = r.Data
	m.Header.Set(typeHeader, r.Type.String())
	if !r.Time.IsZero() {
		m.Header.Set(timeHeader, strconv.FormatInt(r.Time.UnixMilli(), 10))
	}
	if r.Dedupe != "" {
		m.Header.Set(nats.MsgIdHdr, messageID(r.Dedupe))
	}
	return m
}

// messageID is short, and has none of the characters that would end a header.
func messageID(dedupe string) string {
	sum := sha256.Sum256([]byte(dedupe))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// entry is the event in a message that came on subject.
func (s *Stream) entry(subject string, m *nats.Msg, sequence uint64, storedAt time.Time) (Entry, error) {
	k, err := s.key(subject)
	if err != nil {
		return Entry{}, err
	}
	t, err := event.ParseType(m.Header.Get(typeHeader))
	if err != nil {
		return Entry{}, err
	}
	e := Entry{StoredAt: storedAt, Event: event.Event{Stream: s.name, Type: t, Key: k, Data: m.Data, Time: storedAt.Truncate(time.Millisecond)}}
	if text := m.Header.Get(timeHeader); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Entry{}, fmt.Errorf("time %q: %w", text, err)
		}
		e.Time = time.UnixMilli(ms).UTC()
	}
	if s.stored() {
		e.Position = s.position(sequence)
	}
	return e, nil
}

func (s *Stream) subject(k event.Key) string { return s.prefix + escapeKey(k.String()) }

func (s *Stream) key(subject string) (event.Key, error) {
	token, ok := strings.CutPrefix(subject, s.prefix)
	if !ok {
		return event.Key{}, fmt.Errorf("subject %q is not one of stream %s", subject, s.name)
	}
	text, err := unescapeKey(token)
	if err != nil || text == "" {
		return event.Key{}, err
	}
	return event.ParseKey(text)
}

// keyless is the token of events without a key.
const keyless = "_"

const hexDigits = "0123456789ABCDEF"

// escapeKey makes one token of a subject of any key, and of no two keys the same.
func escapeKey(key string) string {
	switch key {
	case "":
		return keyless
	case keyless:
		return "%5F"
	}
	plain := true
	for i := range len(key) {
		plain = plain && isPlain(key[i])
	}
	if plain {
		return key
	}
	token := make([]byte, 0, 3*len(key))
	for i := range len(key) {
		if c := key[i]; isPlain(c) {
			token = append(token, c)
		} else {
			token = append(token, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(token)
}

func unescapeKey(token string) (string, error) {
	if token == keyless {
		return "", nil
	}
	if !strings.Contains(token, "%") {
		return token, nil
	}
	key := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '%' {
			if i+2 >= len(token) {
				return "", fmt.Errorf("token %q ends within an escape", token)
			}
			b, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("token %q: %w", token, err)
			}
			c = byte(b)
			i += 2
		}
		key = append(key, c)
	}
	return string(key), nil
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
