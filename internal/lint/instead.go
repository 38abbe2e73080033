package lint

import "regexp"

var rareEvents = &Rule{ID: "rare-events", Severity: Info,
	Reason: "A connection held open all day for a few events costs both sides more than being called: webhooks are for that.",
	check: func(p *pass) {
		p.tell(rareText, "send a webhook, or let clients ask for a page of history", "says that its events are rare")
	}}

var guaranteedProcessing = &Rule{ID: "guaranteed-processing", Severity: Warning,
	Reason: "A stream tells everyone what happened; that somebody worked through each event, once, is what queues with acknowledgements are for.",
	check: func(p *pass) {
		p.tell(guaranteeText, "use a queue or a webhook with retries for the work, and the stream to tell about it", "promises that events are worked through")
		for _, s := range p.streams {
			if all := words(s.name); last(all) == "queue" || last(all) == "jobs" {
				p.report(s.at, "use a queue for the work, and the stream to tell about it", "%s is named like a queue of work", p.name(s))
			}
		}
	}}

var (
	rareText = regexp.MustCompile(`(?i)\b(is|are|very|quite) rare\b|\b(rarely|seldom) (happens?|comes?|changes?|occurs?|fires?|sent|published)\b|\b(daily|weekly|monthly|quarterly|yearly|annually|nightly|infrequent(ly)?)\b` +
		`|\b(once|twice|a few times|few times|one) (a|an|per|each|every) (day|week|month|quarter|year)\b|\b(each|every) (night|day|week|month|quarter|year)\b|\bend of (the |each |every )?(day|week|month|quarter|year)\b`)
	guaranteeText = regexp.MustCompile(`(?i)\b(process(ed|es)?|handled?|executed?|delivered|booked|captured|charged|done|worked)\b[^.;]{0,40}\bexactly[- ]once\b|\bexactly[- ]once (processing|delivery|semantics)\b|\bexactly one worker\b|\bno loss (is )?tolerated\b|\b(un)?acknowledg|\bredeliver|\bcompet(e|es|ing) for\b|\b(must|may|can) (never|not) be (lost|missed|skipped|dropped)\b|\bmust(n't| not) (lose|miss|skip)\b` +
		`|\bmust (all )?be (processed|handled|executed|worked)\b|\bguaranteed? (to be )?(processing|processed|delivery|delivered|execution|executed)\b|\bguarantees? (the )?(processing|delivery|execution)\b` +
		`|\b(dead[- ]letter|consumer group|work queue|job queue|task queue)|\bprocess(es|ed)? (each|every|all)\b`)
)

// tell reports each text of a stream, or of one of its types, that a pattern is found in.
func (p *pass) tell(pattern *regexp.Regexp, fix, says string) {
	for _, s := range p.streams {
		for _, text := range s.texts {
			if found := pattern.FindString(text.String()); found != "" {
				p.report(text, fix, `%s %s ("%s")`, p.name(s), says, found)
			}
		}
		for _, m := range append(s.events, s.commands...) {
			for _, text := range m.texts {
				if found := pattern.FindString(text.String()); found != "" {
					p.report(text, fix, `type "%s" %s ("%s")`, m.name, says, found)
				}
			}
		}
	}
}
