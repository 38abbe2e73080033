package lint

import (
	"regexp"
	"slices"
	"strings"
)

var internalID = &Rule{ID: "internal-id", Severity: Warning,
	Reason: "An id that only the storage knows means nothing to clients, changes when data moves, and tells strangers how much there is.",
	check: func(p *pass) {
		p.parts(func(at part) {
			if at.Name() != at.property || at.property == "" {
				return
			}
			const fix = "leave it out, or give an id that the API itself hands out"
			described := internalText.MatchString(at.Get("description").String()) || internalText.MatchString(at.Get("title").String())
			if internalName(at.property) || described {
				p.report(at.Tree, fix, `property "%s" is an id of the storage`, at.property)
			}
		})
	}}

var internalText = regexp.MustCompile(`(?i)\b(internal|database|surrogate|storage|auto-?increment(ed|ing)?) (row )?(id|key|identifier|number|primary key)\b|\bprimary key\b|\brow id\b`)

var internalNames = []string{
	"pk", "primary key", "surrogate key", "surrogate id", "row id", "rowid", "rid", "oid", "ctid", "object id", "db id",
	"db key", "database id", "shard id", "partition id", "record no", "recno", "auto id", "identity column",
}

func internalName(name string) bool {
	all := words(name)
	joined := strings.Join(all, " ")
	// MongoDB's own names its collection's ids _id.
	if name == "_id" || slices.Contains(internalNames, joined) {
		return true
	}
	id := slices.Contains([]string{"id", "key", "ref", "identifier", "no", "number"}, last(all))
	return id && len(all) > 1 && (slices.Contains(all, "internal") || slices.Contains(all, "db") || slices.Contains(all, "database") ||
		slices.Contains(all, "surrogate") || all[0] == "pk")
}
