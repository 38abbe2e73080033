package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/event"
)

func TestAPersonSeesColumnsAndEachNewDayOnce(t *testing.T) {
	var out bytes.Buffer
	p := &linePrinter{out: &out, person: true, kind: minColumn}
	day := time.Date(2024, 5, 1, 23, 59, 59, 5e6, time.Local)
	gap := event.NewGap("orders", "b7k2-3", event.NewPosition("b7k2", 9), event.GapExpired, day.Add(2*time.Second))
	for _, e := range []*event.Event{
		{Type: event.MustType("tick"), Time: day, Data: []byte(`1`)},
		{Type: event.MustType("order.shipped"), Key: event.MustKey("注文"), Time: day, Data: []byte(`{}`)},
		gap,
		{Type: event.MustType(strings.Repeat("long", 12)), Key: event.MustKey("k"), Time: gap.Time, Data: []byte(`{}`)},
		{Type: event.MustType("tick"), Key: event.MustKey("k"), Time: gap.Time, Data: []byte(`{}`)},
	} {
		if err := p.print(e); err != nil {
			t.Fatal(err)
		}
	}
	want := `── Wednesday, 1 May 2024 ──
23:59:59.005  tick              1
23:59:59.005  order.shipped     注文              {}
── Thursday, 2 May 2024 ──
00:00:01.005  leat.gap                            {"after":"b7k2-3","resumedAfter":"b7k2-9","reason":"expired"}
00:00:01.005  longlonglonglonglonglonglonglonglonglonglonglong  k                 {}
00:00:01.005  tick                              k                 {}
`
	if diff := cmp.Diff(want, ansi.Strip(out.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out.String() == want {
		t.Error("a terminal gets no colours")
	}
}

func TestDataCannotCommandTheTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false)
	if err := p.print(&event.Event{Type: event.MustType("said"), Data: []byte("\"\u009b2J \u007f é\"")}); err != nil {
		t.Fatal(err)
	}
	if want := `"\u009b2J \u007f é"` + "\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %q, want it to end with %q", out.String(), want)
	}
}
