package document

import (
	"encoding/json"
	"math/big"
	"slices"

	"github.com/leatstream/leat/contract"
)

// makeSample gives data that a schema takes, for types of which the contract has no example; nil where what comes to
// mind is not valid, as where a text has to match a pattern.
func makeSample(t *contract.EventType) json.RawMessage {
	text, err := marshal(sampler{}.of(t.Schema.Root))
	if err != nil {
		return nil
	}
	data, err := contract.DecodeJSON(text)
	if err != nil || len(t.Schema.Validate(data)) > 0 {
		return nil
	}
	return text
}

// A sampler is how deep in a schema one is: as schemas can lead to themselves, not too deep.
type sampler struct{ depth int }

const deepest = 6

// of gives a value of a schema; what the schema does not ask for is left out.
func (s sampler) of(n *contract.Node) any {
	if n == nil || s.depth > deepest {
		return Object{}
	}
	s.depth++
	var object Object
	switch {
	case n.Const != nil:
		return *n.Const
	case len(n.Enum) > 0:
		return n.Enum[0]
	case s.kind(n) == "object":
		object = Object{}
	case s.kind(n) != "":
		return s.scalar(n, s.kind(n))
	}
	for _, part := range parts(n) {
		more, ok := s.of(part).(Object)
		if !ok {
			return s.of(part)
		}
		for _, m := range more {
			object.Set(m.Name, m.Value)
		}
	}
	for _, name := range n.Required {
		if !object.Has(name) {
			object.Set(name, s.member(n, name))
		}
	}
	return object
}

// parts are the schemas that a value has to be valid under too, of alternatives the first.
func parts(n *contract.Node) []*contract.Node {
	all := slices.Clone(n.AllOf)
	if n.Ref != nil {
		all = append(all, n.Ref)
	}
	for _, either := range [][]*contract.Node{n.OneOf, n.AnyOf} {
		if len(either) > 0 {
			all = append(all, either[0])
		}
	}
	return all
}

func (s sampler) member(n *contract.Node, name string) any {
	for _, p := range n.Properties {
		if p.Name == name {
			return s.of(p.Schema)
		}
	}
	return s.of(n.Additional)
}

// kind is the first type that is not null.
func (s sampler) kind(n *contract.Node) string {
	for _, kind := range n.Types {
		if kind != "null" || len(n.Types) == 1 {
			return kind
		}
	}
	return ""
}

// texts are by format.
var texts = map[string]string{
	"date-time": "2024-05-01T10:00:00Z", "date": "2024-05-01", "time": "10:00:00Z", "duration": "PT90S", "email": "alice@example.org",
	"hostname": "example.org", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uri": "https://example.org/", "iri": "https://example.org/",
	"uuid": "5f0c9d1e-7a3b-4c2d-8e6f-1a2b3c4d5e6f", "semver": "1.0.0", "json-pointer": "/a", "regex": "a",
}

func (s sampler) scalar(n *contract.Node, kind string) any {
	switch kind {
	case "string":
		if text := texts[n.Format]; text != "" {
			return text
		}
		return "text"
	case "integer", "number":
		return sampleNumber(n)
	case "boolean":
		return true
	case "array":
		items := []any{}
		for _, item := range n.Prefix {
			items = append(items, s.of(item))
		}
		if n.Items != nil && len(items) == 0 && !n.Items.Never && s.depth < deepest {
			items = append(items, s.of(n.Items))
		}
		return items
	}
	return nil
}

// sampleNumber is a whole number as small as it may be, and at least 1 if it may.
func sampleNumber(n *contract.Node) json.Number {
	value := big.NewRat(1, 1)
	switch {
	case n.Minimum != nil && n.Minimum.Cmp(value) > 0:
		value = ceiling(n.Minimum)
	case n.ExclusiveMinimum != nil && n.ExclusiveMinimum.Cmp(value) >= 0:
		value = new(big.Rat).Add(floor(n.ExclusiveMinimum), big.NewRat(1, 1))
	case n.Maximum != nil && n.Maximum.Cmp(value) < 0:
		value = floor(n.Maximum)
	case n.ExclusiveMaximum != nil && n.ExclusiveMaximum.Cmp(value) <= 0:
		value = new(big.Rat).Sub(ceiling(n.ExclusiveMaximum), big.NewRat(1, 1))
	}
	return json.Number(value.RatString())
}

func floor(r *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Div(r.Num(), r.Denom())) // of Euclid: the denominator is positive
}

func ceiling(r *big.Rat) *big.Rat {
	return new(big.Rat).Neg(floor(new(big.Rat).Neg(r)))
}
