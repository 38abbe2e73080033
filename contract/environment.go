package contract

import (
	"os"
	"regexp"
	"strings"
)

// Of ${…} only a name, or a name and a default, is ours: patterns of schemas hold others. $${ is a literal ${.
var variable = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)

// fillIn replaces ${NAME} and ${NAME:-default} within one scalar, after YAML was read: what the environment holds
// cannot add structure. As in a shell, the default also stands in for an empty one.
func (r *reading) fillIn(v *value) {
	if !strings.Contains(v.text, "${") {
		return
	}
	v.text = variable.ReplaceAllStringFunc(v.text, func(match string) string {
		parts := variable.FindStringSubmatch(match)
		name, fallback := parts[1], parts[2]
		if name == "" {
			return "${"
		}
		v.filled = true
		text, set := os.LookupEnv(name)
		switch {
		case fallback != "" && text == "":
			return fallback[len(":-"):]
		case !set:
			r.errorf(v.at, "environment variable %s is not set: set it, or give a default: ${%s:-default}", name, name)
			v.broken = true
		}
		return strings.ToValidUTF8(text, "\uFFFD")
	})
}
