package contract

import (
	"errors"
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// uriTemplate is the format of that name. The validator's own refuses {/name}, in which it takes the slash for the end of a
// segment.
var uriTemplate = &jsonschema.Format{Name: "uri-template", Validate: func(value any) error {
	if text, ok := value.(string); ok && !uriTemplateText.MatchString(text) {
		return errors.New("is no URI template")
	}
	return nil
}}

// uriTemplateText is RFC 6570, section 2, with the apostrophe among the literals (its erratum 6937).
var uriTemplateText = func() *regexp.Regexp {
	const (
		percent  = `%[0-9A-Fa-f]{2}`
		literal  = "[^\\x00-\\x20\"%<>\\\\^`{|}\\x7f]|" + percent
		char     = `(?:[A-Za-z0-9_]|` + percent + `)`
		variable = char + `(?:\.?` + char + `)*(?::[1-9][0-9]{0,3}|\*)?`
	)
	return regexp.MustCompile(`^(?:` + literal + `|\{[+#./;?&=,!@|]?` + variable + `(?:,` + variable + `)*\})*$`)
}()
