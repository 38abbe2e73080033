package lint

import (
	"math/big"
)

var largePayload = &Rule{ID: "large-payload", Severity: Warning,
	Reason: "Each subscriber gets each event whole, and a slow line stands still behind a large one: an event tells what happened, and where the bulk of it is.",
	check: func(p *pass) {
		for _, s := range p.contractStreams() {
			if s.MaxEventBytes > usualBytes {
				size := p.root.Get("streams", s.Name, "maxEventBytes")
				p.report(size, "store what is large elsewhere, and publish a reference to it",
					`stream "%s" takes events of %s; the default is 64KiB`, s.Name, size.Scalar())
			}
		}
		p.parts(func(at part) { p.payload(at) })
	}}

const (
	usualBytes     = 64 << 10
	manyItems      = 10_000
	manyCharacters = 64 << 10
)

// content are last words of names of properties that tend to hold text or bytes of any length.
var content = set(`attachment audio avatar base64 binary blob body bytes comment comments content contents csv data
	description document dump file html image json log logs markdown message note notes output payload pdf photo picture
	raw report script snapshot source stacktrace svg text thumbnail trace transcript video xml`)

func (p *pass) payload(at part) {
	const reference = "; or publish a reference to it"
	switch {
	case at.is("array"):
		most := at.Get("maxItems")
		switch n, bounded := most.Number(); {
		case bounded && n.Cmp(big.NewRat(manyItems, 1)) > 0:
			p.report(most, "lower maxItems"+reference, "%s can have %s items", what(at, "the array"), most.Scalar())
		case !bounded && !at.has("enum", "const") && (at.has("items") || !at.has("prefixItems")):
			p.report(at.Tree, "add maxItems"+reference, "%s can have any number of items", what(at, "the array"))
		}
	case at.is("string"):
		most := at.Get("maxLength")
		encoded := at.has("contentEncoding", "contentMediaType") || at.Get("format").String() == "binary" || at.Get("format").String() == "byte"
		switch n, bounded := most.Number(); {
		case bounded && n.Cmp(big.NewRat(manyCharacters, 1)) > 0:
			p.report(most, "lower maxLength"+reference, "%s can have %s characters", what(at, "the string"), most.Scalar())
		case bounded || at.has("enum", "const", "pattern"):
		case encoded || content[last(words(at.property))] && !at.has("format"):
			p.report(at.Tree, "add maxLength"+reference, "%s can be of any length", what(at, "the string"))
		}
	}
}

// what names a schema in a finding.
func what(at part, otherwise string) string {
	if at.property == "" {
		return otherwise
	}
	return `"` + at.property + `"`
}
