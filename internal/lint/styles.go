package lint

import (
	"regexp"
	"strings"

	"github.com/leatstream/leat/contract"
)

var mixedNames = &Rule{ID: "mixed-names", Severity: Info,
	Reason: "Who has seen one name guesses the next one; names of two styles make every second guess wrong.",
	check: func(p *pass) {
		var properties, commands styles
		for _, s := range p.streams {
			var types styles
			for _, m := range s.events {
				types.add(m.at, m.name)
			}
			for _, m := range s.commands {
				commands.add(m.at, m.name)
			}
			p.mixed("event types", types)
		}
		p.mixed("commands", commands)
		p.parts(func(at part) {
			if at.property != "" && at.Name() == at.property {
				properties.add(at.Tree, at.property)
			}
		})
		p.mixed("properties", properties)
	}}

// styles are names by the style that they show, in the order in which the styles were met.
type styles struct {
	order []string
	names map[string][]named
}

type named struct {
	contract.Tree
	name string
}

func (s *styles) add(at contract.Tree, name string) {
	style := styleOf(name)
	if style == "" {
		return
	}
	if s.names == nil {
		s.names = map[string][]named{}
	}
	if s.names[style] == nil {
		s.order = append(s.order, style)
	}
	s.names[style] = append(s.names[style], named{at, name})
}

// styleOf names a name's style; "" of a single word in small letters, which goes with all of them.
func styleOf(name string) string {
	switch {
	case strings.Contains(name, "."):
		segments := ""
		for segment := range strings.SplitSeq(name, ".") {
			if style := styleOf(segment); style != "" {
				segments = " of " + style
			}
		}
		return "dotted" + segments
	case plainName.MatchString(name):
		return ""
	case strings.Contains(name, "-"):
		return "kebab-case"
	case shouting.MatchString(name):
		return "UPPER_CASE"
	case strings.Contains(strings.Trim(name, "_"), "_"):
		return "snake_case"
	case camelName.MatchString(name):
		return "camelCase"
	case pascalName.MatchString(name):
		return "PascalCase"
	}
	return "" // such as $ref, or what is no Latin
}

var (
	plainName  = regexp.MustCompile(`^[a-z0-9]+$`)
	camelName  = regexp.MustCompile(`^[a-z][a-z0-9]*([A-Z][A-Za-z0-9]*)+$`)
	pascalName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$`)
)

// mixed reports the first name of each style that is not the most common one. Dotted names go with dotted names of one
// more style: order.shipped shows nothing of how order.itemAdded is written.
func (p *pass) mixed(of string, s styles) {
	if s.names["dotted"] != nil && len(s.order) == 2 {
		other := s.order[0]
		if other == "dotted" {
			other = s.order[1]
		}
		if strings.HasPrefix(other, "dotted of") && !strings.HasSuffix(other, "PascalCase") && !strings.HasSuffix(other, "UPPER_CASE") {
			return
		}
	}
	most := ""
	for _, style := range s.order {
		if len(s.names[style]) > len(s.names[most]) {
			most = style
		}
	}
	for _, style := range s.order {
		if style != most {
			at := s.names[style][0]
			p.report(at.Tree, "write all of them in one style, in a new version of the API", `%s mix styles: "%s" is %s, "%s" is %s`,
				of, at.name, style, s.names[most][0].name, most)
		}
	}
}
