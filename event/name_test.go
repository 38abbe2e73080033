package event_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/leatstream/leat/event"
)

func TestTypesAreALetterAndThenLettersDigitsAndThreeMarks(t *testing.T) {
	for _, name := range []string{"a", "Z", "order.shipped", "orderShipped_2-x", "leat", "leatherette", strings.Repeat("t", 128)} {
		if got, err := event.ParseType(name); err != nil || got.String() != name || got.IsZero() || got.IsControl() || event.MustType(name) != got {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "1a", ".a", "_a", "a b", "a\n", "a\r", "a\x00", "é", "aé", "a/b", "a:", strings.Repeat("t", 129), "leat.", "leat.gap", "leat.mine"} {
		if got, err := event.ParseType(name); err == nil || !got.IsZero() {
			t.Errorf("%q is the type %q", name, got)
		}
	}
	for _, control := range []event.Type{event.TypeGap, event.TypeLive, event.TypeHeartbeat, event.TypeEnd} {
		if !control.IsControl() {
			t.Errorf("%s is no control event", control)
		}
	}
}

func TestKeysAreUTF8WithoutControlCharacters(t *testing.T) {
	for _, text := range []string{"a", " ", "a/b", "100%", "é", "🦊", "...", "-", `"\`, "\u2028", strings.Repeat("k", 256), strings.Repeat("🦊", 64)} {
		if k, err := event.ParseKey(text); err != nil || k.String() != text || k.IsZero() || event.MustKey(text) != k {
			t.Errorf("%q: %v, %v", text, k, err)
		}
	}
	for _, text := range []string{"", ".", "..", "a\n", "\r", "a\x00b", "\x7f", "\u0085", "a\xff", "\xed\xa0\x80", strings.Repeat("k", 257), strings.Repeat("🦊", 65)} {
		if k, err := event.ParseKey(text); err == nil || !k.IsZero() {
			t.Errorf("%q is the key %q", text, k)
		}
	}
}

func TestWhatIsKnownToBeRightMustBe(t *testing.T) {
	for what, f := range map[string]func(){
		"type":        func() { event.MustType("leat.gap") },
		"key":         func() { event.MustKey("") },
		"incarnation": func() { event.NewPosition("B7", 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a wrong %s did not panic", what)
				}
			}()
			f()
		}()
	}
}

func FuzzType(f *testing.F) {
	for _, name := range []string{"order.shipped", "leat.gap", "a\n", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := event.ParseType(name)
		if (err != nil) != got.IsZero() {
			t.Errorf("%q: %q, %v", name, got, err)
		}
		if err == nil && (got.String() != name || strings.ContainsAny(name, "\r\n\x00: ") || len(name) > 128 || got.IsControl()) {
			t.Errorf("%q is a type", name)
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, text := range []string{"a/b c%", "🦊", ".", "\n", "\xff", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := event.ParseKey(text)
		if (err != nil) != k.IsZero() {
			t.Errorf("%q: %q, %v", text, k, err)
		}
		if err == nil && (k.String() != text || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > event.MaxKeyBytes) {
			t.Errorf("%q is a key", text)
		}
	})
}
