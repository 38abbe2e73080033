package event_test

import (
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
)

func TestAPositionIsAnIncarnationAndASequence(t *testing.T) {
	for text, sequence := range map[string]uint64{
		"b7k2-1042": 1042, "a-0": 0, "0-1": 1, "z9-18446744073709551615": 1<<64 - 1, strings.Repeat("i", 32) + "-7": 7,
	} {
		p, err := event.ParsePosition(text)
		if err != nil || p.Sequence() != sequence || p.String() != text || p.IsZero() || p.Incarnation() != strings.Split(text, "-")[0] {
			t.Errorf("%q is %v, %d of %q, %v", text, p, p.Sequence(), p.Incarnation(), err)
		}
		if p != event.NewPosition(p.Incarnation(), sequence) {
			t.Errorf("%q is not what it was made of", text)
		}
	}
}

func TestWhatIsNoPositionIsRefusedWithWhatOneLooksLike(t *testing.T) {
	for _, text := range []string{
		"", "-", "b7k2", "b7k2-", "-1", "b7k2-01", "b7k2--1", "b7k2-+1", "b7k2-1 ", " b7k2-1", "b7k2-1\n", "B7K2-1", "b7_k-1", "é-1", "b7k2-1-2",
		"b7k2-18446744073709551616", "b7k2-1e3", strings.Repeat("i", 33) + "-7", strings.Repeat("x", 1000), "earliest", "latest",
	} {
		p, err := event.ParsePosition(text)
		if err == nil || !p.IsZero() || p.String() != "" {
			t.Errorf("%q is the position %q", text, p)
		} else if !strings.Contains(err.Error(), "b7k2-1042") || len(err.Error()) > 300 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Ids reach SSE lines, where CR, LF and NUL must not, and headers.
func FuzzPosition(f *testing.F) {
	for _, text := range []string{"b7k2-1042", "a-0", "b7k2-01", "b7k2-1\n", "", "-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := event.ParsePosition(text)
		if err != nil {
			if !p.IsZero() {
				t.Errorf("%q is wrong and the position %q", text, p)
			}
			return
		}
		if p.String() != text || len(text) > 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q is the position %q", text, p)
		}
	})
}
