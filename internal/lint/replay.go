package lint

import (
	"regexp"

	"github.com/leatstream/leat/contract"
)

var replayWithoutStorage = &Rule{ID: "replay-without-storage", Severity: Warning,
	Reason: "A stream of durability none stores nothing: who was away has missed it, whatever the text says.",
	check: func(p *pass) {
		for _, s := range p.streams {
			if s.at.Get("durability").String() != string(contract.None) {
				continue
			}
			for _, text := range s.texts {
				p.promise(s, text)
			}
			for _, m := range s.events {
				for _, text := range m.texts {
					p.promise(s, text)
				}
			}
		}
	}}

var (
	replayText = regexp.MustCompile(`(?i)\b(re-?play(s|ed|able|ing)?|resum(e|es|ed|ing|able)|catch(es|ing)? up|histor(y|ic|ical)|(get|gets|receive|receives|read|see)s? what (was|they|it|he|she|you) missed|missed events|back-?fill|from the (beginning|start)|earliest|last-event-id|nothing is lost|no (event )?loss|(ever|never) lost|offline|at least once)\b`)
	// What comes before in the same sentence turns a promise around.
	// "No event is ever lost" denies the loss, not the promise.
	kept   = regexp.MustCompile(`(?i)\b(lost|loss)$`)
	denial = regexp.MustCompile(`(?i)\b(no|not|never|without|cannot|can't|don't|doesn't|nobody|neither|nor|isn't|won't)\b[^.;]{0,40}$`)
)

func (p *pass) promise(s *stream, text contract.Tree) {
	for _, at := range replayText.FindAllStringIndex(text.String(), -1) {
		if !kept.MatchString(text.String()[at[0]:at[1]]) && denial.MatchString(text.String()[:at[0]]) {
			continue
		}
		p.report(text, "give it durability: memory or disk, or take the promise out",
			`stream "%s" stores nothing, but its text promises "%s"`, s.name, text.String()[at[0]:at[1]])
		return
	}
}
