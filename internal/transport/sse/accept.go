package sse

import (
	"strings"

	"github.com/leatstream/leat/internal/problem"
)

// A mediaType is one that this transport can answer with.
type mediaType string

const (
	eventStream mediaType = "text/event-stream"
	ndjson      mediaType = "application/x-ndjson"
	jsonPage    mediaType = "application/json"
)

// offered is in the order that decides ties.
var offered = [...]mediaType{eventStream, ndjson, jsonPage}

// An accept is what the Accept headers of a request ask for (RFC 9110, section 12.5.1).
type accept struct {
	text   string // as it came, for what a refusal says
	ranges []mediaRange
}

// A mediaRange is one element of Accept. Its parameters other than q are ignored: what is offered has none, and
// clients that add charset=utf-8 mean the same thing.
type mediaRange struct {
	name    string // lower case: type/subtype, type/* or */*
	quality int    // in thousandths
}

// parseAccept reads the headers; elements that are no media range are passed over.
func parseAccept(headers []string) accept {
	a := accept{text: strings.Join(headers, ", ")}
	for _, header := range headers {
		for element := range splitQuoted(header, ',') {
			if r, ok := parseRange(element); ok {
				a.ranges = append(a.ranges, r)
			}
		}
	}
	return a
}

// choose gives the offered type of the highest quality.
func (a accept) choose() (mediaType, error) {
	if strings.Trim(a.text, ", \t") == "" {
		return eventStream, nil
	}
	best, bestQuality := mediaType(""), 0
	for _, t := range offered {
		if q := a.quality(t); q > bestQuality {
			best, bestQuality = t, q
		}
	}
	if best == "" {
		return "", problem.New(problem.NotAcceptable,
			"nothing here suits Accept: %s; there is text/event-stream, application/x-ndjson (both live) and application/json (a page)",
			shorten(a.text))
	}
	return best, nil
}

// names tells whether the type itself is asked for, and not just within a wildcard.
func (a accept) names(t mediaType) bool {
	for _, r := range a.ranges {
		if r.name == string(t) && r.quality > 0 {
			return true
		}
	}
	return false
}

// quality is that of the most specific range that holds the type, 0 where there is none.
func (a accept) quality(t mediaType) int {
	kind, _, _ := strings.Cut(string(t), "/")
	for _, name := range [...]string{string(t), kind + "/*", "*/*"} {
		found, quality := false, 0
		for _, r := range a.ranges {
			if r.name == name {
				found, quality = true, max(quality, r.quality)
			}
		}
		if found {
			return quality
		}
	}
	return 0
}

func parseRange(element string) (mediaRange, bool) {
	r := mediaRange{quality: 1000}
	first := true
	for part := range splitQuoted(element, ';') {
		part = strings.TrimSpace(part)
		if first {
			r.name = strings.ToLower(part)
			first = false
			continue
		}
		if name, value, ok := strings.Cut(part, "="); ok && strings.EqualFold(strings.TrimSpace(name), "q") {
			if r.quality, ok = parseQuality(strings.TrimSpace(value)); !ok {
				return mediaRange{}, false
			}
		}
	}
	kind, sub, ok := strings.Cut(r.name, "/")
	return r, ok && kind != "" && sub != ""
}

// parseQuality reads a qvalue: 0 or 1, with at most three decimals (RFC 9110, section 12.4.2), in thousandths.
func parseQuality(text string) (int, bool) {
	whole, decimals, _ := strings.Cut(text, ".")
	if (whole != "0" && whole != "1") || len(decimals) > 3 {
		return 0, false
	}
	quality := int(whole[0] - '0')
	for i := range 3 {
		digit := byte('0')
		if i < len(decimals) {
			digit = decimals[i]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		quality = quality*10 + int(digit-'0')
	}
	return quality, quality <= 1000
}

// splitQuoted gives the parts between separators, of which those within quoted strings (RFC 9110, section 5.6.4)
// are none.
func splitQuoted(text string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				quoted = !quoted
			case c == '\\' && quoted:
				i++
			case c == separator && !quoted:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// shorten keeps what a client sent from filling the answer that quotes it.
func shorten(text string) string {
	const most = 200
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
