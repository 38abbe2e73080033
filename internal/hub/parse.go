package hub

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/problem"
)

// Parse checks the parameters against the contract: unknown streams and types, transports not offered, keys where
// there are none, malformed and contradicting starts are problems that say what would be right.
func (h *Hub) Parse(transport contract.Transport, p Params) (Subscription, error) {
	st, err := h.stream(p.Stream)
	if err != nil {
		return Subscription{}, err
	}
	s := Subscription{Stream: st.contract.Load()}
	if !s.Stream.Offers(transport) {
		offered := make([]string, len(s.Stream.Transports))
		for i, t := range s.Stream.Transports {
			offered[i] = string(t)
		}
		return s, problem.New(problem.NotFound, "stream %q cannot be subscribed over %s; its contract offers %s",
			s.Stream.Name, transport, strings.Join(offered, ", "))
	}
	if s.Key, err = p.key(s.Stream); err != nil {
		return s, err
	}
	if s.Types, err = p.types(s.Stream); err != nil {
		return s, err
	}
	if s.Start, err = p.start(); err != nil {
		return s, err
	}
	if st.live && s.Start.Kind != StartLatest {
		return s, problem.New(problem.Malformed,
			"stream %q keeps no events (durability: none), so a subscription can only start at latest", s.Stream.Name)
	}
	return s, nil
}

// name is a parameter's name as the client's wire spells it.
func (p *Params) name(camel, snake string) string {
	if p.SnakeCase {
		return snake
	}
	return camel
}

func (p *Params) key(s *contract.Stream) (event.Key, error) {
	allKeys := p.name("allKeys", "all_keys")
	all := false
	if p.AllKeys != nil {
		switch *p.AllKeys {
		case "true":
			all = true
		case "false":
		default:
			return event.Key{}, problem.New(problem.Malformed, "%s is %.100q; it is true or false", allKeys, *p.AllKeys)
		}
	}
	switch {
	case all && !s.Key.Path:
		return event.Key{}, problem.New(problem.Malformed,
			"%s is for streams whose contract says key: path, and that of %q does not: leave it out to get every key", allKeys, s.Name)
	case all && p.Key != nil:
		return event.Key{}, problem.New(problem.Malformed, "%s and a key contradict each other: give one of them", allKeys)
	case all, p.Key == nil && !s.Key.Path:
		return event.Key{}, nil
	case p.Key == nil:
		return event.MustKey(contract.DefaultRoom), nil
	case s.Key.IsZero():
		return event.Key{}, problem.New(problem.NotFound,
			"stream %q has no keys, so there is no %.100q in it: subscribe without a key", s.Name, *p.Key)
	}
	key, err := event.ParseKey(*p.Key)
	if err != nil {
		return event.Key{}, problem.New(problem.Malformed, "%w", err)
	}
	return key, nil
}

func (p *Params) types(s *contract.Stream) (map[string]bool, error) {
	if p.EventTypes == nil {
		return nil, nil
	}
	known := strings.Join(s.EventNames(), ", ")
	name := p.name("eventTypes", "event_types")
	types := map[string]bool{}
	for _, value := range *p.EventTypes {
		for t := range strings.SplitSeq(value, ",") {
			t = strings.TrimSpace(t)
			switch {
			case t == "":
				return nil, problem.New(problem.Malformed, "%s is empty, or a name in it is; event types of %q: %s", name, s.Name, known)
			case s.Event(t) == nil:
				return nil, problem.New(problem.Malformed, "%s: no event type %.100q in stream %q%s (event types: %s)",
					name, t, s.Name, problem.DidYouMean(t, s.EventNames()), known)
			}
			types[t] = true
		}
	}
	if len(types) == 0 {
		return nil, problem.New(problem.Malformed, "%s is empty; event types of %q: %s", name, s.Name, known)
	}
	return types, nil
}

func (p *Params) start() (Start, error) {
	given := []string{}
	for name, value := range map[string]*string{"after": p.After, "since": p.Since, "last": p.Last} {
		if value != nil {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		slices.Sort(given)
		return Start{}, problem.New(problem.Malformed, "%s say different starts: give one of them", strings.Join(given, " and "))
	}
	start, err := p.named()
	if err != nil || p.Resume == nil || *p.Resume == "" {
		return start, err
	}
	after, err := event.ParsePosition(*p.Resume)
	if err != nil {
		after = event.Position{} // told as a gap: a browser cannot mend its Last-Event-ID
	}
	return Start{Kind: StartAfter, After: after, Asked: *p.Resume}, nil
}

// named gives the start that after, since or last names.
func (p *Params) named() (Start, error) {
	switch {
	case p.After != nil:
		switch *p.After {
		case "earliest":
			return Start{Kind: StartEarliest}, nil
		case "latest":
			return Start{}, nil
		}
		after, err := event.ParsePosition(*p.After)
		if err != nil {
			return Start{}, problem.New(problem.Malformed, `after: %w, or "earliest" or "latest"`, err)
		}
		return Start{Kind: StartAfter, After: after, Asked: *p.After}, nil
	case p.Since != nil:
		since, err := event.ParseTime(*p.Since)
		if err != nil {
			return Start{}, problem.New(problem.Malformed, "since: %w (in a URL, + is written %%2B)", err)
		}
		return Start{Kind: StartSince, Since: since}, nil
	case p.Last != nil:
		last, err := strconv.Atoi(*p.Last)
		if err != nil || last < 1 || last > MaxLast {
			return Start{}, problem.New(problem.Malformed, "last is %.100q; it is a number from 1 to %d", *p.Last, MaxLast)
		}
		return Start{Kind: StartLast, Last: last}, nil
	}
	return Start{}, nil
}
