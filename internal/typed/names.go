package typed

import (
	"strconv"
	"strings"
)

// words splits a name of any kind where its author did: at what is no letter or digit of ASCII, and at capitals.
func words(name string) []string {
	var all []string
	word := []byte{}
	end := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case isUpper(c):
			afterUpper := i > 0 && isUpper(name[i-1])
			beforeLower := i+1 < len(name) && isLower(name[i+1])
			if !afterUpper || beforeLower {
				end()
			}
		case !isLower(c) && !isDigit(c):
			end()
			continue
		}
		word = append(word, c)
	}
	end()
	return all
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// snake makes orderId order_id. A name begins with a letter.
func snake(name string) string {
	text := strings.Join(words(name), "_")
	switch {
	case text == "":
		return "field"
	case isDigit(text[0]):
		return "field_" + text
	}
	return text
}

// pascal makes order-id OrderId.
func pascal(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	switch text := b.String(); {
	case text == "":
		return "Type"
	case isDigit(text[0]):
		return "Type" + text
	default:
		return text
	}
}

// prefix is what the values of an enum begin with, as buf's rule ENUM_VALUE_PREFIX reckons it.
func prefix(enum string) string {
	var b strings.Builder
	for i := range len(enum) {
		c := enum[i]
		if i > 0 && isUpper(c) && (isLower(enum[i-1]) || i+1 < len(enum) && isLower(enum[i+1])) {
			b.WriteByte('_')
		}
		b.WriteByte(c)
	}
	return strings.ToUpper(b.String()) + "_"
}

// constant is the name of an enum's value, without its prefix. What has no letter or digit is told by its code points.
func constant(value string) string {
	if text := strings.ToUpper(strings.Join(words(value), "_")); text != "" {
		return text
	}
	if value == "" {
		return "EMPTY"
	}
	var points []string
	for _, c := range value {
		points = append(points, "U"+strings.ToUpper(strconv.FormatInt(int64(c), 16)))
		if len(points) == 8 {
			break
		}
	}
	return strings.Join(points, "_")
}

// lowerCamel is the name in JSON that protobuf gives to a field by itself.
func lowerCamel(name string) string {
	var b strings.Builder
	upper := false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			upper = true
			continue
		case upper && isLower(c):
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

// plain is a name without what generated code may lose of it: names that differ in case or underscores alone are the
// same to some language.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// free gives the first of name, name2 and so on (name_2 where there are underscores between words) that is not taken.
func free(name, separator string, taken func(string) bool) string {
	candidate := name
	for i := 2; taken(candidate); i++ {
		candidate = name + separator + strconv.Itoa(i)
	}
	return candidate
}
