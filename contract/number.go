package contract

import (
	"fmt"
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

// maxNumber is the longest number in characters. A double has 17 digits; the exact fractions with which schemas are
// checked take 4 s over a million, and a million behind the point are more than they can hold.
const maxNumber = 1000

// beyondDouble says why a number of JSON is none that a double can be near (RFC 7493, section 2.2), "" where it can.
// Others make the validator's exact arithmetic costly, or panic.
func beyondDouble(number string) string {
	if len(number) > maxNumber {
		return fmt.Sprintf("a number has at most %d characters (RFC 7493, section 2.2): make it a string", maxNumber)
	}
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return ""
	}
	exponent, err := strconv.Atoi(strings.TrimPrefix(number[i+1:], "+"))
	if err != nil || exponent < -400 || exponent > 400 {
		return fmt.Sprintf("%s is out of the range of a number in JSON", shorten(number))
	}
	return ""
}
