package lint

import (
	"slices"
	"strings"
)

var keyMissing = &Rule{ID: "key-missing", Severity: Warning,
	Reason: "Events of one entity are kept in order, found and replayed by their key; without one, a client that wants one entity gets all of them.",
	check: func(p *pass) {
		for _, s := range p.streams {
			if s.keyed || len(s.events) == 0 {
				continue
			}
			if id := p.entity(s); id != "" {
				fix := "declare key: /" + id
				if p.parsed == nil {
					fix = "give the entity an address of its own, with {" + id + "} in its path"
				}
				p.report(s.at, fix, `%s has no key, though each of its events tells its "%s"`, p.name(s), id)
			}
		}
	}}

// aboutItself are ids of the event, or of what led to it: they are no entity that others are about.
var aboutItself = set("event message request response trace span correlation causation notification alert log entry batch idempotency client parent session phone line page version sequence serial")

var entityNames = set("device symbol sku isin ticker iban")

// entity is the property that each event of a stream has and that names what it is about; "" where there is none.
func (p *pass) entity(s *stream) string {
	var common []string
	for i, m := range s.events {
		var here []string
		for _, at := range p.members(m.schema) {
			if namesEntity(at.Name()) {
				here = append(here, at.Name())
			}
		}
		if i == 0 {
			common = here
		}
		common = slices.DeleteFunc(common, func(name string) bool { return !slices.Contains(here, name) })
	}
	// An order's event may tell the customer too: the stream's own name decides.
	for _, name := range common {
		if all := words(name); strings.HasPrefix(s.name, all[0]) {
			return name
		}
	}
	if len(common) > 0 {
		return common[0]
	}
	return ""
}

func namesEntity(name string) bool {
	all := words(name)
	switch {
	case len(all) == 0:
		return false
	case len(all) == 1:
		return entityNames[all[0]]
	}
	return (last(all) == "id" || last(all) == "uuid" || last(all) == "number") && !aboutItself[all[len(all)-2]]
}
