package lint

var streamPerResource = &Rule{ID: "stream-per-resource", Severity: Warning,
	Reason: "A stream is for what clients must hear at once; resources that are read now and then are served better by a plain GET.",
	check: func(p *pass) {
		alike := 0
		for _, s := range p.streams {
			if onlyStored(s) {
				alike++
			}
		}
		if alike >= manyAlike && alike*10 >= len(p.streams)*8 {
			at := p.root.Get("streams")
			for _, elsewhere := range []string{"paths", "channels"} {
				if !at.Exists() {
					at = p.root.Get(elsewhere)
				}
			}
			p.report(at, "keep the streams that somebody waits for, and name their events after what happened",
				"%d of %d streams only tell that a resource was created, updated or deleted", alike, len(p.streams))
		}
	}}

const manyAlike = 4

var stored = set("create created update updated delete deleted change changed add added remove removed modified")

func onlyStored(s *stream) bool {
	for _, m := range s.events {
		if !stored[last(words(m.name))] {
			return false
		}
	}
	return len(s.events) > 0
}
