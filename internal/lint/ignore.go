package lint

import (
	"regexp"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A comment that wants findings ignored: # leat-ignore: ID reason.
var ignoreComment = regexp.MustCompile(`(?:^|\s)#\s*leat-ignore\b:?\s*(\S*)[ \t]*(.*?)\s*$`)

// ignores are the stretches of lines in which a rule's findings are not wanted.
type ignores []ignore

type ignore struct {
	rule     string
	from, to int // lines, both inclusive
}

func (all ignores) cover(line int, rule string) bool {
	for _, one := range all {
		if one.rule == rule && one.from <= line && line <= one.to {
			return true
		}
	}
	return false
}

// wrongIgnore is the rule of comments that ignore nothing. It cannot be ignored, and does not look by itself.
var wrongIgnore = &Rule{ID: "wrong-ignore", Severity: Warning,
	Reason: "An exception without a rule is of no effect, and without a reason nobody knows when it can go."}

// readIgnores finds the comments. One that has a line for itself is about the next line with text, and about all that
// is indented below that; one at the end of a line is about that line and what is indented below it.
func readIgnores(file string, text []byte) (ignores, []Finding) {
	var all ignores
	var wrong []Finding
	lines := strings.Split(string(text), "\n")
	for n, line := range lines {
		found := ignoreComment.FindStringSubmatchIndex(line)
		if found == nil {
			continue
		}
		rule, reason := line[found[2]:found[3]], line[found[4]:found[5]]
		tell := func(what, fix string) {
			at := contract.Error{File: file, Line: n + 1, Col: found[0] + 1, Text: what}
			wrong = append(wrong, Finding{at, wrongIgnore, fix})
		}
		switch {
		case !known(rule):
			tell(`leat-ignore names no rule: "`+rule+`"`, "write # leat-ignore: ID reason, with the ID that stands at the end of the finding")
		case reason == "":
			tell("leat-ignore gives no reason for "+rule, "write the reason after the rule: # leat-ignore: "+rule+" because …")
		default:
			first := n
			if strings.TrimSpace(line[:found[0]]) == "" {
				for first++; first < len(lines) && blank(lines[first]); first++ {
				}
			}
			all = append(all, ignore{rule, first + 1, blockEnd(lines, first)})
		}
	}
	return all, wrong
}

func known(id string) bool {
	for _, rule := range rules {
		if rule.ID == id {
			return true
		}
	}
	return false
}

// blockEnd is the last line, counted from 1, of what is indented below the line with index first.
func blockEnd(lines []string, first int) int {
	if first >= len(lines) {
		return first
	}
	end := first
	for n := first + 1; n < len(lines); n++ {
		if blank(lines[n]) {
			continue
		}
		if indent(lines[n]) <= indent(lines[first]) {
			break
		}
		end = n
	}
	return end + 1
}

func blank(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "#")
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
