package document

import (
	"strconv"
	"strings"
)

// names gives out names that differ also where capitals do not count, as in the files of a code generator.
type names map[string]bool

// take gives the first of the wanted names that is free, and the last with a number where none is.
func (n names) take(wanted ...string) string {
	name := ""
	for _, name = range wanted {
		if !n[strings.ToLower(name)] {
			n[strings.ToLower(name)] = true
			return name
		}
	}
	for i := 2; ; i++ {
		if numbered := name + strconv.Itoa(i); !n[strings.ToLower(numbered)] {
			n[strings.ToLower(numbered)] = true
			return numbered
		}
	}
}

// pascal makes PriceFeed of price-feed, price_feed and priceFeed.
func pascal(name string) string {
	var b strings.Builder
	upper := true
	for _, c := range name {
		switch {
		case c == '-' || c == '_' || c == '.':
			upper = true
			continue
		case upper:
			b.WriteString(strings.ToUpper(string(c)))
		default:
			b.WriteRune(c)
		}
		upper = false
	}
	return b.String()
}
