package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/leatstream/leat/event"
)

// JSON writes a document as indented JSON.
func JSON(document any) ([]byte, error) {
	text, err := marshal(document)
	if err != nil {
		return nil, fmt.Errorf("document as JSON: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("document as JSON: %w", err)
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}

// YAML writes a document as YAML that says what its JSON says, in the same order. The library that reads contracts
// cannot: of texts with line breaks and of names it does not give every one back.
func YAML(document any) ([]byte, error) {
	text, err := marshal(document)
	if err != nil {
		return nil, fmt.Errorf("document as YAML: %w", err)
	}
	value, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("document as YAML: %w", err)
	}
	return append(bytes.TrimPrefix(appendYAML(nil, value, 0), []byte{'\n'}), '\n'), nil
}

// appendYAML appends a value that stands behind "name:" or "-", whose own lines begin at an indent.
func appendYAML(dst []byte, value any, indent int) []byte {
	switch value := value.(type) {
	case Object:
		if len(value) == 0 {
			return append(dst, " {}"...)
		}
		for _, m := range value {
			dst = appendLine(dst, indent, yamlText(m.Name, false)+":")
			dst = appendYAML(dst, m.Value, indent+2)
		}
		return dst
	case []any:
		if len(value) == 0 {
			return append(dst, " []"...)
		}
		for _, item := range value {
			dst = appendItem(appendLine(dst, indent, "-"), item, indent+2)
		}
		return dst
	case string:
		if blockText.MatchString(value) {
			return appendBlock(dst, value, indent)
		}
		return append(append(dst, ' '), yamlText(value, true)...)
	}
	return append(dst, fmt.Sprintf(" %v", scalar(value))...)
}

// appendItem puts the first member of an object on the line of its "-".
func appendItem(dst []byte, item any, indent int) []byte {
	inner := appendYAML(nil, item, indent)
	if o, ok := item.(Object); ok && len(o) > 0 {
		inner = append([]byte{' '}, bytes.TrimLeft(inner, "\n ")...)
	}
	return append(dst, inner...)
}

func appendLine(dst []byte, indent int, text string) []byte {
	return append(append(append(dst, '\n'), strings.Repeat(" ", indent)...), text...)
}

// appendBlock writes lines as they are (YAML 1.2.2, section 8.1.2).
func appendBlock(dst []byte, text string, indent int) []byte {
	dst = append(dst, " |"...)
	lines, ended := strings.CutSuffix(text, "\n")
	switch {
	case !ended:
		dst = append(dst, '-')
	case strings.HasSuffix(lines, "\n"):
		dst = append(dst, '+')
	}
	for line := range strings.SplitSeq(lines, "\n") {
		if line == "" {
			dst = append(dst, '\n')
			continue
		}
		dst = appendLine(dst, indent, line)
	}
	return dst
}

var (
	// plainText and plainName need no quotes in any version of YAML, unless they are a word of wordText.
	plainText = regexp.MustCompile(`^[A-Za-z/$]([!-~]|[ -~]*[!-~])?$`)
	notPlain  = regexp.MustCompile(`: | #|:$`)
	plainName = regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./${}+-]*$`)
	wordText  = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
	// blockText is of more than one line, none of which begins or ends with white space.
	blockText = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?\n(([!-~]([ -~]*[!-~])?)?\n)*([!-~]([ -~]*[!-~])?\n?|\n)?$`)
)

// yamlText gives a text as it is where that is safe, else in the quotes of JSON, which YAML has too.
func yamlText(text string, value bool) string {
	plain := plainName.MatchString(text) || value && plainText.MatchString(text) && !notPlain.MatchString(text)
	if plain && !wordText.MatchString(text) {
		return text
	}
	return string(event.AppendString(nil, text))
}

func scalar(value any) any {
	switch value := value.(type) {
	case nil:
		return "null"
	case json.Number:
		return exponent.ReplaceAllStringFunc(string(value), inEveryYAML)
	}
	return value
}

var exponent = regexp.MustCompile(`(\.[0-9]+)?[eE][+-]?[0-9]+$`)

// inEveryYAML has the point and the sign without which YAML 1.1 takes a number with an exponent for a text.
func inEveryYAML(end string) string {
	fraction, power, _ := strings.Cut(strings.ToLower(end), "e")
	if fraction == "" {
		fraction = ".0"
	}
	if power[0] != '-' && power[0] != '+' {
		power = "+" + power
	}
	return fraction + "e" + power
}
