package typed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// set tells specs apart by the schemas that hold, whatever $ref and allOf lead to them; size says how many those are.
func (s spec) set(ids map[*contract.Node]int, sh shape) (key string, size int) {
	var holds, decided []int
	for _, e := range sh.entries {
		if e.Bare || s.passes(e.Node) {
			continue
		}
		if ids[e.Node] == 0 {
			ids[e.Node] = len(ids) + 1
		}
		holds = append(holds, ids[e.Node])
		if slices.Contains(s.decided, e.Node) && (e.AnyOf != nil || e.OneOf != nil) {
			decided = append(decided, ids[e.Node])
		}
	}
	slices.Sort(holds)
	slices.Sort(decided)
	var b strings.Builder
	fmt.Fprint(&b, holds, sh.types, decided)
	return b.String(), len(holds)
}

// passes tells whether the node is a choice of which one thing alone is left, perhaps beside null, and nothing else.
func (s spec) passes(n *contract.Node) bool {
	if !onlyChoice(n) || slices.Contains(s.decided, n) {
		return false
	}
	rest, _ := s.alternatives(append(slices.Clone(n.AnyOf), n.OneOf...))
	return len(rest) == 1
}

// alone gives the one of the spec's schemas that says all that the others do, where that is one that is referred to:
// base and what extends base are together what extends base.
func (m *mapper) alone(s spec, set, locked string) (spec, bool) {
	if len(s.nodes) < 2 {
		return s, false
	}
	for _, n := range s.nodes {
		one := s
		one.nodes = []*contract.Node{n}
		one, referred := one.reduce()
		if !referred {
			continue
		}
		if known := m.lock.get(locked); known != nil && known.From != one.nodes[0].Source {
			continue
		}
		if same, _ := one.set(m.ids, m.shape(one)); same == set {
			return one, true
		}
	}
	return s, false
}

// A merge is what was made of one set of schemas that hold together within one message of the package's own level.
type merge struct {
	made   int
	shared []*message // directly in that message, where whatever is in it can refer to them
}

// merged finds the message of a set of schemas. Else it says where to make it, and what to add it to. The first is where it is used
// and the second is shared by all others: schemas that refer to each other meet again in every order, and each order would
// have messages of its own. What the lock has stays.
func (m *mapper) merged(scope *message, set, locked string) (known, home *message, all *merge) {
	for around := scope; around != nil; around = around.parent {
		if around.set == set && (locked == "" || locked == around.name) {
			return around, nil, nil
		}
	}
	root := scope
	for root.parent != nil {
		root = root.parent
	}
	key := root.name + set
	all = m.merges[key]
	if all == nil {
		all = &merge{}
		m.merges[key] = all
	}
	for _, msg := range all.shared {
		if locked == msg.name || locked == "" && all.made > 1 {
			return msg, nil, nil
		}
	}
	if locked == root.name+"."+last(locked) || locked == "" && all.made > 0 {
		scope = root
	}
	return nil, scope, all
}

func (all *merge) add(msg, scope *message) {
	all.made++
	if scope.parent == nil {
		all.shared = append(all.shared, msg)
	}
}
