package ingest

import (
	"context"
	"net/http"
	"strings"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/problem"
)

const maxIdempotencyKey = 256

// The log knows events by names in one space per stream, so each origin has its own first letter. A CloudEvent's ends
// with one too: it can then not be taken for one of a request, whatever its producer chose.

// requestName names the event at an index of the request of an idempotency key; a single event has the index 0.
func requestName(key string, index int) string { return eventlog.RequestDedupe("r"+key, index) }

// eventName names an event by what its producer calls it.
func eventName(dedupe string) string { return "e" + dedupe + "e" }

// ifLast turns If-Match into the sequence that the key's newest event must have.
func (s *stream) ifLast(ctx context.Context, key event.Key, o Options) (*uint64, error) {
	if o.IfMatch == nil {
		return nil, nil
	}
	if *o.IfMatch == "" {
		return new(uint64), nil
	}
	position, err := event.ParsePosition(*o.IfMatch)
	if err != nil {
		return nil, problem.New(problem.Malformed, "%s: %w", o.Names.ifMatch(), err)
	}
	state, err := s.log.State(ctx)
	if err != nil {
		return nil, err
	}
	sequence, lost := state.Locate(position)
	if lost == "" {
		return &sequence, nil
	}
	newest, err := s.log.LastOf(ctx, key)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.PreconditionFailed, "%s: stream %q has no position %s: take that of the key's newest event", o.Names.ifMatch(), s.contract.Name, position)
	p.Position = newest.String()
	return nil, p
}

// pathOptions reads what a request's path asks for.
func pathOptions(r *http.Request) Options {
	if key := r.PathValue("key"); key != "" {
		return Options{PathKey: &key}
	}
	return Options{}
}

// headerOptions reads what a request's headers and path ask for.
func headerOptions(r *http.Request) (Options, error) {
	o := pathOptions(r)
	key, given, err := oneHeader(r, idempotencyHeader)
	if err != nil {
		return Options{}, err
	}
	if given {
		if o.IdempotencyKey, err = idempotencyKey(key); err != nil {
			return Options{}, err
		}
	}
	match, given, err := oneHeader(r, "If-Match")
	if err != nil {
		return Options{}, err
	}
	if given {
		if o.IfMatch, err = entityTag(match); err != nil {
			return Options{}, err
		}
	}
	none, given, err := oneHeader(r, "If-None-Match")
	switch {
	case err != nil:
		return Options{}, err
	case !given:
		return o, nil
	case none != "*":
		return Options{}, problem.New(problem.Malformed, "If-None-Match: %q is not taken, only *: publish if the key has no event yet", brief(none))
	case o.IfMatch != nil:
		return Options{}, problem.New(problem.Malformed, "If-Match and If-None-Match exclude each other: give one of them")
	}
	o.IfMatch = new(string)
	return o, nil
}

// oneHeader gives the value of a header that may come once.
func oneHeader(r *http.Request, name string) (value string, given bool, err error) {
	switch values := r.Header.Values(name); len(values) {
	case 0:
		return "", false, nil
	case 1:
		return strings.Trim(values[0], " \t"), true, nil
	default:
		return "", false, problem.New(problem.Malformed, "%s is given %d times: once is right", name, len(values))
	}
}

// idempotencyKey reads the header with or without the quotes of its draft
// (draft-ietf-httpapi-idempotency-key-header: a string of RFC 9651, section 3.3.3).
func idempotencyKey(value string) (string, error) {
	key := value
	if strings.HasPrefix(value, `"`) {
		var ok bool
		if key, ok = unquote(value); !ok {
			return "", problem.New(problem.Malformed, "Idempotency-Key: %s is no quoted string: "+
				`leave the quotes out, or end it with one and put \ before those within`, brief(value))
		}
	}
	if key == "" {
		return "", problem.New(problem.Malformed, "Idempotency-Key is empty: it has 1 to %d bytes", maxIdempotencyKey)
	}
	return key, nil
}

// unquote undoes a quoted string, in which \ stands before a quote or another \.
func unquote(value string) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	var text strings.Builder
	for i := 1; i < len(value); i++ {
		switch c := value[i]; c {
		case '"':
			return text.String(), i == len(value)-1
		case '\\':
			if i++; i == len(value) || value[i] != '"' && value[i] != '\\' {
				return "", false
			}
			text.WriteByte(value[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", false
}

// entityTag reads the one strong entity tag that If-Match may have (RFC 9110, section 8.8.3), with or without quotes.
func entityTag(value string) (*string, error) {
	tag := value
	if text, ok := unquote(value); ok {
		tag = text
	}
	if _, err := event.ParsePosition(tag); err != nil {
		return nil, problem.New(problem.Malformed, `If-Match: %s is not taken: it has one position, such as "b7k2-1042"`, brief(value))
	}
	return &tag, nil
}
