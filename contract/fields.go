package contract

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/internal/problem"
)

// Fields are the members of one mapping of the contract. A getter reports a wrong value and gives the default instead,
// so that reading goes on to the next mistake.
type fields struct {
	r     *reading
	of    string // such as: stream "orders": retention.
	value *value
}

// fields takes a mapping whose members are known ones; anything else is reported.
func (r *reading) fields(v *value, of string, known ...string) fields {
	f := fields{r, of, v}
	if v.broken {
		return f
	}
	if v.kind != isMapping {
		r.errorf(v.at, "%s must be a mapping with %s, not %s", f.self(), strings.Join(known, ", "), v.describe())
		return f
	}
	for _, m := range v.members {
		if slices.Contains(known, m.name) {
			continue
		}
		hint := problem.DidYouMean(m.name, known)
		if hint == "" {
			hint = "; known are " + strings.Join(known, ", ")
		}
		f.errorf(m.at, "unknown field %q%s", shorten(m.name), hint)
	}
	return f
}

// errorf reports what is wrong with the mapping itself.
func (f fields) errorf(at place, format string, args ...any) {
	f.r.errorf(at, "%s: "+format, append([]any{f.self()}, args...)...)
}

// wrong reports what is wrong with a field.
func (f fields) wrong(name string, at place, format string, args ...any) {
	f.r.errorf(at, "%s%s "+format, append([]any{f.of, name}, args...)...)
}

func (f fields) self() string {
	if f.of == "" {
		return "the contract"
	}
	return strings.TrimRight(f.of, ": .")
}

// get gives a field's value, nil where it is left out or reported already.
func (f fields) get(name string) *value {
	if v := f.value.get(name); v != nil && !v.broken {
		return v
	}
	return nil
}

// nameOf is where a field's name is written.
func (f fields) nameOf(name string) (at place, there bool) {
	for _, m := range f.value.members {
		if m.name == name {
			return m.at, true
		}
	}
	return place{}, false
}

// require is get for a field that must be there.
func (f fields) require(name, example string) *value {
	if f.value.kind == isMapping && f.value.get(name) == nil {
		f.errorf(f.value.at, "field %q is missing: write %s", name, example)
	}
	return f.get(name)
}

// scalar gives a field's text where it is of the kind; the environment's text can be of any.
func (f fields) scalar(name string, k shape, want string) (string, bool) {
	v := f.get(name)
	if v == nil {
		return "", false
	}
	if v.kind != k && !(v.filled && v.kind != isList && v.kind != isMapping) {
		f.wrong(name, v.at, "must be %s, not %s", want, v.describe())
		return "", false
	}
	return v.text, true
}

func (f fields) string(name string) string {
	want := "a string"
	if v := f.get(name); v != nil && (v.kind == isNumber || v.kind == isBool) {
		want = `a string (quote it: "` + v.text + `")`
	}
	text, _ := f.scalar(name, isString, want)
	return text
}

func (f fields) bool(name string) bool {
	text, ok := f.scalar(name, isBool, "true or false")
	if ok && text != "true" && text != "false" {
		f.wrong(name, f.get(name).at, "must be true or false, not %q", shorten(text))
	}
	return text == "true"
}

// duration reads a duration of at least one and at most another.
func (f fields) duration(name string, fallback, least, most time.Duration) time.Duration {
	v := f.get(name)
	if v == nil {
		return fallback
	}
	d, ok := parseDuration(v.text)
	switch {
	case !ok || v.kind == isList || v.kind == isMapping:
		f.wrong(name, v.at, "must be a duration with its unit, such as 500ms, 15s, 72h or 7d, not %s", v.describe())
	case d < least:
		f.wrong(name, v.at, "is %s: it must be at least %s", v.text, formatDuration(least))
	case d > most:
		f.wrong(name, v.at, "is %s: it can be at most %s", v.text, formatDuration(most))
	default:
		return d
	}
	return fallback
}

const day = 24 * time.Hour

var days = regexp.MustCompile(`^(\d{1,6})d(.*)$`)

// parseDuration takes Go's durations, and days before them.
func parseDuration(text string) (time.Duration, bool) {
	var whole time.Duration
	if parts := days.FindStringSubmatch(text); parts != nil {
		n, err := strconv.Atoi(parts[1])
		if whole = time.Duration(n) * day; err != nil || whole/day != time.Duration(n) {
			return 0, false
		}
		if text = parts[2]; text == "" {
			return whole, true
		}
	}
	if text == "0" || strings.HasPrefix(text, "+") {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil || whole > 0 && d < 0 || d > math.MaxInt64-whole {
		return 0, false
	}
	return whole + d, true
}

// formatDuration leaves the zero units at the end out, which Go's String has.
func formatDuration(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if text == "" || text == "-" {
		return "0s"
	}
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	if last := text[len(text)-1]; '0' <= last && last <= '9' { // it was 10s, 20s…
		return d.String()
	}
	return text
}

// size reads a number of bytes, from 1 to most.
func (f fields) size(name string, fallback, most int64) int64 {
	v := f.get(name)
	if v == nil {
		return fallback
	}
	n, ok := parseSize(v.text)
	switch {
	case !ok || v.kind == isList || v.kind == isMapping:
		f.wrong(name, v.at, "must be a size in bytes, such as 1GiB, 64KiB, 10MB or 65536, not %s", v.describe())
	case n < 1:
		f.wrong(name, v.at, "is %s: it must be at least 1 byte", v.text)
	case n > most:
		f.wrong(name, v.at, "is %s: it can be at most %s", v.text, formatSize(most))
	default:
		return n
	}
	return fallback
}

var (
	sizes = regexp.MustCompile(`^(\d{1,19})(B|[KMGT]i?B)?$`)
	units = map[string]int64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
)

func parseSize(text string) (int64, bool) {
	parts := sizes.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	unit := units[parts[2]]
	if err != nil || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if n%units[unit] == 0 {
			return strconv.FormatInt(n/units[unit], 10) + unit
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// count reads a whole number of at least 1; 0 where it is left out or wrong.
func (f fields) count(name string) int64 {
	text, ok := f.scalar(name, isNumber, "a whole number, such as 100000")
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		f.wrong(name, f.get(name).at, "must be a whole number of at least 1, such as 100000, not %s", shorten(text))
		return 0
	}
	return n
}

// word reads one of the known words.
func word[T ~string](f fields, name string, fallback T, known ...T) T {
	v := f.get(name)
	if v == nil {
		return fallback
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	if v.kind != isList && v.kind != isMapping && slices.Contains(words, v.text) {
		return T(v.text)
	}
	f.wrong(name, v.at, "must be one of %s, not %s%s", strings.Join(words, ", "), v.describe(),
		problem.DidYouMean(v.text, words))
	return fallback
}
