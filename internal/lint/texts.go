package lint

var summaryMissing = &Rule{ID: "summary-missing", Severity: Info,
	Reason: "The documents are made of the contract: what it does not say, each reader has to ask.",
	check: func(p *pass) {
		for _, s := range p.streams {
			if len(s.texts) == 0 {
				p.report(s.at, "add summary: and a sentence", "%s does not say what it is for", p.name(s))
			}
			for _, m := range append(s.events, s.commands...) {
				if !m.summary {
					p.report(m.at, "add summary: and a sentence", `type "%s" does not say what it means`, m.name)
				}
			}
		}
	}}

var exampleMissing = &Rule{ID: "example-missing", Severity: Info,
	Reason: "An example is what people read first, and what tools send when they try.",
	check: func(p *pass) {
		for _, m := range p.messages() {
			if !m.examples {
				p.report(m.at, "add examples: with one that is true to life", `type "%s" has no example`, m.name)
			}
		}
	}}
