package ingest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// NewCommandChecker makes a Checker of the commands of a stream.
func NewCommandChecker(s *contract.Stream) *Checker { return newChecker(s, ofCommands, s.Commands) }

// CheckCommand gives a command's data as compact JSON, and its key, or says all that is wrong with it. pathKey is the
// key in the route, zero where there is none.
func (c *Checker) CheckCommand(e Event, pathKey event.Key) ([]byte, event.Key, error) {
	_, read, err := c.begin(e)
	if err != nil {
		return nil, event.Key{}, err
	}
	violations := read.violations
	key, wrong := c.commandKey(e, read, pathKey)
	if wrong != nil && !names(violations, wrong.Pointer) {
		violations = append(violations, *wrong)
	}
	if len(violations) > 0 {
		return nil, event.Key{}, invalid(e.Type, violations...)
	}
	return read.text, key, nil
}

// commandKey finds a command's key where an event of the stream has it. But what orders something new, say, is about no
// key yet: its data need not have one.
func (c *Checker) commandKey(e Event, data reading, pathKey event.Key) (event.Key, *problem.Violation) {
	if c.contract.Key.Pointer == "" {
		return c.key(e, data, pathKey)
	}
	if _, err := keyAt(data.value, data.pointer); err != nil {
		return room(e, pathKey, event.Key{})
	}
	return c.key(e, data, pathKey)
}

// CheckData gives the data of an event as compact JSON, or says all that is wrong with it. It asks for no key: who is
// sent it alone gets none.
func (c *Checker) CheckData(e Event) ([]byte, error) {
	_, read, err := c.begin(e)
	if err == nil && len(read.violations) > 0 {
		err = invalid(e.Type, read.violations...)
	}
	return read.text, err
}

const acceptedCommand = `application/json ({"type":"…","data":{…}})`

// ReadCommand reads the body of POST /commands/{stream} and /commands/{stream}/{key}.
func ReadCommand(w http.ResponseWriter, r *http.Request) (Event, error) {
	if err := onlyCommand(r); err != nil {
		return Event{}, err
	}
	media, err := mediaType(r.Header, acceptedCommand)
	if err != nil {
		return Event{}, err
	}
	if media != "application/json" {
		return Event{}, notAccepted(media, acceptedCommand)
	}
	body, err := readBody(w, r, func() error {
		return problem.New(problem.TooLarge, "the body has more than %d bytes: %s", maxRequestBytes, claimCheck)
	})
	if err != nil {
		return Event{}, err
	}
	d := newDecoder("the body", body)
	defer d.release()
	d.noun = "a command"
	return decodeOne(d, decodeCommand)
}

// onlyCommand refuses what publishing has, and a command has not: who asks for it would believe to have it.
func onlyCommand(r *http.Request) error {
	for _, name := range []string{idempotencyHeader, "If-Match", "If-None-Match"} {
		if len(r.Header.Values(name)) > 0 {
			return problem.New(problem.Malformed, "%s is for publishing, and a command has none: leave it out", name)
		}
	}
	return noParameters(r)
}

// noParameters refuses a query, but for names that begin with "_", which are for caches to be got round.
func noParameters(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.Malformed, "the query of the URL cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !strings.HasPrefix(name, "_") {
			return problem.New(problem.Malformed, "no parameter is named %q: a POST has none here, its path and body say all", brief(name))
		}
	}
	return nil
}

func decodeCommand(d *decoder) (Event, error) {
	var e Event
	err := d.members(func(name string, value jsontext.Value) error {
		var text *string
		var err error
		switch name {
		case "type":
			if text, err = stringMember(name, value); err == nil {
				e.Type = *text
			}
		case "key":
			e.Key, err = stringMember(name, value)
		case "data":
			e.Data = value
		default:
			err = d.unknown(name, "type", "data", "key")
		}
		return err
	})
	return e, err
}
