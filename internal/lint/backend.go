package lint

import (
	"regexp"
	"slices"
	"strings"
)

var backendNames = &Rule{ID: "backend-names", Severity: Warning,
	Reason: "What is named after tables and columns changes with them, and breaks clients that know nothing of the database.",
	check: func(p *pass) {
		for _, m := range p.messages() {
			if reason := tableLike(m.name); reason != "" {
				p.report(m.at, "name it after what happened, such as order.shipped", `type "%s" %s`, m.name, reason)
			}
			p.changeRecord(m)
		}
		p.tell(databaseType, "say what it means and leave the database out", "tells of a database's type")
		p.parts(func(at part) {
			if reason := columnLike(at.property); reason != "" && at.Name() == at.property {
				p.report(at.Tree, "name it in the words of those who read it, such as orderId", `property "%s" %s`, at.property, reason)
			}
			for keyword := range at.Members() {
				text := keyword.String()
				if found := databaseType.FindString(text); found != "" && slices.Contains(describing, keyword.Name()) ||
					databaseKeyword.MatchString(keyword.Name()) {
					p.report(keyword, "say what the value means and leave the database out",
						"%s tells the database's type (%s)", what(at, "the schema"), strings.TrimSpace(keyword.Name()+" "+found))
				}
			}
		})
	}}

var (
	columnName = regexp.MustCompile(`(?i)^(tbl|col|fk|pk|idx)_|_(tbl|col|fk|pk|idx|fkey|pkey|flg)$|^(is_)?deleted_?(flag)?$|^(rowversion|row_version|xmin|ctid|__v|_class|_rev)$`)
	shouting   = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

	describing   = []string{"title", "description", "format", "$comment", "contentMediaType"}
	databaseType = regexp.MustCompile(`(?i:\b(n?varchar2?|bigint|smallint|tinyint|mediumint|datetime2|timestamptz|bytea|jsonb|longtext|mediumtext|bigserial|uniqueidentifier|objectid)\b)` +
		`|\b(CHAR|NUMERIC|DECIMAL|NUMBER)\s?\(\d+|\b(CLOB|BLOB|SERIAL|DATETIME|AUTO_INCREMENT|FOREIGN KEY|NOT NULL)\b`)
	databaseKeyword = regexp.MustCompile(`(?i)^x-(db|sql|column|table|postgres|mysql|oracle|mongo)(-|$)`)

	changes     = set("insert inserted update updated upsert upserted delete deleted truncate truncated change changed")
	imperatives = set("insert update upsert delete truncate")
)

func columnLike(name string) string {
	if name == "" {
		return ""
	}
	all := words(name)
	switch {
	case columnName.MatchString(name), shouting.MatchString(name):
		return "is named like a column"
	case len(all) > 1 && (all[0] == "fk" || all[0] == "tbl" || last(all) == "fk" || last(all) == "pk"):
		return "is named like a column"
	}
	return ""
}

func tableLike(name string) string {
	all := words(name)
	changed := false
	for _, word := range all {
		changed = changed || changes[word]
	}
	switch {
	case slices.Contains(all, "tbl"), changed && (slices.Contains(all, "row") || slices.Contains(all, "table")):
		return "is named like a table"
	case len(all) > 1 && imperatives[last(all)] && !isCommandLike(name):
		return "is named like a statement of a database"
	case shouting.MatchString(name):
		return "is named like a constant of a database"
	}
	return ""
}

// isCommandLike tells the imperative that is an order's own, such as requestUpdate, from orders.update.
func isCommandLike(name string) bool { return !strings.ContainsAny(name, "._-") }

// changeRecord finds the rows before and after that change data capture sends.
func (p *pass) changeRecord(m *message) {
	rows := 0
	for _, at := range p.members(m.schema) {
		if at.Name() == "before" || at.Name() == "after" || at.Name() == "op" {
			rows++
		}
	}
	if rows == 3 {
		p.report(m.at, "publish what the change means, as an event of its own", `type "%s" is a database's change record: before, after and op`, m.name)
	}
}
