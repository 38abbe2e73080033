package eventlog_test

import (
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"pgregory.net/rapid"
)

func TestAPositionLeadsToItsOwnEventOrIsReset(t *testing.T) {
	lineage, err := eventlog.ParseLineage(`[{"i":"aa","e":10},{"i":"bb","e":10},{"i":"cc","e":25},{"i":"dd","e":18446744073709551615}]`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		position string
		sequence uint64
		reason   event.GapReason
	}{
		{"aa-0", 0, ""},
		{"aa-10", 10, ""},
		{"aa-11", 10, event.GapReset},
		{"bb-7", 7, ""},
		{"bb-14", 10, event.GapReset},
		{"cc-25", 25, ""},
		{"cc-26", 25, event.GapReset},
		{"dd-26", 26, ""},
		{"dd-1000000", 1000000, ""}, // not reached, perhaps: that is the caller's to see
		{"zz-5", 0, event.GapReset},
	} {
		p, err := event.ParsePosition(c.position)
		if err != nil {
			t.Fatal(err)
		}
		if sequence, reason := lineage.Locate(p); sequence != c.sequence || reason != c.reason {
			t.Errorf("%s leads to %d, %q; want %d, %q", c.position, sequence, reason, c.sequence, c.reason)
		}
	}
	for sequence, want := range map[uint64]string{0: "aa-0", 10: "aa-10", 11: "cc-11", 25: "cc-25", 26: "dd-26"} {
		if got := lineage.Position(sequence).String(); got != want {
			t.Errorf("sequence %d is named %s, want %s", sequence, got, want)
		}
	}
}

func TestALineageThatCannotBeIsRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{}", `[{"i":"","e":1}]`, `[{"i":"A","e":1}]`} {
		if l, err := eventlog.ParseLineage(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, l)
		}
	}
}

func TestALineageIsBounded(t *testing.T) {
	l := eventlog.NewLineage()
	first := l.Position(1)
	for i := range 2000 {
		l = l.Renew(uint64(i + 1))
	}
	if size := len(l.String()); size > 64<<10 {
		t.Errorf("2,000 incarnations take %d bytes", size)
	}
	if sequence, reason := l.Locate(first); sequence != 0 || reason != event.GapReset {
		t.Errorf("a position of a forgotten incarnation leads to %d, %q, want 0, reset", sequence, reason)
	}
}

// A stored stream is played with: events are appended, and lost from the end.
func TestNoPositionEverNamesTwoEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lineage := eventlog.NewLineage()
		var events []int // by sequence-1: which event
		names := map[event.Position]int{}
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					events = append(events, next)
					p := lineage.Position(uint64(len(events)))
					if _, ok := names[p]; ok {
						t.Fatalf("%s names a second event", p)
					}
					names[p] = next
					next++
				}
			},
			"lose": func(t *rapid.T) {
				events = events[:rapid.IntRange(0, len(events)).Draw(t, "left")]
				lineage = lineage.Renew(uint64(len(events)))
			},
			"store": func(t *rapid.T) {
				again, err := eventlog.ParseLineage(lineage.String())
				if err != nil || again.String() != lineage.String() {
					t.Fatalf("%s is read as %s, %v", lineage, again, err)
				}
				lineage = again
			},
			"": func(t *rapid.T) {
				for p, e := range names {
					sequence, reason := lineage.Locate(p)
					there := sequence == p.Sequence() && sequence <= uint64(len(events)) && events[sequence-1] == e
					switch {
					case reason == "" && !there:
						t.Fatalf("%s was event %d, which is gone, and leads to %d of %s", p, e, sequence, lineage)
					case reason == "" && lineage.Position(sequence) != p:
						t.Fatalf("the id of %s changed to %s", p, lineage.Position(sequence))
					case reason != "" && (there || sequence > uint64(len(events))):
						t.Fatalf("%s is reset to %d of %s", p, sequence, lineage)
					}
				}
			},
		})
	})
}

func TestEachKeyIsATokenOfItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("%5F_.>* a")), 0, 6, -1))
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		token := eventlog.EscapeKey(a)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00") {
			t.Fatalf("%q is %q, which is no token", a, token)
		}
		if back, err := eventlog.UnescapeKey(token); err != nil || back != a {
			t.Fatalf("%q is read back from %q as %q, %v", a, token, back, err)
		}
		if a != b && token == eventlog.EscapeKey(b) {
			t.Fatalf("%q and %q are both %q", a, b, token)
		}
	})
}
