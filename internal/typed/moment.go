package typed

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// A moment is what a Timestamp or a Duration holds; exact tells whether that is all that the text says.
type moment struct {
	seconds int64
	nanos   int32
	exact   bool
}

const maxFraction = 9 // digits of nanoseconds

// parseTime reads a date-time of JSON Schema. Another offset is the same instant; more digits than nanoseconds have, and
// a leap second, are only near to it.
func parseTime(text string) (moment, error) {
	m := moment{exact: true}
	strict := strings.ToUpper(text)
	if dot := strings.IndexByte(strict, '.'); dot >= 0 {
		end := dot + 1
		for end < len(strict) && isDigit(strict[end]) {
			end++
		}
		if end-dot-1 > maxFraction {
			m.exact = strings.Trim(strict[dot+1+maxFraction:end], "0") == ""
			strict = strict[:dot+1+maxFraction] + strict[end:]
		}
	}
	leap := time.Duration(0)
	if const60 := len("2006-01-02T15:04:"); len(strict) > const60+2 && strict[const60:const60+2] == "60" {
		strict = strict[:const60] + "59" + strict[const60+2:]
		leap, m.exact = time.Second, false
	}
	t, err := time.Parse(time.RFC3339Nano, strict)
	if err != nil {
		return m, errors.New("must be a time of RFC 3339")
	}
	t = t.Add(leap)
	m.seconds, m.nanos = t.Unix(), int32(t.Nanosecond())
	if m.seconds < minTimestamp || m.seconds > maxTimestamp {
		return m, errors.New("must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z: the stream is offered over gRPC")
	}
	return m, nil
}

// The range of a google.protobuf.Timestamp, and of a google.protobuf.Duration.
const (
	minTimestamp, maxTimestamp = -62135596800, 253402300799
	maxDuration                = 315576000000
)

// The seconds of what has no fixed length are those of its mean in the Gregorian calendar.
var unitSeconds = map[string]int64{"Y": 31556952, "M": 2629746, "W": 604800, "D": 86400, "TH": 3600, "TM": 60, "TS": 1}

// parseDuration reads a duration of JSON Schema (RFC 3339, appendix A). Hours, minutes and seconds are exact.
func parseDuration(text string) (moment, error) {
	m := moment{exact: true}
	total, inTime, digits := new(big.Int), "", ""
	for _, c := range strings.TrimPrefix(text, "P") {
		switch {
		case c >= '0' && c <= '9':
			digits += string(c)
			continue
		case c == 'T':
			inTime = "T"
			continue
		}
		seconds, known := unitSeconds[inTime+string(c)]
		count, ok := new(big.Int).SetString(digits, 10)
		if !known || !ok {
			return m, errors.New("must be a duration of ISO 8601, such as PT1H30M")
		}
		m.exact = m.exact && inTime != ""
		total.Add(total, count.Mul(count, big.NewInt(seconds)))
		digits = ""
	}
	if total.Cmp(big.NewInt(maxDuration)) > 0 {
		return m, errors.New("must be at most 10,000 years: the stream is offered over gRPC")
	}
	m.seconds = total.Int64()
	return m, nil
}

// formatTime gives the text of a Timestamp.
func formatTime(seconds int64, nanos int32) (string, error) {
	if seconds < minTimestamp || seconds > maxTimestamp || nanos < 0 || nanos > 999_999_999 {
		return "", errors.New("is no valid google.protobuf.Timestamp: it must be from year 1 to 9999, with nanos from 0 to 999999999")
	}
	return time.Unix(seconds, int64(nanos)).UTC().Format(time.RFC3339Nano), nil
}

// formatDuration gives the text of a Duration. ISO 8601 as RFC 3339 has it knows neither fractions nor a sign.
func formatDuration(seconds int64, nanos int32) (string, error) {
	if seconds < 0 || seconds > maxDuration || nanos != 0 {
		return "", fmt.Errorf("must be whole seconds, from 0 to %d: a duration in JSON Schema has neither fractions nor a sign", int64(maxDuration))
	}
	if seconds == 0 {
		return "PT0S", nil
	}
	text := "PT"
	// Minutes stand between hours and seconds, or the grammar of RFC 3339, appendix A, does not have it.
	hours, minutes, rest := seconds/3600, seconds/60%60, seconds%60
	if hours > 0 {
		text += strconv.FormatInt(hours, 10) + "H"
	}
	if minutes > 0 || hours > 0 && rest > 0 {
		text += strconv.FormatInt(minutes, 10) + "M"
	}
	if rest > 0 {
		text += strconv.FormatInt(rest, 10) + "S"
	}
	return text, nil
}
