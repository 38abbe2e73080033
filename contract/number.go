package contract

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	// YAML 1.2, section 10.3.2; of infinity and NaN JSON has none.
	yamlNumber = regexp.MustCompile(`^([-+]?)(\d*)(?:\.(\d*))?([eE][-+]?\d+)?$`)
	jsonNumber = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$`)
)

// parseNumber gives a number of YAML's core schema as JSON writes it, with every digit kept.
func parseNumber(text string) (string, bool) {
	if text == "" || !strings.ContainsRune("+-.0123456789", rune(text[0])) {
		return "", false
	}
	if jsonNumber.MatchString(text) {
		return text, true
	}
	if number, ok := parsePrefixed(text); ok {
		return number, true
	}
	parts := yamlNumber.FindStringSubmatch(text)
	if parts == nil || parts[2] == "" && parts[3] == "" {
		return "", false
	}
	number := strings.TrimLeft(parts[2], "0")
	if number == "" {
		number = "0"
	}
	if parts[1] == "-" {
		number = "-" + number
	}
	if parts[3] != "" {
		number += "." + parts[3]
	}
	return number + parts[4], true
}

func parsePrefixed(text string) (string, bool) {
	base, digits := 16, strings.TrimPrefix(text, "0x")
	if digits == text {
		base, digits = 8, strings.TrimPrefix(text, "0o")
	}
	if digits == text {
		return "", false
	}
	number, err := strconv.ParseUint(digits, base, 64)
	return strconv.FormatUint(number, 10), err == nil
}

// inRange tells whether a number of JSON has an exponent that a double can have (RFC 7493, section 2.2). Others make
// the validator's exact arithmetic costly, or panic.
func inRange(number string) bool {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(strings.TrimPrefix(number[i+1:], "+"))
	return err == nil && -400 <= exponent && exponent <= 400
}
