package ingest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// key finds an event's key where the contract says it is; whoever else gives one must give the same.
func (c *Checker) key(e Event, data reading, pathKey event.Key) (event.Key, *problem.Violation) {
	switch {
	case c.contract.Key.IsZero():
		if e.Key != nil && !e.keyIsSubject {
			return event.Key{}, keyViolation("stream %q has no keys: leave it out", c.contract.Name)
		}
		return event.Key{}, nil
	case c.contract.Key.Path:
		return room(e, pathKey, event.MustKey(contract.DefaultRoom))
	}

	place := "/data" + c.contract.Key.Pointer
	text, err := keyAt(data.value, data.pointer)
	if err != nil {
		return event.Key{}, &problem.Violation{Pointer: place, Detail: err.Error()}
	}
	key, err := event.ParseKey(text)
	if err != nil {
		return event.Key{}, &problem.Violation{Pointer: place, Detail: "is not valid: " + err.Error()}
	}
	if !pathKey.IsZero() && pathKey != key {
		return event.Key{}, keyViolation("is %q in the path, but %q at %s", pathKey, key, place)
	}
	if e.Key != nil && *e.Key != key.String() {
		return event.Key{}, keyViolation("is %q in the %s, but %q at %s", brief(*e.Key), e.keyPlace(), key, place)
	}
	return key, nil
}

// PathKey reads the key in a route; zero where none is given.
func (c *Checker) PathKey(given *string) (event.Key, error) {
	if given == nil {
		return event.Key{}, nil
	}
	if name := c.contract.Name; c.contract.Key.IsZero() {
		return event.Key{}, problem.New(problem.NotFound, "stream %q has no keys: %s/%s, without a key in the path", name, c.of.route, name)
	}
	key, err := event.ParseKey(*given)
	if err != nil {
		return event.Key{}, problem.New(problem.Malformed, "key in the path: %w", err)
	}
	return key, nil
}

// room is the key that path and body give, and otherwise none of them.
func room(e Event, pathKey, otherwise event.Key) (event.Key, *problem.Violation) {
	if e.Key == nil {
		if pathKey.IsZero() {
			return otherwise, nil
		}
		return pathKey, nil
	}
	key, err := event.ParseKey(*e.Key)
	if err != nil {
		return event.Key{}, keyViolation("is not valid: %v", err)
	}
	if !pathKey.IsZero() && pathKey != key {
		return event.Key{}, keyViolation("is %q in the path, but %q in the %s", pathKey, key, e.keyPlace())
	}
	return key, nil
}

func (e *Event) keyPlace() string {
	if e.keyIsSubject {
		return "CloudEvents subject"
	}
	return "body"
}

func keyViolation(format string, args ...any) *problem.Violation {
	return &problem.Violation{Pointer: "/key", Detail: fmt.Sprintf(format, args...)}
}

// keyAt gives the string, or the decimal text of the integer, at a pointer into data.
func keyAt(data any, pointer []string) (string, error) {
	for _, token := range pointer {
		switch v := data.(type) {
		case map[string]any:
			member, ok := v[token]
			if !ok {
				return "", fmt.Errorf("is required: it is the key of the event")
			}
			data = member
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != token {
				return "", fmt.Errorf("is required: it is the key of the event")
			}
			data = v[i]
		default:
			return "", fmt.Errorf("is required: it is the key of the event")
		}
	}
	switch v := data.(type) {
	case string:
		return v, nil
	case json.Number:
		if text, ok := integerText(string(v)); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("must be a string or an integer of at most %d digits: it is the key of the event", event.MaxKeyBytes)
}

// integerText gives the decimal text of a JSON number that is an integer, however it is written (1.0, 1e2), and short
// enough for a key. It computes on the text: 1e999999999 must cost nothing.
func integerText(number string) (string, bool) {
	digits, negative := strings.CutPrefix(number, "-")
	exponent := 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		var err error
		// On overflow Atoi gives the nearest int, which then is as far out of range as need be.
		if exponent, err = strconv.Atoi(digits[i+1:]); err != nil || exponent > math.MaxInt32 || exponent < math.MinInt32 {
			exponent = max(math.MinInt32, min(exponent, math.MaxInt32))
		}
		digits = digits[:i]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	if digits == "" {
		return "0", true
	}
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	if exponent < 0 || len(significant)+exponent > event.MaxKeyBytes {
		return "", false
	}
	text := significant + strings.Repeat("0", exponent)
	if negative {
		text = "-" + text
	}
	return text, true
}

var pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~") // RFC 6901, section 3

// pointerTokens splits a JSON Pointer.
func pointerTokens(pointer string) []string {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range tokens {
		tokens[i] = pointerUnescape.Replace(token)
	}
	return tokens
}
