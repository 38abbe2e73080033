package contract

import (
	"os"
	"regexp"
	"strings"
)

var (
	// Every ${ begins a variable, as far as its }: one that is written wrong must not pass as text. $${ is a literal ${.
	variable     = regexp.MustCompile(`\$\$\{|\$\{([^}]*)(\}?)`)
	variableForm = regexp.MustCompile(`(?s)^([A-Za-z_][A-Za-z0-9_]*)(:-.*)?$`)
)

// fillIn replaces ${NAME} and ${NAME:-default} within one scalar, after YAML was read: what the environment holds
// cannot add structure. As in a shell, the default also stands in for an empty one.
func (r *reading) fillIn(v *value) {
	if !strings.Contains(v.text, "${") {
		return
	}
	v.text = variable.ReplaceAllStringFunc(v.text, func(match string) string {
		if match == "$${" {
			return "${"
		}
		v.filled = true
		parts := variable.FindStringSubmatch(match)
		form := variableForm.FindStringSubmatch(parts[1])
		if reason := wrongVariable(parts[1], parts[2] != "", form != nil); reason != "" {
			r.errorf(v.at, "%s %s: write ${NAME} or ${NAME:-default}; a plain ${ is written $${", oneLine(shorten(match)), reason)
			v.broken = true
			return ""
		}
		name, fallback := form[1], form[2]
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

// startsWithName tells a wrong form, such as a shell's ${NAME:?text}, from a wrong name.
var startsWithName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*[^A-Za-z0-9_ .]`)

// wrongVariable says what is wrong with what stands between ${ and }, "" where nothing is.
func wrongVariable(inner string, closed, formed bool) string {
	switch {
	case strings.Contains(inner, "${"): // whose } would end the default
		return "has another ${ within it"
	case !closed:
		return "has no } at its end"
	case formed:
		return ""
	case startsWithName.MatchString(inner):
		return "is not a form that is filled"
	}
	return "has no valid name (letters, digits and _, but no digit first)"
}

// oneLine keeps a message on its line, whatever the text that it names.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
