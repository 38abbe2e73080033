package lint

import "strings"

var versionMissing = &Rule{ID: "version-missing", Severity: Warning,
	Reason: "Without a version nobody can say what a client was written against, nor that it will break.",
	check: func(p *pass) {
		version := p.info.Get("version")
		switch text := version.Scalar(); {
		case !version.Exists():
			p.report(p.info, "add info.version, such as 1.0.0", "the API has no version")
		case text == "", strings.HasPrefix(text, "0.0.0"):
			p.report(version, "give it a version that grows with what it promises, such as 1.0.0", `"%s" is no version yet`, text)
		}
	}}
