// Package lint finds what an API's document may say and what is known to go wrong with streams: a rule for each piece of
// advice, with its reason and what to do instead. It reads contracts, and OpenAPI 3 and AsyncAPI documents as well.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A Finding is one place that a rule found.
type Finding struct {
	contract.Error       // FILE:LINE:COL: what was found
	Rule           *Rule // that found it
	Fix            string
}

// A Severity says how much a finding is likely to cost.
type Severity string

// The severities.
const (
	Warning Severity = "warning" // readers will suffer
	Info    Severity = "info"    // somebody will ask
)

// A Rule is one piece of advice.
type Rule struct {
	ID       string
	Severity Severity
	Reason   string // why it is advised, in a sentence
	check    func(*pass)
}

// Rules lists the rules, in the order of their names.
func Rules() []*Rule { return slices.Clone(rules) }

var rules = []*Rule{
	backendNames, exampleMissing, guaranteedProcessing, internalID, keyMissing, largePayload, longHeartbeat, mixedNames,
	openSchema, rareEvents, replayWithoutStorage, streamPerResource, summaryMissing, versionMissing, webSocketOneWay,
}

// A pass is one rule looking at one API.
type pass struct {
	*api
	rule  *Rule
	found []Finding
}

// Check lints a document, whose file names it in findings, and beside which its $ref are read. The findings come in the
// order of the file, without those that a comment in it wants ignored. The error is a contract.Errors where the document
// cannot be read.
func Check(file string, text []byte) ([]Finding, error) {
	a, err := read(file, text)
	if err != nil {
		return nil, err
	}
	ignored, found := readIgnores(file, text)
	for _, rule := range rules {
		p := &pass{api: a, rule: rule}
		rule.check(p)
		for _, f := range p.found {
			if f.File != file || !ignored.cover(f.Line, rule.ID) {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Rule.ID, b.Rule.ID),
			strings.Compare(a.Text, b.Text))
	})
	return slices.CompactFunc(found, func(a, b Finding) bool { return a.Error == b.Error && a.Rule == b.Rule }), nil
}

// report notes a finding, whose fix says what would be right.
func (p *pass) report(at contract.Tree, fix, format string, args ...any) {
	p.found = append(p.found, Finding{at.Error("%s", fmt.Sprintf(format, args...)), p.rule, fix})
}
