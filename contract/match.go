package contract

import (
	"math"
	"slices"
)

// match compares several alternatives, of which each new one is best compared to the old one that it comes from.
func (c *comparison) match(pointer string, at place, kind types, was, is []alternative) {
	m := matching{trials: make([][][]difference, len(was)), oldLeft: map[int]bool{}, newLeft: map[int]bool{}}
	for i := range was {
		m.oldLeft[i] = true
		m.trials[i] = make([][]difference, len(is))
		for j := range is {
			sub := comparison{old: c.old, now: c.now, within: c.within, left: c.left}
			sub.compareAlternatives(pointer, at, kind, was[i], is[j])
			m.trials[i][j] = sub.found
		}
	}
	for j := range is {
		m.newLeft[j] = true
	}
	for {
		i, j, ok := m.nearest(was, is)
		if !ok {
			break
		}
		delete(m.oldLeft, i)
		delete(m.newLeft, j)
		for _, d := range m.trials[i][j] {
			d.wider, d.narrower = d.wider && !m.isOld(j), d.narrower && !m.isStill(i)
			if d.wider || d.narrower || d.kind != differs {
				c.add(d)
			}
		}
	}
	for i := range was {
		if m.oldLeft[i] && !m.isStill(i) {
			c.add(difference{pointer: pointer, at: at, narrower: true, text: "one alternative of " + kind.String() + " less"})
		}
	}
	for j := range is {
		if m.newLeft[j] && !m.isOld(j) {
			c.add(difference{pointer: pointer, at: c.place(at, last(is[j].parts)), wider: true, text: "one alternative of " + kind.String() + " more"})
		}
	}
}

// last gives the part of an alternative that is its own.
func last[T any](parts []T) []T {
	if len(parts) == 0 {
		return nil
	}
	return parts[len(parts)-1:]
}

// A matching has what differs between each old alternative and each new one, and which have found each other.
type matching struct {
	trials           [][][]difference
	oldLeft, newLeft map[int]bool
}

// isOld tells whether all that a new alternative lets in was let in before.
func (m *matching) isOld(j int) bool {
	return slices.ContainsFunc(m.trials, func(row [][]difference) bool { return !widens(row[j]) })
}

// isStill tells whether all that an old alternative let in is let in by a new one.
func (m *matching) isStill(i int) bool {
	return slices.ContainsFunc(m.trials[i], func(found []difference) bool { return !narrows(found) })
}

// nearest gives the pair with the fewest differences of those that are left and have something in common.
func (m *matching) nearest(was, is []alternative) (old, now int, ok bool) {
	fewest := math.MaxInt
	for i := range was {
		for j := range is {
			if m.oldLeft[i] && m.newLeft[j] && !was[i].excludes(&is[j], nil) && len(m.trials[i][j]) < fewest {
				old, now, ok, fewest = i, j, true, len(m.trials[i][j])
			}
		}
	}
	return old, now, ok
}
