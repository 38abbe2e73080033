package event

import (
	"fmt"
	"strings"
	"time"
)

// ParseTime reads a time of RFC 3339 and gives it in UTC. Lower case letters are allowed (section 5.6).
func ParseTime(text string) (time.Time, error) {
	strict := strings.ToUpper(text)
	t, err := time.Parse(time.RFC3339, strict)
	if err != nil || lenient(strict) {
		return time.Time{}, fmt.Errorf("%.100q is not a time of RFC 3339, such as 2024-05-01T10:00:00Z", text)
	}
	return t.UTC(), nil
}

// lenient tells whether time.Parse took what RFC 3339 does not have (https://go.dev/issue/54580): an hour of one digit, a
// comma before the fraction, an offset beyond 23:59.
func lenient(text string) bool {
	const hour, fraction, offset = len("2006-01-02T15"), len("2006-01-02T15:04:05"), len("07:00")
	if text[hour] != ':' || text[fraction] == ',' {
		return true
	}
	zone := text[len(text)-offset:]
	return !strings.HasSuffix(text, "Z") && (zone[:2] > "23" || zone[3:] > "59")
}
