package contract

import (
	"fmt"
	"strconv"
)

// Bump is which number of a semantic version (semver.org) has to count up.
type Bump int

// What has to count up.
const (
	Unchanged Bump = iota
	Patch          // only texts, or what whoever runs the API may change at any time
	Minor          // something is new
	Major          // something breaks
)

// String is none, patch, minor or major.
func (b Bump) String() string { return [...]string{"none", "patch", "minor", "major"}[b] }

// Bump is what the changes ask for. Of a version 0.y.z, with which anything may change (semver.org, item 4), what breaks
// counts up the minor number and all else the patch.
func (c Changes) Bump() Bump {
	most := Unchanged
	for _, change := range c.List {
		most = max(most, change.Bump)
	}
	if parseVersion(c.From).core[0] == 0 && most > Patch {
		most--
	}
	return most
}

// Wants is the lowest version without a pre-release that says enough after From.
func (c Changes) Wants() string {
	core := parseVersion(c.From).core
	switch c.Bump() {
	case Major:
		core = [3]uint64{core[0] + 1, 0, 0}
	case Minor:
		core = [3]uint64{core[0], core[1] + 1, 0}
	case Patch:
		core[2]++
	case Unchanged:
	}
	return fmt.Sprintf("%d.%d.%d", core[0], core[1], core[2])
}

// Enough tells whether To says enough after From. A pre-release promises nothing (semver.org, item 9): after it any
// other version will do that is not older, and one of what is wanted is enough too.
func (c Changes) Enough() bool {
	from, to, wanted := parseVersion(c.From), parseVersion(c.To), parseVersion(c.Wants())
	if len(c.List) == 0 {
		return true
	}
	if from.pre {
		return to.core != from.core && !to.before(from) || to.core == from.core && c.To != c.From
	}
	return !to.before(wanted)
}

type version struct {
	core [3]uint64
	pre  bool
}

// parseVersion takes what the contract's reader has taken.
func parseVersion(text string) version {
	parts := semver.FindStringSubmatch(text)
	if parts == nil {
		return version{}
	}
	v := version{pre: parts[4] != ""}
	for i := range v.core {
		v.core[i], _ = strconv.ParseUint(parts[i+1], 10, 64) // of at most 19 digits
	}
	return v
}

// before compares the three numbers.
func (v version) before(other version) bool {
	for i := range v.core {
		if v.core[i] != other.core[i] {
			return v.core[i] < other.core[i]
		}
	}
	return false
}
