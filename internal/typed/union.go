package typed

import (
	"slices"

	"github.com/leatstream/leat/contract"
)

// union finds a choice between objects that a member tells apart: required in each, and a string that is the same for
// all objects of one and for none of another.
func (s spec) union(entries []entry) []branch {
	for _, e := range entries {
		if slices.Contains(s.decided, e.Node) {
			continue
		}
		for _, choice := range [][]*contract.Node{e.OneOf, e.AnyOf} {
			rest, _ := s.alternatives(choice)
			if len(rest) < 2 {
				continue
			}
			if branches := tellApart(entries, rest); branches != nil {
				return branches
			}
		}
	}
	return nil
}

func hasNullBranch(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool {
		return slices.ContainsFunc(e.OneOf, isNullOnly) || slices.ContainsFunc(e.AnyOf, isNullOnly)
	})
}

// areObjects tells whether each branch says of itself that it is of objects.
func areObjects(branches []branch) bool {
	return !slices.ContainsFunc(branches, func(b branch) bool {
		allowed, _ := specOf(b.node).allowed(specOf(b.node).flatten())
		return allowed&^(isObject|isNull) != 0
	})
}

func tellApart(around []entry, choice []*contract.Node) []branch {
	first := specOf(choice[0]).flatten()
	for _, e := range first {
		for _, p := range e.Properties {
			if branches := byMember(p.Name, around, choice); branches != nil {
				return branches
			}
		}
	}
	return nil
}

func byMember(name string, around []entry, choice []*contract.Node) []branch {
	var branches []branch
	for _, n := range choice {
		entries := specOf(n).flatten()
		value, ok := tellingValue(name, entries)
		if !ok || !requires(append(slices.Clone(around), entries...), name) ||
			slices.ContainsFunc(branches, func(b branch) bool { return b.value == value }) {
			return nil
		}
		branches = append(branches, branch{value, n})
	}
	return branches
}

func tellingValue(name string, entries []entry) (string, bool) {
	var nodes []*contract.Node
	for _, e := range entries {
		for _, p := range e.Properties {
			if p.Name == name {
				nodes = append(nodes, p.Schema)
			}
		}
	}
	if nodes == nil {
		return "", false
	}
	constant := constantOf(specOf(nodes...).flatten())
	if constant == nil {
		return "", false
	}
	text, ok := (*constant).(string)
	return text, ok
}

// constantOf gives the only value that is valid, nil where there are more.
func constantOf(entries []entry) *any {
	for _, e := range entries {
		switch {
		case e.orNull:
		case e.Const != nil:
			return e.Const
		case len(e.Enum) == 1:
			return &e.Enum[0]
		}
	}
	return nil
}

func requires(entries []entry, name string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return slices.Contains(e.Required, name) })
}

// teller names the member that tells the branches of a union apart.
func (sh *shape) teller() string {
	for _, e := range specOf(sh.branches[0].node).flatten() {
		for _, p := range e.Properties {
			choice := make([]*contract.Node, len(sh.branches))
			for i, b := range sh.branches {
				choice[i] = b.node
			}
			if byMember(p.Name, sh.entries, choice) != nil {
				return p.Name
			}
		}
	}
	panic("typed: a union without a member that tells")
}
