package event

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// A Key names the entity that an event is about: 1 to 256 bytes of UTF-8 without control characters, and not "." or
// "..", which browsers and proxies rewrite in a path. The zero Key is no key.
type Key struct{ text string }

// MaxKeyBytes is the longest key in bytes of UTF-8.
const MaxKeyBytes = 256

// ParseKey makes a key of text; percent-encoding is the caller's to undo.
func ParseKey(text string) (Key, error) {
	switch {
	case text == "":
		return Key{}, errors.New("a key cannot be empty: it has 1 to 256 bytes")
	case len(text) > MaxKeyBytes:
		return Key{}, fmt.Errorf("the key is %d bytes long: at most %d are allowed", len(text), MaxKeyBytes)
	case !utf8.ValidString(text):
		return Key{}, fmt.Errorf("key %q is not valid UTF-8", text)
	case text == "." || text == "..":
		return Key{}, fmt.Errorf("a key cannot be %q: browsers and proxies rewrite it in a path", text)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return Key{}, fmt.Errorf("key %q has the control character %U: keys have none", text, r)
		}
	}
	return Key{text}, nil
}

// MustKey is ParseKey for a key known to be right; it panics otherwise.
func MustKey(text string) Key {
	k, err := ParseKey(text)
	if err != nil {
		panic(err)
	}
	return k
}

// String is the key's text, empty for no key.
func (k Key) String() string { return k.text }

// IsZero tells whether there is no key.
func (k Key) IsZero() bool { return k.text == "" }
